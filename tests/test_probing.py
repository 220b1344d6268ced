"""Probes on a data set: which column is asked about, what the control says, and what is refused."""

from typing import Any

import numpy as np
import polars as pl
import pytest
from prompting.test_probes import Bystander

import tastelm as tl
from tastelm import probing
from tastelm.data.dataset import Dataset
from tastelm.errors import DataError, SettingError

TITLES = ["Alien (1979)", "Toy Story (1995)", "Heat (1995)", "Ran (1985)", "Up (2009)", "Jaws (1975)"]
GENRES = ["Horror|Space", "Comedy", "Crime", "War|Drama", "Comedy", "Horror"]


@pytest.fixture(scope="module")
def data() -> Dataset:
    rows = [(f"u{user}", str(item), float(item), f"I liked {TITLES[item][:4]} so much" if user else None) for user in range(5) for item in range(6)]
    items = pl.DataFrame({"item": [str(item) for item in range(6)], "title": TITLES, "genres": GENRES, "tags": [genre.split("|") for genre in GENRES]})
    return Dataset.build(pl.DataFrame(rows, schema=["user", "item", "time", "review"], orient="row"), name="films", items=items)


@pytest.fixture
def knows(monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, str]]:
    """An encoder that finds a text near a title where both begin their words alike; what it was asked."""
    asked: list[tuple[str, str]] = []

    def judge(encoder: str, pooling: str, *, batch: int) -> Any:
        def judged(texts: list[str], titles: list[str]) -> np.ndarray:
            asked.extend(zip(texts, titles, strict=True))
            return np.array([float(title[:4] in text) for text, title in zip(texts, titles, strict=True)])

        return judged

    monkeypatch.setattr(probing, "by_vectors", judge)
    return asked


def test_reviews_are_searched_for(data: Dataset, knows: list[tuple[str, str]]) -> None:
    found = tl.probe_search(data, negatives=3, cases=20)
    assert (found.cases, found.of, found.candidates) == (20, 24, 4), "who wrote nothing is not asked about"
    assert found.metrics["text"] == {"recall@1": 1.0, "mrr": 1.0} and found.metrics["another's text"]["mrr"] < 0.8
    assert found.ci95["text"]["mrr"] == (1.0, 1.0) and len(knows) == 2 * 20 * 4
    assert {title for _, title in knows} <= {title.split(" (")[0] for title in TITLES}, "titles are cleaned"
    assert found == tl.probe_search(data, negatives=3, cases=20) != tl.probe_search(data, negatives=3, cases=20, seed=1)


def test_what_names_its_title_is_told(data: Dataset, knows: list[tuple[str, str]]) -> None:
    remark = tl.probe_search(data, negatives=2).remark
    assert remark == "16 of the 24 texts name the title they are about, which is easy.", "four titles of up to four letters, of four users"
    assert probing._names("so, Up!", "Up") and not probing._names("supper", "Up") and probing._names("(500) days, it is", "(500) Days")


@pytest.mark.parametrize(("column", "said"), [("genres", "Horror|Space"), ("tags", "Horror, Space")])
def test_a_column_of_the_items_is_a_text_too(column: str, said: str, data: Dataset, knows: list[tuple[str, str]]) -> None:
    found = tl.probe_search(data, text=column, negatives=2)
    assert (found.cases, found.of) == (6, 6) and said in {text for text, _ in knows} and not found.remark


@pytest.mark.parametrize("column", ["genres", "tags"])
def test_genres_are_written_by_who_knows_them(column: str, data: Dataset, monkeypatch: pytest.MonkeyPatch) -> None:
    told = [(title.split(" (")[0], genre) for title, own in zip(TITLES, GENRES, strict=True) for genre in own.split("|")]
    monkeypatch.setattr(probing, "masked_lm", lambda model: Bystander(told))
    found = tl.probe_genres(data, model="folder:x", column=column, k=2)
    assert list(found.metrics) == ["genre-item-first", "genre-item-last", "genre-control"] and (found.cases, found.candidates) == (6, 6)
    assert found.metrics["genre-item-first"]["mrr"] > found.metrics["genre-control"]["mrr"] + 0.2
    assert tl.probe_genres(data, model="folder:x", column=column, cases=2).cases == 2


def test_what_cannot_be_asked_is_refused(data: Dataset) -> None:
    bare = Dataset.build(data.interactions.drop("review"), name="bare", items=data.items)
    nameless = Dataset.build(data.interactions, name="nameless")
    for asked, message in (
        (lambda: tl.probe_search(bare), "bare: there is no text 'review' about items; known are: genres, tags, title"),
        (lambda: tl.probe_search(data, text="genre"), "films: there is no text 'genre' about items; did you mean 'genres'"),
        (lambda: tl.probe_search(nameless), "nameless: a probe reads the titles of items, but there are none"),
        (lambda: tl.probe_genres(data, model="folder:x", column="review"), "there is no text 'review' about items"),
    ):
        with pytest.raises(DataError, match=message):
            asked()
    for refused, message in (
        (lambda: tl.probe_search(data, probe="mean"), "probe: did you mean 'mean-sim'"),  # type: ignore[arg-type]
        (lambda: tl.probe_search(data, cases=0), "cases: 0 does not fit"),
        (lambda: tl.probe_search(data, encoder="scratch:dim=16"), "has random weights"),
        (lambda: tl.probe_genres(data, model="scratch:dim=16"), "has random weights, so it knows nothing of genres"),
    ):
        with pytest.raises(SettingError, match=message):
            refused()
