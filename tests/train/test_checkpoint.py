"""Checkpoints: whole, or said to be damaged."""

import json
import math
from pathlib import Path

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from tastelm.errors import OutputError, RunError
from tastelm.train.checkpoint import Checkpoint

STATE = {"step": 3, "losses": [0.5, 1e-300], "course": {"best": -math.inf}, "before": {"a.b": "ff"}, "note": "π ☃"}
TENSORS = {"module.a": torch.randn(3, 2), "module.a.b": torch.arange(4), "best.a": torch.zeros(0), "modules.c": torch.tensor(2.5)}


def test_what_is_written_is_read(tmp_path: Path) -> None:
    path = tmp_path / "deep" / "now.safetensors"
    Checkpoint(STATE, TENSORS).write(path)
    found = Checkpoint.read(path)
    assert found.state == STATE and found.tensors.keys() == TENSORS.keys()
    assert all(torch.equal(found.tensors[name], value) and found.tensors[name].dtype == value.dtype for name, value in TENSORS.items())
    assert [entry.name for entry in path.parent.iterdir()] == ["now.safetensors"], "nothing is left beside it"


@given(st.dictionaries(st.text(), st.recursive(st.none() | st.booleans() | st.floats(allow_nan=False) | st.text(), st.lists, max_leaves=5)))
def test_any_plain_state_comes_back(tmp_path_factory: pytest.TempPathFactory, state: dict[str, object]) -> None:
    path = tmp_path_factory.mktemp("state") / "x.safetensors"
    try:
        json.dumps(state).encode()
    except UnicodeEncodeError:
        return
    Checkpoint(state, {}).write(path)
    assert Checkpoint.read(path).state == state


def test_groups() -> None:
    checkpoint = Checkpoint({}, TENSORS)
    assert checkpoint.group("module").keys() == {"a", "a.b"} and checkpoint.group("best").keys() == {"a"} and not checkpoint.group("optimizer")


def test_a_second_one_replaces_the_first(tmp_path: Path) -> None:
    path = tmp_path / "now.safetensors"
    for step in (1, 2):
        Checkpoint({"step": step}, TENSORS).write(path)
    assert Checkpoint.read(path).state == {"step": 2}


def test_every_truncation_is_found(tmp_path: Path) -> None:
    whole, path = tmp_path / "whole", tmp_path / "cut"
    Checkpoint(STATE, TENSORS).write(whole)
    content = whole.read_bytes()
    for size in range(len(content)):
        path.write_bytes(content[:size])
        with pytest.raises(RunError, match=r"cut: the checkpoint is damaged \(.+\)\. Delete it to begin the training again\."):
            Checkpoint.read(path)


@pytest.mark.parametrize("content", [b"", b"\xff" * 100, b"PK\x03\x04" + bytes(50), b"{}", bytes(8) + b"{}"])
def test_what_is_no_checkpoint_is_refused(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "x").write_bytes(content)
    with pytest.raises(RunError, match="x: the checkpoint is damaged"):
        Checkpoint.read(tmp_path / "x")


def test_a_missing_file_a_folder_and_weights_without_a_state_are_refused(tmp_path: Path) -> None:
    from safetensors.torch import save_file

    save_file(TENSORS, tmp_path / "weights")
    for name in ("nowhere", ".", "weights"):
        with pytest.raises(RunError, match="the checkpoint is damaged"):
            Checkpoint.read(tmp_path / name)


def test_a_place_that_cannot_be_written(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(OutputError, match="cannot be written"):
        Checkpoint(STATE, TENSORS).write(tmp_path / "file" / "now.safetensors")
