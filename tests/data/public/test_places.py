"""Archives that lie, folders that do not say, and what is never unpacked."""

import io
import os
import sys
import tarfile
import tempfile
import zipfile
from pathlib import Path

import pytest

from data.public.published import MAKERS, put, zipped
from tastelm.data.sources import read
from tastelm.data.sources.public import archives, places
from tastelm.errors import DataError, MissingExtra, OutputError

DATA = b"196\t242\t3\t881250949\n"


def archive(path: Path, names: list[str]) -> Path:
    """A zip or tar whose members are called so."""
    if path.suffix == ".zip":
        with zipfile.ZipFile(path, "w") as file:
            for name in names:
                file.writestr(name, DATA)
    else:
        with tarfile.open(path, "w") as tar:
            for name in names:
                entry = tarfile.TarInfo(name)
                entry.size = len(DATA)
                tar.addfile(entry, io.BytesIO(DATA))
    return path


@pytest.mark.parametrize("ending", [".zip", ".tar"])
@pytest.mark.parametrize("name", ["../u.item", "/etc/u.item", "ml/../../u.item", "..\\u.item", "C:\\u.item"])
def test_a_member_that_would_land_elsewhere_refuses_the_archive(tmp_path, ending, name):
    path = archive(tmp_path / f"ml-100k{ending}", ["ml-100k/u.data", name])
    with pytest.raises(DataError, match=r"ml-100k\.(zip|tar): refused, since its member '.*u\.item' would be written outside of its folder\. Fetch it again"):
        read(f"movielens:100k@{path}")
    assert os.listdir(tmp_path) == [path.name]


@pytest.mark.parametrize("kind", [tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.CHRTYPE])
def test_links_and_devices_in_a_tar_refuse_it(tmp_path, kind):
    path = archive(tmp_path / "a.tar", ["u.data"])
    with tarfile.open(path, "a") as tar:
        entry = tarfile.TarInfo("u.item")
        entry.type, entry.linkname = kind, "/etc/passwd"
        tar.addfile(entry)
    with pytest.raises(DataError, match=r"a\.tar: refused, since its member 'u\.item' is a link or a device"):
        read(f"movielens:100k@{path}")


def test_nothing_stays_unpacked(tmp_path, monkeypatch):
    MAKERS["movielens:100k"](tmp_path / "made")
    path = zipped(tmp_path / "made", tmp_path / "a.zip")
    (tmp_path / "temporary").mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "temporary"))
    assert len(read(f"movielens:100k@{path}")) == 3
    put(tmp_path / "made", "ml-100k/u.data", b"\xff\x00")
    with pytest.raises(DataError):
        read(f"movielens:100k@{zipped(tmp_path / 'made', path)}")
    assert os.listdir(tmp_path / "temporary") == []


def test_no_room_to_unpack(tmp_path, monkeypatch):
    path = archive(tmp_path / "a.zip", ["u.data"])
    monkeypatch.setattr(archives, "MOST_BYTES", 3)
    with pytest.raises(DataError, match=r"a\.zip: a member unpacks to more than 3 bytes\. Unpack it yourself and give the folder"):
        read(f"movielens:100k@{path}")
    monkeypatch.undo()

    class Full(io.BytesIO):
        def write(self, piece):
            raise OSError(28, "No space left on device")

    with pytest.raises(OutputError, match=r"a\.zip: cannot be unpacked in .* \(No space left on device\)\. Make room there, or set TMPDIR"):
        archives._copy(io.BytesIO(DATA), type("Target", (), {"open": lambda self, mode: Full(), "parent": tmp_path})(), "a.zip")


def test_a_folder_with_too_many_files_is_not_searched(tmp_path, monkeypatch):
    for number in range(5):
        put(tmp_path, f"{number}.txt", "x")
    monkeypatch.setattr(places, "MOST_FILES", 4)
    with pytest.raises(DataError, match=r"more than 4 files are in this folder\. Name the folder that holds the data set alone"):
        read(f"movielens:100k@{tmp_path}")


def test_the_file_nearest_to_the_top_counts(tmp_path):
    put(tmp_path, "a/u.data", DATA * 2)
    put(tmp_path, "b/u.data", DATA)
    with pytest.raises(DataError, match=r"ambiguous: 'a/u.data', 'b/u.data' could each be the ratings file"):
        read(f"movielens:100k@{tmp_path}")
    put(tmp_path, "u.data", DATA + b"1\t2\t3\t881250949\n")
    assert len(read(f"movielens:100k@{tmp_path}")) == 2


def test_a_zip_with_a_password_and_one_that_is_only_called_so(tmp_path):
    content = bytearray(archive(tmp_path / "a.zip", ["u.data"]).read_bytes())
    for mark in (b"PK\x03\x04", b"PK\x01\x02"):  # the flag that says: encrypted
        content[content.index(mark) + (6 if mark[2] == 3 else 8)] |= 1
    (tmp_path / "a.zip").write_bytes(content)
    with pytest.raises(DataError, match=r"a\.zip: the archive cannot be opened \(.*password.*\)\. Unpack it and give the folder"):
        read(f"movielens:100k@{tmp_path / 'a.zip'}")
    (tmp_path / "b.zip").write_bytes(b"<html>not found</html>")
    with pytest.raises(DataError, match=r"b\.zip: the archive is damaged or cut off"):
        read(f"movielens:100k@{tmp_path / 'b.zip'}")


@pytest.mark.parametrize(("package", "name", "file"), [("py7zr", "yoochoose", "y.7z"), ("fastexcel", "online-retail:1", "Online Retail.xlsx")])
def test_a_package_that_is_missing_is_named(tmp_path, monkeypatch, package, name, file):
    MAKERS["online-retail:1"](tmp_path)
    (tmp_path / "y.7z").write_bytes(archives.SEVEN + bytes(99))
    monkeypatch.setitem(sys.modules, package, None)
    with pytest.raises(MissingExtra, match=rf"{file} needs the package '{package}'\. Install it with: pip install 'tastelm\[datasets\]'"):
        read(f"{name}@{tmp_path / file}")
