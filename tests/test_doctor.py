"""What the installation has and lacks."""

import json
from importlib import metadata

import pytest

import tastelm
from tastelm import doctor


def test_it_finds_what_is_installed() -> None:
    found = doctor.examine()
    assert found["tastelm"] == tastelm.__version__
    assert found["packages"]["torch"] == metadata.version("torch")
    assert all(found["packages"].values()), "what is required is installed"
    assert 0 < found["memory_free_gib"] <= found["memory_gib"]
    assert float(found["bfloat16"].split()[1]) > 0, "a ratio that was measured"
    assert found["threads"] >= 1 and found["cores"] >= 1
    json.dumps(found)


def test_every_extra_is_one_of_the_package() -> None:
    provided = metadata.metadata("tastelm").get_all("Provides-Extra") or []
    assert {line["extra"] for line in doctor.examine()["extras"]} == set(provided) - {"dev"}


def test_what_is_missing_comes_with_what_mends_it(monkeypatch: pytest.MonkeyPatch) -> None:
    def missing(package: str) -> str:
        raise metadata.PackageNotFoundError(package)

    monkeypatch.setattr(metadata, "version", missing)
    found = doctor.examine()
    assert set(found["packages"].values()) == {None}
    for line in found["extras"]:
        assert line["version"] is None
        assert line["install"] == f"pip install 'tastelm[{line['extra']}]'"
