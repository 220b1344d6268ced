"""Fetching through a server on loopback: whole, cut, resumed, refused, interrupted."""

import errno
import gzip
import hashlib
import json
import os
from pathlib import Path

import pytest
import requests

from data.public.conftest import Server
from data.public.published import MAKERS, zipped
from tastelm.data.sources import read
from tastelm.data.sources.public import PUBLICATIONS, Publication, carry_out, find, get, listing, plan
from tastelm.data.sources.public import catalogue as table
from tastelm.data.sources.public.download import Resuming, download
from tastelm.data.sources.public.publication import Published
from tastelm.errors import DataError, OutputError, SettingError

BYTES = hashlib.sha256(b"seed").digest() * 40_000  # 1.28 MB
CUT = 1 << 18  # whole pieces, as they are written


def published(server: Server, content: bytes = BYTES, name: str = "set.bin", digest: str | None = None) -> Published:
    server.files[name] = content
    return Published(server.url(name), len(content), digest)


@pytest.fixture
def movielens(server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Publication:
    """MovieLens 100K, published by the server."""
    MAKERS["movielens:100k"](tmp_path / "made")
    content = zipped(tmp_path / "made", tmp_path / "made.zip").read_bytes()
    file = published(server, content, "ml-100k.zip", f"md5:{hashlib.md5(content).hexdigest()}")
    changed = Publication(**{**vars(PUBLICATIONS["movielens:100k"]), "files": (file,)})
    monkeypatch.setitem(table.PUBLICATIONS, "movielens:100k", changed)
    return changed


def test_a_whole_download_with_the_right_checksum(server, tmp_path):
    told = []
    path = download(published(server, digest=f"sha256:{hashlib.sha256(BYTES).hexdigest()}"), tmp_path, lambda have, total: told.append((have, total)))
    assert path.read_bytes() == BYTES and os.listdir(tmp_path) == ["set.bin"]
    assert told[-1] == (len(BYTES), len(BYTES)) and sorted(told) == told and server.gets == [None]


def test_a_cut_connection_is_taken_up_again_at_once(server, tmp_path):
    server.cuts = [CUT, 2 * CUT]
    assert download(published(server), tmp_path).read_bytes() == BYTES
    assert server.gets == [None, f"bytes={CUT}-", f"bytes={3 * CUT}-"]


def test_a_download_that_stops_goes_on_with_the_next_call(server, tmp_path):
    file = published(server, digest=f"md5:{hashlib.md5(BYTES).hexdigest()}")
    server.cuts = [CUT, 0, 0]
    with pytest.raises(
        DataError, match=r"the download stopped after 262,144 bytes \(the connection was cut\)\. They are kept: give the same command again to go on\.$"
    ):
        download(file, tmp_path)
    assert (tmp_path / "set.bin.part").stat().st_size == CUT and not (tmp_path / "set.bin").exists()
    server.cuts, before = [], len(server.gets)
    assert download(file, tmp_path).read_bytes() == BYTES
    assert server.gets[before:] == [f"bytes={CUT}-"] and os.listdir(tmp_path) == ["set.bin"]


def test_a_server_without_ranges_sends_the_whole_again(server, tmp_path):
    server.ranges, server.cuts = False, [CUT]
    assert download(published(server), tmp_path).read_bytes() == BYTES
    assert server.gets == [None, f"bytes={CUT}-"]


def test_a_file_that_changed_in_between_is_fetched_anew(server, tmp_path):
    server.cuts = [CUT, 0, 0]
    with pytest.raises(DataError, match="stopped"):
        download(published(server), tmp_path)
    server.tag, server.cuts = '"two"', []
    assert download(published(server, BYTES[::-1]), tmp_path).read_bytes() == BYTES[::-1]


def test_a_part_that_is_whole_needs_its_move_only(server, tmp_path):
    file = published(server)
    (tmp_path / "set.bin.part").write_bytes(BYTES)
    assert download(file, tmp_path).read_bytes() == BYTES and server.gets == [f"bytes={len(BYTES)}-"]


def test_a_part_that_is_too_long_is_no_part(server, tmp_path):
    (tmp_path / "set.bin.part").write_bytes(BYTES + b"more")
    assert download(published(server), tmp_path).read_bytes() == BYTES and server.gets == [f"bytes={len(BYTES) + 4}-", None]


def test_a_wrong_checksum_is_refused_and_nothing_is_kept(server, tmp_path):
    with pytest.raises(DataError, match=r"set\.bin: wrong checksum: the file that came is not the one published as md5:0{32}\. It was thrown away"):
        download(published(server, digest=f"md5:{'0' * 32}"), tmp_path)
    assert os.listdir(tmp_path) == []


@pytest.mark.parametrize(("status", "word"), [(404, "Not Found"), (403, "Forbidden"), (500, "Internal Server Error")])
def test_a_server_that_refuses(server, tmp_path, status, word):
    server.status = status
    with pytest.raises(DataError, match=rf"the server answers {status} \({word}\)\. Look at the publisher's page .* --from URL"):
        download(published(server), tmp_path)
    assert os.listdir(tmp_path) == []


def test_no_connection(tmp_path, server):
    file = published(server)
    server.server_close()
    server.socket.close()
    with pytest.raises(DataError, match=r"the download stopped after 0 bytes \(no connection\)\. Check the network and give the same command again\.$"):
        download(Published("http://127.0.0.1:9/set.bin"), tmp_path)
    assert os.listdir(tmp_path) == [] and file.name == "set.bin"


def test_a_full_disk_keeps_what_came(server, tmp_path, monkeypatch):
    file, usual = published(server), requests.Response.iter_content

    def full(self, size):
        yield from (piece for piece, _ in zip(usual(self, size), range(2), strict=False))
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    with monkeypatch.context() as patched:
        patched.setattr(requests.Response, "iter_content", full)
        with pytest.raises(OutputError, match=r"set\.bin\.part: cannot be written \(No space left on device\)\. .*TASTELM_CACHE.*what came is kept"):
            download(file, tmp_path)
    assert (tmp_path / "set.bin.part").stat().st_size == 2 << 18
    assert download(file, tmp_path).read_bytes() == BYTES and server.gets[-1] == f"bytes={2 << 18}-"


def test_too_little_room_is_said_before_anything_is_written(server, tmp_path, monkeypatch):
    monkeypatch.setattr("shutil.disk_usage", lambda path: type("Usage", (), {"free": 1000})())
    with pytest.raises(OutputError, match=r"1,280,000 bytes are still to come and 1,000 are free\. Make room there, or set TASTELM_CACHE"):
        download(published(server), tmp_path)
    assert not (tmp_path / "set.bin").exists() and not (tmp_path / "set.bin.part").exists()


def test_an_interrupt_leaves_a_part_to_go_on_with(server, tmp_path):
    file = published(server)

    def stop(have: int, total: int | None) -> None:
        if have > 500_000:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        download(file, tmp_path, stop)
    have = (tmp_path / "set.bin.part").stat().st_size
    assert 0 < have < len(BYTES) and not (tmp_path / "set.bin").exists()
    assert download(file, tmp_path).read_bytes() == BYTES and server.gets[-1] == f"bytes={have}-"


def test_a_server_that_answers_with_other_bytes_than_asked_for(server, tmp_path, monkeypatch):
    (tmp_path / "set.bin.part").write_bytes(BYTES[:100])
    monkeypatch.setattr("tastelm.data.sources.public.download._begin", lambda answer: 7)
    with pytest.raises(DataError, match="stopped after 100 bytes"):
        Resuming(tmp_path / "set.bin.part")(published(server).url, str(tmp_path / "out"), None)
    assert not (tmp_path / "out").exists()


def test_get_fetches_once_and_reads_ever_after(movielens, server, cache):
    folder = get("movielens:100k")
    assert folder == cache / "movielens-100k" and sorted(os.listdir(folder)) == ["ml-100k.zip", "record.json"]
    assert get("movielens:100k") == folder and server.gets == [None]
    assert plan("movielens:100k").present and len(read("movielens:100k")) == 3
    kept = json.loads((folder / "record.json").read_text())
    assert kept["licence"] == movielens.licence and kept["files"]["ml-100k.zip"]["published"] == movielens.files[0].digest
    assert [entry["name"] for entry in listing() if entry["cached"]] == ["movielens:100k"]


def test_what_changed_in_the_cache_is_refused(movielens, cache):
    path = get("movielens:100k") / "ml-100k.zip"
    content = bytearray(path.read_bytes())
    content[-1] ^= 1
    path.write_bytes(content)
    with pytest.raises(
        DataError, match=r"ml-100k\.zip: the file is not what was fetched \(wrong checksum\)\. Delete it and run: tastelm data get movielens:100k"
    ):
        read("movielens:100k")
    path.unlink()
    with pytest.raises(DataError, match=r"ml-100k\.zip: the file is gone from the cache"):
        read("movielens:100k")
    assert not plan("movielens:100k").present and len(read(f"movielens:100k@{get('movielens:100k')}")) == 3


def test_a_changed_file_is_fetched_anew_and_not_taken_for_the_one_that_is_wanted(server, movielens, monkeypatch):
    monkeypatch.setitem(table.PUBLICATIONS, "movielens:100k", Publication(**{**vars(movielens), "files": (Published(movielens.files[0].url),)}))
    path = get("movielens:100k") / "ml-100k.zip"
    path.write_bytes(path.read_bytes() + b"x")
    assert get("movielens:100k") and path.read_bytes() == server.files["ml-100k.zip"] and len(server.gets) == 2


def test_an_archive_that_is_not_whole_is_thrown_away(server, movielens, cache, monkeypatch):
    whole = server.files["ml-100k.zip"]
    monkeypatch.setitem(table.PUBLICATIONS, "movielens:100k", Publication(**{**vars(movielens), "files": (Published(movielens.files[0].url),)}))
    server.files["ml-100k.zip"] = whole[:-40]
    with pytest.raises(DataError, match=r"ml-100k\.zip: the archive is damaged or cut off \(.*\)\. Fetch it again"):
        get("movielens:100k")
    assert os.listdir(cache / "movielens-100k") == []
    server.files["ml-100k.zip"] = whole
    assert len(read(f"movielens:100k@{get('movielens:100k')}")) == 3


def test_a_set_of_two_files_goes_on_with_the_second(server, cache, tmp_path, monkeypatch):
    MAKERS["amazon:2018/All_Beauty"](tmp_path)
    names = ("All_Beauty_5.json.gz", "meta_All_Beauty.json.gz")
    files = tuple(published(server, (tmp_path / name).read_bytes(), name) for name in names)
    monkeypatch.setitem(table.PUBLICATIONS, "amazon:2018/All_Beauty", Publication(**{**vars(find("amazon:2018/All_Beauty")), "files": files}))
    server.files[names[1]] = gzip.compress(b"{}\n" * 100)[:-8]
    with pytest.raises(DataError, match=r"meta_All_Beauty\.json\.gz: the gzip file is cut off after 300 unpacked bytes"):
        get("amazon:2018/All_Beauty")
    assert not plan("amazon:2018/All_Beauty").present
    with pytest.raises(DataError, match=r"is in the cache in part \(All_Beauty_5\.json\.gz\)\. Go on with: tastelm data get amazon:2018/All_Beauty"):
        read("amazon:2018/All_Beauty")
    server.files[names[1]] = (tmp_path / names[1]).read_bytes()
    get("amazon:2018/All_Beauty")
    assert [path for method, path, _ in server.requests if method == "GET"] == ["/All_Beauty_5.json.gz", "/meta_All_Beauty.json.gz", "/meta_All_Beauty.json.gz"]
    assert read("amazon:2018/All_Beauty").titles() == {"B1": "Soap"}


def test_get_from_another_address(server, cache, tmp_path, movielens):
    server.files["mirror/ml-100k.zip"] = server.files["ml-100k.zip"]
    assert len(read(f"movielens:100k@{get('movielens:100k', server.url('mirror/'))}")) == 3
    assert server.requests[-1][1] == "/mirror/ml-100k.zip"
    MAKERS["yelp"](tmp_path / "yelp")
    server.files["mine.zip"] = zipped(tmp_path / "yelp", tmp_path / "mine.zip").read_bytes()
    get("yelp", server.url("mine.zip"))
    assert len(read("yelp")) == 2


@pytest.mark.parametrize("name", ["yelp", "steam", "movielens:1m"])
def test_get_from_a_folder_an_archive_and_a_file(name, cache, tmp_path):
    MAKERS[name](tmp_path / "made")
    wanted = plan(name, tmp_path / "made")
    assert wanted.size and not wanted.present and not cache.joinpath(name).exists()
    carry_out(wanted)
    whole = read(name)
    assert whole.fingerprint == read(f"{name}@{tmp_path / 'made'}").fingerprint
    assert get(name, zipped(tmp_path / "made", tmp_path / "mine.zip")) and read(name).fingerprint == whole.fingerprint


def test_a_copy_with_a_published_name_must_have_the_published_checksum(tmp_path, cache):
    MAKERS["movielens:100k"](tmp_path / "made")
    zipped(tmp_path / "made", tmp_path / "ml-100k.zip")
    with pytest.raises(DataError, match=r"ml-100k\.zip: wrong checksum: the file is not the one published as md5:0e33842e24a9c977be4e0107933c0723"):
        get("movielens:100k", tmp_path / "ml-100k.zip")
    assert list(cache.rglob("*.zip")) == []


def test_the_size_is_asked_of_the_server_where_the_page_does_not_tell(server, monkeypatch):
    file = published(server, b"x" * 77, "a.zip")
    monkeypatch.setitem(table.PUBLICATIONS, "steam", Publication(**{**vars(find("steam")), "files": (Published(file.url),)}))
    assert plan("steam").size == 77
    server.status = 500
    assert plan("steam").size is None


def test_places_that_cannot_be(tmp_path, monkeypatch, cache):
    with pytest.raises(SettingError, match=r"--from takes a folder, a file or an http address, not 'ftp://x/y'"):
        plan("movielens:1m", "ftp://x/y")
    with pytest.raises(SettingError, match=r"names no file; give the address of the archive of yelp"):
        plan("yelp", "http://127.0.0.1:9/")
    (tmp_path / "file").write_text("x")
    monkeypatch.setenv("TASTELM_CACHE", str(tmp_path / "file"))
    with pytest.raises(SettingError, match=r"TASTELM_CACHE is .*file, which is a file; it takes a folder"):
        read("movielens:1m")
    monkeypatch.setenv("TASTELM_CACHE", "/proc/tastelm")
    with pytest.raises(OutputError, match=r"/proc/tastelm/movielens-100k: cannot be written \(.*\)\. Set TASTELM_CACHE"):
        MAKERS["movielens:100k"](tmp_path / "made")
        get("movielens:100k", tmp_path / "made")


def test_without_the_variable_the_cache_is_the_users(monkeypatch):
    from tastelm.data.sources.public.cache import cache as place

    monkeypatch.delenv("TASTELM_CACHE")
    assert place().name == "tastelm" and place().is_absolute()
