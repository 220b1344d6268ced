"""Training and answering use the device that TASTELM_DEVICE names, and an accelerator where it names none."""

from pathlib import Path

import pytest
import torch
from cli.running import tastelm

import tastelm as tl
from tastelm.devices import device, precision
from tastelm.errors import SettingError
from tastelm.testing import circle


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
    monkeypatch.setenv("TASTELM_DEVICE", "cpu")
    assert precision("auto") == "32-true" and precision("bf16-mixed") == "bf16-mixed"


def test_what_is_loaded_and_what_nothing_trained_stand_there(tmp_path: Path) -> None:
    for system in ("popularity", "sasrec"):
        made = tl.fit(system, circle(), out=tmp_path / system, budget="1steps")
        for recommender in (made, tl.load(tmp_path / system)):
            assert {tensor.device.type for tensor in recommender.module.state_dict().values()} == {device().type}
