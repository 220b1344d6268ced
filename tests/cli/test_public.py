"""`tastelm data get` and `tastelm data list`, and public sets as `--data`."""

import io
import json
import os
from pathlib import Path

import pytest
from data.public.conftest import Server, cache, server  # noqa: F401
from data.public.published import MAKERS, put, zipped

from cli.running import done, tastelm
from tastelm.data.sources.public import PUBLICATIONS, Publication, catalogue
from tastelm.data.sources.public.publication import Published


def test_list() -> None:
    said = done("data", "list").out
    listed = json.loads(done("data", "list", "--json").out)
    assert {entry["name"] for entry in listed} == set(PUBLICATIONS) and not any(entry["cached"] for entry in listed)
    for word in ("movielens:1m", "5.9 MB", "amazon:2018/PART", "All_Beauty", "by hand", "Terms of Use"):
        assert word in said


def test_get_shows_the_terms_and_asks(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, cache: Path) -> None:  # noqa: F811
    MAKERS["movielens:1m"](tmp_path)
    command = ("data", "get", "movielens:1m", "--from", tmp_path)
    for answer in ("n\n", ""):
        monkeypatch.setattr("sys.stdin", io.StringIO(answer))
        refused = tastelm(*command)
        assert refused.code == 2 and os.listdir(cache) == []
        for word in ("no commercial use without its permission", str(tmp_path), "bytes", "movielens-1m", "Go on?"):
            assert word in refused.err
        assert refused.err.endswith("Error: movielens:1m: nothing was fetched, since it was not agreed to. Answer y, or give --yes.\n")
    monkeypatch.setattr("sys.stdin", io.StringIO("y\n"))
    assert "movielens:1m lies in" in done(*command).out
    assert [entry["name"] for entry in json.loads(done("data", "list", "--json").out) if entry["cached"]] == ["movielens:1m"]
    assert "is in the cache already" in done("data", "get", "movielens:1m").out
    assert "2 users from users.dat" in done("data", "check", "movielens:1m").out.replace("\n", " ")


def test_get_from_the_publisher(server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:  # noqa: F811
    MAKERS["movielens:100k"](tmp_path / "made")
    server.files["a.zip"] = zipped(tmp_path / "made", tmp_path / "a.zip").read_bytes()
    changed = Publication(**{**vars(PUBLICATIONS["movielens:100k"]), "files": (Published(server.url("a.zip")),)})
    monkeypatch.setitem(catalogue.PUBLICATIONS, "movielens:100k", changed)
    said = done("data", "get", "movielens:100k", "--yes")
    assert "that of this download is kept and checked from now on" in " ".join(said.err.split()) and server.url("a.zip") in said.err
    assert json.loads(done("data", "check", "movielens:100k", "--json").out)["facts"]["interactions"] == "3"


def test_an_interrupted_download_leaves_with_130_and_goes_on(server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, cache: Path) -> None:  # noqa: F811
    put(tmp_path, "made/yelp_academic_dataset_review.json", json.dumps({"user_id": "u", "business_id": "b", "stars": 3, "date": "2018-07-07 22:09:11"}))
    put(tmp_path, "made/photos.bin", os.urandom(2_000_000))
    server.files["y.tar"] = zipped(tmp_path / "made", tmp_path / "y.tar").read_bytes()
    command = ("data", "get", "yelp", "--from", server.url("y.tar"), "--yes")

    def stop(*arguments: object, **options: object) -> None:
        if isinstance(done := options.get("completed"), int) and done > 500_000:
            raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr("rich.progress.Progress.update", stop)
        left = tastelm(*command)
    assert left.code == 130 and "give the same command again to go on" in left.err
    (part,) = [path for path in (cache / "yelp").iterdir() if path.suffix == ".part"]
    have = part.stat().st_size
    done(*command)
    assert have > 0 and server.gets[-1] == f"bytes={have}-" and not part.exists()


def test_a_public_set_is_compared_like_any_data(tmp_path: Path) -> None:
    steps = "".join(f"{user}\t{(user + place) % 9}\t4\t{881250949 + place}\n" for user in range(30) for place in range(6))
    put(tmp_path, "ml/u.data", steps)
    done("compare", "--data", f"movielens:100k@{tmp_path / 'ml'}", "--systems", "popularity", "--out", tmp_path / "board")
    assert json.loads((tmp_path / "board/leaderboard.json").read_text())
