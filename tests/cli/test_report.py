"""`tastelm report`."""

import json
import re
from html import unescape
from pathlib import Path

from cli.running import done


def test_compare_writes_the_report_and_names_it(log: Path, tmp_path: Path) -> None:
    said = done("compare", "--data", log, "--systems", "popularity,ease", "--set", "ease.l2=7", "--out", tmp_path / "a b")
    assert f"The report is {tmp_path / 'a b' / 'report.html'}; open it in a browser." in said.out
    page = (tmp_path / "a b" / "report.html").read_text()
    command = f"tastelm compare --data {log} --systems popularity,ease --set ease.l2=7 --out '{tmp_path / 'a b'}'"
    assert command in unescape(page)
    assert json.loads((tmp_path / "a b" / "report.json").read_bytes())["command"] == command


def test_the_report_is_written_again(log: Path, tmp_path: Path) -> None:
    done("compare", "--data", log, "--systems", "popularity", "--out", tmp_path)
    first = (tmp_path / "report.html").read_bytes()
    (tmp_path / "report.html").unlink()
    assert done("report", tmp_path).out == f"Written to {tmp_path / 'report.html'}.\n"
    assert (tmp_path / "report.html").read_bytes() == first
    assert done("report", tmp_path, "--out", tmp_path / "page.html").out.startswith("Written to ")
    assert (tmp_path / "page.html").read_bytes() == first
    (tmp_path / "report.json").unlink()
    done("report", tmp_path, "--data", log)
    assert "The command is not stored" in (tmp_path / "report.html").read_text()


def test_the_report_says_what_data_check_says(log: Path, tmp_path: Path) -> None:
    done("compare", "--data", log, "--systems", "popularity", "--out", tmp_path)
    facts = json.loads(done("data", "check", log, "--json").out)
    page = " ".join(unescape(re.sub(r"<[^>]+>", " ", (tmp_path / "report.html").read_text())).split())
    for words in [*facts["facts"].values(), *facts["odd"]]:
        assert " ".join(words.split()) in page
