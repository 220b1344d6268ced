"""The error tree, and files that are there whole or not at all."""

import errno
import json
import os
import stat
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tastelm import errors
from tastelm.errors import MissingExtra, OutputError, TasteLMError, nearest
from tastelm.files import remove, replacing, to_json, write_bytes, write_json, write_text


def test_the_tree_is_the_one_that_is_drawn() -> None:
    drawn = [line.split("── ")[1].split()[0] for line in (errors.__doc__ or "").splitlines() if "── " in line]
    made = [name for name, kind in vars(errors).items() if isinstance(kind, type) and issubclass(kind, TasteLMError) and kind is not TasteLMError]
    assert drawn == made


@pytest.mark.parametrize(("word", "known", "said"), [
    ("sasrc", ["sasrec", "ease"], "did you mean 'sasrec'?"),
    ("SASREC", ["sasrec", "ease"], "did you mean 'sasrec'?"),
    ("gpt", ["sasrec", "ease"], "known are: ease, sasrec."),
    ("", ["b", "a"], "known are: a, b."),
])  # fmt: skip
def test_nearest(word: str, known: list[str], said: str) -> None:
    assert nearest(word, known) == said


@given(st.text(), st.lists(st.text(min_size=1), min_size=1))
def test_nearest_names_something_known(word: str, known: list[str]) -> None:
    assert any(name in nearest(word, known) for name in known)


def test_a_missing_extra_says_what_mends_it() -> None:
    error = MissingExtra("mlflow", "mlflow", "Logging to MLflow")
    assert str(error) == "Logging to MLflow needs the package 'mlflow'. Install it with: pip install 'tastelm[mlflow]'"
    assert isinstance(error, ImportError)


def test_writing_makes_folders_and_replaces(tmp_path: Path) -> None:
    path = tmp_path / "a" / "b" / "c.bin"
    write_bytes(path, b"old")
    write_bytes(path, b"new")
    assert path.read_bytes() == b"new"
    assert [entry.name for entry in path.parent.iterdir()] == ["c.bin"]
    write_text(path, "ünï\n")
    assert path.read_bytes() == "ünï\n".encode()


def test_a_written_file_has_the_usual_rights(tmp_path: Path) -> None:
    (tmp_path / "usual").write_bytes(b"")
    write_bytes(tmp_path / "ours", b"")
    assert stat.S_IMODE((tmp_path / "ours").stat().st_mode) == stat.S_IMODE((tmp_path / "usual").stat().st_mode)


@pytest.mark.parametrize("call", ["fsync", "replace"])
@pytest.mark.parametrize("code", [errno.ENOSPC, errno.EROFS, errno.EACCES, errno.EIO])
def test_a_failure_leaves_the_old_content_and_nothing_else(call: str, code: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "file"
    path.write_bytes(b"old")

    def fail(*arguments: object) -> None:
        raise OSError(code, os.strerror(code))

    monkeypatch.setattr(os, call, fail)
    with pytest.raises(OutputError) as caught:
        write_bytes(path, b"new")
    assert str(caught.value) == f"{path}: cannot be written ({os.strerror(code)}). Choose another place, or make room there."
    assert {entry.name: entry.read_bytes() for entry in tmp_path.iterdir()} == {"file": b"old"}


@pytest.mark.parametrize("error", [KeyboardInterrupt, ValueError, MemoryError])
def test_whatever_ends_the_block_leaves_the_old_content(error: type[BaseException], tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_bytes(b"old")
    with pytest.raises(error), replacing(path) as temporary:
        temporary.write_bytes(b"half")
        raise error
    assert {entry.name: entry.read_bytes() for entry in tmp_path.iterdir()} == {"file": b"old"}


@pytest.mark.parametrize("place", ["file/below", "folder", "x" * 300])
def test_a_place_that_cannot_be_is_refused(place: str, tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"")
    (tmp_path / "folder").mkdir()
    with pytest.raises(OutputError, match="cannot be written"):
        write_bytes(tmp_path / place, b"new")
    assert sorted(entry.name for entry in tmp_path.iterdir()) == ["file", "folder"]


def test_remove_takes_a_file_away_or_says_why_not(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(OutputError, match="cannot be written"):
        remove(tmp_path / "file" / "below")
    remove(tmp_path / "file")
    remove(tmp_path / "file")
    assert not any(tmp_path.iterdir())


PLAIN = st.recursive(st.none() | st.booleans() | st.integers() | st.floats() | st.text(), lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner))


@given(PLAIN)
def test_json_is_json_everywhere(content: object) -> None:
    json.loads(to_json(content), parse_constant=lambda word: pytest.fail(f"{word} is not JSON"))


def test_json_reads_well(tmp_path: Path) -> None:
    write_json(tmp_path / "a.json", {"b": [1, float("nan")], "ü": (float("-inf"),)})
    assert (tmp_path / "a.json").read_text() == '{\n  "b": [\n    1,\n    null\n  ],\n  "ü": [\n    null\n  ]\n}\n'
