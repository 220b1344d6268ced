"""The page as text: what stands in it, and what never does."""

import base64
import hashlib
import json
import re
import shutil
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path

import pytest

import tastelm as tl
from report.conftest import WICKED, films
from tastelm.errors import DataError
from tastelm.report.record import Probe, Record, read_record
from tastelm.report.story import leak, lede
from tastelm.testing import circle, tastes


class Page(HTMLParser):
    """Tags with their attributes, and the words outside of style and script."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.words, self._quiet = "", False
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        self._quiet = tag in ("style", "script")

    def handle_endtag(self, tag: str) -> None:
        self._quiet = False

    def handle_data(self, data: str) -> None:
        if not self._quiet:
            self.words += data


@pytest.fixture(scope="module")
def text(folder: Path) -> str:
    return (folder / "report.html").read_text()


def test_every_part_is_there(text: str) -> None:
    page = Page(text)
    for heading in ("Leaderboard", "Accuracy and cost", "Learning curves", "For whom, and for which items", "Coverage and popularity bias",
                    "Three users, whole", "The data", "What is odd", "Leak probes", "Settings and versions", "How to reproduce this"):  # fmt: skip
        assert heading in page.words
    assert sum(tag == "svg" and entry.get("role") == "img" for tag, entry in page.tags) == 9
    assert len(text) < 3_000_000
    assert "nan" not in re.sub(r"[a-z]+nan|nan[a-z]+", "", page.words.lower())


def test_numbers_are_those_of_the_leaderboard(text: str, folder: Path) -> None:
    board = json.loads((folder / "leaderboard.json").read_bytes())
    words = Page(text).words
    for row in board["rows"]:
        if "error" not in row:
            assert f"{row['metrics']['ndcg@10']:.4f}" in words and f"{row['parameters']:,}" in words
    assert board["rows"][0]["system"] == "sasrec"
    assert words.count("sasrec comes first in ndcg@10") == 1


def test_a_failed_system_appears_with_its_error(text: str) -> None:
    words = " ".join(Page(text).words.split())
    assert "1 system failed." in words
    assert re.search(r"ease: ease: 20 items need .* Use itemknn", words)


def test_what_the_data_say_never_becomes_part_of_the_page(text: str) -> None:
    page = Page(text)
    assert WICKED not in text and WICKED in page.words
    assert "{{ 7 * 7 }}" in page.words and "49 </table>" not in page.words
    tags = [tag for tag, _ in page.tags]
    assert tags.count("script") == 1 and "img" not in tags
    assert not any(name.startswith("on") or name in ("src", "style") for _, entry in page.tags for name in entry)


def test_nothing_is_loaded_and_the_policy_forbids_it(text: str) -> None:
    page = Page(text)
    links = [entry.get("href") or "" for _, entry in page.tags if "href" in entry]
    assert all(link.startswith("#") or link == "data:," for link in links)
    assert {link[1:] for link in links if link.startswith("#")} <= {entry.get("id") for _, entry in page.tags}
    policy = next(entry["content"] for tag, entry in page.tags if entry.get("http-equiv") == "Content-Security-Policy")
    assert policy is not None and policy.startswith("default-src 'none'; ")
    for tag in ("style", "script"):
        inner = re.search(rf"<{tag}>(.*?)</{tag}>", text, re.DOTALL)
        assert inner is not None
        assert base64.b64encode(hashlib.sha256(inner[1].encode()).digest()).decode() in policy
        assert not re.search(r"@import|url\(|fetch|XMLHttp|https?:", inner[1])


def test_ids_are_each_once(text: str) -> None:
    ids = [entry["id"] for _, entry in Page(text).tags if "id" in entry]
    assert len(ids) == len(set(ids))


def test_the_command_is_that_of_the_call(text: str, folder: Path) -> None:
    assert re.search(r"tl\.compare\('<the Dataset films .*>', \['popularity', 'itemknn', 'ease', 'sasrec'\], set=.*budget='320steps', out='", Page(text).words)
    assert str(folder) in text and "sasrec.max_len" in text


def test_it_is_written_again_from_the_folder_alone(folder: Path, tmp_path: Path) -> None:
    shutil.copytree(folder, tmp_path / "copy", ignore=shutil.ignore_patterns("runs", "rows", "report.html"))
    assert tl.write_report(tmp_path / "copy") == tmp_path / "copy" / "report.html"
    assert (tmp_path / "copy" / "report.html").read_text() == (folder / "report.html").read_text()
    before = sorted(path.name for path in (tmp_path / "copy").iterdir())
    assert tl.write_report(tmp_path / "copy", out=tmp_path / "elsewhere" / "page.html") == tmp_path / "elsewhere" / "page.html"
    assert sorted(path.name for path in (tmp_path / "copy").iterdir()) == before


def test_the_losses_of_the_objectives_stand_beside_the_stage_and_in_no_drawing(folder: Path, tmp_path: Path) -> None:
    shutil.copytree(folder, tmp_path / "copy", ignore=shutil.ignore_patterns("runs", "rows", "report.html"))
    board = json.loads((tmp_path / "copy" / "leaderboard.json").read_bytes())
    stage = next(row for row in board["rows"] if row["system"] == "sasrec")["stages"][0]
    for look in stage["history"]:
        look |= {"loss/cloze": 2.0, "loss/attributes": 0.5}
    (tmp_path / "copy" / "leaderboard.json").write_text(json.dumps(board))
    text = tl.write_report(tmp_path / "copy").read_text()
    assert f"ended by {stage['ended']} (losses at last: cloze 2.000, attributes 0.500)" in text and "loss/" not in text
    assert Page(text).words.count("Validation") == Page((folder / "report.html").read_text()).words.count("Validation")


@pytest.mark.parametrize("damage", ["missing", "damaged"])
def test_with_the_data_a_missing_account_is_made_anew(folder: Path, tmp_path: Path, damage: str) -> None:
    place = tmp_path / "copy"
    shutil.copytree(folder, place, ignore=shutil.ignore_patterns("runs", "rows", "report.html"))
    (place / "report.json").unlink() if damage == "missing" else (place / "report.json").write_text("{")
    words = Page(tl.write_report(place, data=films()).read_text()).words
    assert "The command is not stored in this folder." in words
    assert "The versions are not stored in this folder, but for TasteLM's: " + tl.__version__ in words
    old, new = json.loads((folder / "report.json").read_bytes()), json.loads((place / "report.json").read_bytes())
    assert {key: value for key, value in old.items() if key not in ("command", "made")} == {k: v for k, v in new.items() if k not in ("command", "made")}
    (place / "report.html").unlink()
    with pytest.raises(DataError, match=r"circle \([0-9a-f]{16}\) is not what was compared in .*films .* Give the same data"):
        tl.write_report(place, data=circle(60))
    assert not (place / "report.html").exists()


def test_the_command_and_the_versions_outlive_a_renewal(folder: Path, tmp_path: Path) -> None:
    place = tmp_path / "copy"
    shutil.copytree(folder, place, ignore=shutil.ignore_patterns("runs", "rows"))
    tl.write_report(place, data=films())
    assert (place / "report.html").read_text() == (folder / "report.html").read_text()


@pytest.mark.parametrize(("metrics", "said"), [
    ("coverage@5", "coverage@5 has no value for single users"),
    ("popularity@3 hr@5", "popularity@3 by length of the history"),
    ("mrr", "mrr of each system"),
])  # fmt: skip
def test_any_metrics_make_a_page(metrics: str, said: str, tmp_path: Path) -> None:
    tl.compare(tastes(30), "popularity,itemknn", metrics=metrics, out=tmp_path)
    assert said in Page((tmp_path / "report.html").read_text()).words


def test_titles_are_ids_where_there_are_none_and_sampled_lists_say_so(tmp_path: Path) -> None:
    tl.compare(replace(tastes(30), items=None), "itemknn", protocol="uniform-5", out=tmp_path)
    words = Page((tmp_path / "report.html").read_text()).words
    assert "The data have no titles, so items go by their ids." in words
    assert "The lists hold candidates of the sampled ranking only." in words
    assert "SAMPLED ranking (uniform-5), not comparable with full ranking" in words
    assert "No system learns step by step here" in words


@pytest.mark.parametrize("split", ["ratio:0.6,0.2", "cold-items:0.3", "global-time:0.7,0.85", "cold-users:0.2"])
def test_other_splits_make_a_page(split: str, tmp_path: Path) -> None:
    tl.compare(circle(40), "popularity,itemknn", split=split, out=tmp_path)
    assert f"Split {split}" in Page((tmp_path / "report.html").read_text()).words
    tl.write_report(tmp_path, data=circle(40))


def test_when_every_system_failed_the_page_says_why(tmp_path: Path) -> None:
    tl.compare(circle(20), "ease", set={"ease.max_items": 5}, out=tmp_path)
    words = Page((tmp_path / "report.html").read_text()).words
    assert "Every system failed; the errors are below." in words and "20 items need" in words
    assert "next-integer" in words


def test_the_circle_leaks_through_its_numbers(folder: Path) -> None:
    said = leak(read_record(folder))
    assert "the ids themselves tell what comes next" in said


def record_with(folder: Path, **probes: Probe) -> Record:
    record = read_record(folder)
    names = {"base": "popularity", "probe": "next-integer"}
    return record.model_copy(update={"account": record.account.model_copy(update={"probes": {names[key]: value for key, value in probes.items()}})})


@pytest.mark.parametrize(("probe", "base", "said"), [
    (Probe(value=0.01, ci95=(0.0, 0.02)), Probe(value=0.1, ci95=(0.08, 0.12)), "less than popularity"),
    (Probe(value=0.09, ci95=(0.07, 0.11)), Probe(value=0.1, ci95=(0.08, 0.12)), "the intervals overlap"),
    (Probe(value=0.3, ci95=(0.2, 0.4)), Probe(value=0.1, ci95=(0.08, 0.12)), "the ids themselves tell"),
    (Probe(value=0.3), Probe(value=0.1), "scores 0.3000 in ndcg@10, beside 0.1000 for popularity."),
    (Probe(error="log, column 'item': 'p' is not a whole number."), Probe(value=0.1), "The probe does not apply here: log, column 'item'"),
    (Probe(), Probe(value=0.1), "ndcg@10 has no value for the probes here."),
])  # fmt: skip
def test_the_probe_is_put_in_words(folder: Path, probe: Probe, base: Probe, said: str) -> None:
    assert said in leak(record_with(folder, probe=probe, base=base))
    assert leak(record_with(folder)) == "The probes were not computed."


def test_the_result_in_a_sentence(folder: Path) -> None:
    board = read_record(folder).board
    assert lede(board).endswith("The paired test tells every other system apart from it. 1 system failed.")
    level = board.model_copy(update={"tests": [test.model_copy(update={"p_holm": 0.4}) for test in board.tests]})
    assert re.search(r"(popularity and itemknn|itemknn and popularity) are not told apart from it by the paired test\.", lede(level))
    assert "not told apart" not in lede(board.model_copy(update={"tests": []}))


def contrast(one: str, other: str) -> float:
    """By WCAG 2.1, of two colours like #0c4a50 or #fff."""

    def light(colour: str) -> float:
        digits = colour[1:] if len(colour) == 7 else "".join(2 * digit for digit in colour[1:])
        parts = [int(digits[at : at + 2], 16) / 255 for at in (0, 2, 4)]
        red, green, blue = (part / 12.92 if part <= 0.03928 else ((part + 0.055) / 1.055) ** 2.4 for part in parts)
        return 0.2126 * red + 0.7152 * green + 0.0722 * blue

    low, high = sorted((light(one), light(other)))
    return (high + 0.05) / (low + 0.05)


def test_every_palette_keeps_its_contrast() -> None:
    style = (Path(tl.__file__).parent / "report" / "templates" / "style.css").read_text()
    palettes = [dict(re.findall(r"--([\w-]+): (#\w+)", block)) for block in re.findall(r":root \{(.*?)\}", style, re.DOTALL)]
    assert len(palettes) == 3, "light, dark, print"
    for palette in palettes:
        for ground in ("paper", "raised"):
            for ink in ("ink", "soft", "accent"):
                assert contrast(palette[ink], palette[ground]) >= 4.5, (ink, ground)
            for at in range(8):
                assert contrast(palette[f"s{at}"], palette[ground]) >= 3, (at, ground)
            assert contrast(palette["rule"], palette[ground]) >= 3
        assert contrast(palette["hit-ink"], palette["hit"]) >= 4.5
        for tier in range(5):
            assert contrast(palette[f"t{tier}"], palette[f"on{tier}"]) >= 4.5, tier
