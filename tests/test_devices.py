"""Training and answering use the device that TASTELM_DEVICE names, and an accelerator where it names none."""

from pathlib import Path

import numpy as np
import pytest
import torch
from cli.running import tastelm

import tastelm as tl
from tastelm.devices import device, precision
from tastelm.errors import SettingError
from tastelm.objectives.base import Outcome
from tastelm.testing import circle
from tastelm.train.budget import Budget
from tastelm.train.progress import Silent
from tastelm.train.run import run_stage
from tastelm.train.stage import Stage


def test_without_a_word_it_is_the_accelerator_if_there_is_one(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("TASTELM_DEVICE", raising=False)
    for cuda, mps, expected in ((True, True, "cuda"), (False, True, "mps"), (False, False, "cpu")):
        monkeypatch.setattr(torch.cuda, "is_available", lambda cuda=cuda: cuda)
        monkeypatch.setattr(torch.backends.mps, "is_available", lambda mps=mps: mps)
        assert device().type == expected


def test_a_word_decides(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setenv("TASTELM_DEVICE", " CPU ")
    assert device().type == "cpu"


@pytest.mark.parametrize(("word", "said"), [("tpu", "'tpu' is no kind of device. Take auto, cpu, cuda or mps."), ("cuda", "cuda is not on this machine")])
def test_another_word_is_refused(word: str, said: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    monkeypatch.setenv("TASTELM_DEVICE", word)
    with pytest.raises(SettingError, match=said):
        device()
    found = tastelm("doctor")
    assert found.code == 2 and "TASTELM_DEVICE" in found.err and "Traceback" not in found.err


def test_precision_follows_the_device(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("TASTELM_DEVICE", raising=False)
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    for multiplies, expected in ((True, "bf16-mixed"), (False, "32-true")):
        monkeypatch.setattr(torch.cuda, "is_bf16_supported", lambda multiplies=multiplies: multiplies)
        assert precision("auto") == expected and precision("32-true") == "32-true"
    monkeypatch.setattr(torch.cuda, "is_bf16_supported", lambda: True)
    monkeypatch.setenv("TASTELM_PRECISION", "single")
    assert precision("auto") == "32-true" and precision("bf16-mixed") == "bf16-mixed"
    monkeypatch.setenv("TASTELM_PRECISION", "double")
    with pytest.raises(SettingError, match="TASTELM_PRECISION: 'double' is not known"):
        precision("auto")


@pytest.mark.parametrize("told", [{"avx512_bf16": True}, {"amx_bf16": True}, {"avx512_bf16": False}, {}])
def test_on_a_cpu_only_large_models_are_halved_and_where_it_can(told: dict[str, bool], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TASTELM_DEVICE", "cpu")
    monkeypatch.delenv("TASTELM_PRECISION", raising=False)
    monkeypatch.setattr(torch.cpu, "get_capabilities", lambda: told, raising=False)
    assert precision("auto") == "32-true" and precision("bf16-mixed") == "bf16-mixed"
    assert precision("auto", large=True) == ("bf16-mixed" if any(told.values()) else "32-true")
    monkeypatch.setenv("TASTELM_PRECISION", "single")
    assert precision("auto", large=True) == "32-true"


class Halved(torch.nn.Module):
    """Like a language model that comes trained, or like one from scratch. Remembers in what it multiplied."""

    def __init__(self, *, external: bool) -> None:
        super().__init__()
        self.weight, self.external, self.seen = torch.nn.Parameter(torch.ones(4, 4)), external, list[torch.dtype]()


class Squared:
    def __call__(self, module: Halved, batch: object, rng: np.random.Generator) -> Outcome:
        found = module.weight @ module.weight
        module.seen.append(found.dtype)
        return Outcome(found.float().square().mean(), 1)


class OneBatch:
    def batches(self, epoch: int, seed: int) -> list[int]:
        return [0]


@pytest.mark.parametrize("external", [True, False])
def test_training_halves_what_comes_trained(external: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TASTELM_DEVICE", "cpu")
    monkeypatch.setattr(torch.cpu, "get_capabilities", lambda: {"avx512_bf16": True}, raising=False)
    module = torch.nn.Sequential(Halved(external=external))
    stage = Stage("toy", module, view=OneBatch(), objective=lambda whole, batch, rng: Squared()(whole[0], batch, rng), monitor=None)  # type: ignore[arg-type, index]
    run_stage(stage, seed=0, budget=Budget(steps=2), validate=None, checkpoint=None, watch=Silent())
    assert set(module[0].seen) == {torch.bfloat16 if external else torch.float32}  # type: ignore[arg-type]
    assert module[0].weight.dtype == torch.float32


def test_what_is_loaded_and_what_nothing_trained_stand_there(tmp_path: Path) -> None:
    for system in ("popularity", "sasrec"):
        made = tl.fit(system, circle(), out=tmp_path / system, budget="1steps")
        for recommender in (made, tl.load(tmp_path / system)):
            assert {tensor.device.type for tensor in recommender.module.state_dict().values()} == {device().type}
