"""Why users liked items: from columns, or out of reviews, part by part."""

import numpy as np
import polars as pl
import pytest

from tastelm.data.dataset import Dataset
from tastelm.data.explanations import explains, explanations, reasons
from tastelm.data.split import Part, Split, split
from tastelm.errors import DataError


def told(**columns: list[str | None]) -> Split:
    rows = [(f"u{user}", f"i{item}", float(1 + (user + item) % 5)) for user in range(6) for item in range(6)]
    table = pl.DataFrame(rows, schema=["user", "item", "rating"], orient="row")
    return split(Dataset.build(table.with_columns(pl.Series(name, values[: len(table)]) for name, values in columns.items()), name="toy"), "random:0.6,0.2")


SAID: list[str | None] = [f"the zip of {number} is fine" if number % 3 else None for number in range(36)]


def test_rows_without_a_reason_are_left_out_and_the_others_keep_theirs() -> None:
    parts = told(explanation=SAID, feature=["ZIP "] * 36, opinion=[" Not sturdy"] * 36)
    of_pair = {(f"u{at // 6}", f"i{at % 6}"): text for at, text in enumerate(SAID)}
    total = 0
    for part in (Part.TRAIN, Part.VALID, Part.TEST):
        found = explanations(parts, part, owner="pepler")
        for at in range(len(found)):
            pair = parts.users.ids[found.users[at]], parts.items.ids[found.items[at]]
            assert found.texts[at] == of_pair[pair] and (found.features[at], found.opinions[at]) == ("zip", "not sturdy")
            assert found.ratings[at] == 1 + (int(pair[0][1]) + int(pair[1][1])) % 5
        total += len(found)
    assert total == 24, "each is in one part"
    some = explanations(parts, Part.TRAIN, owner="pepler").take(np.array([2, 0]))
    assert len(some) == 2 and some.texts[1] == explanations(parts, Part.TRAIN, owner="pepler").texts[0]


def test_without_features_and_opinions_they_are_unknown() -> None:
    found = explanations(told(explanation=SAID), Part.TRAIN, owner="pepler")
    assert set(found.features) == set(found.opinions) == {""}


def test_reviews_are_read_where_nobody_gives_reasons(tmp_path: object, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("spacy", reason="spaCy is not installed")
    monkeypatch.setenv("TASTELM_CACHE", str(tmp_path))
    parts = told(review=["I like it. The sleeves are short." if number % 2 else "Nothing to say" for number in range(36)])
    assert explains(parts) and set(reasons(parts, owner="pepler").values()) == {("The sleeves are short.", "sleeves", "short")}
    assert len(reasons(parts, owner="pepler")) == 18
    with pytest.raises(DataError, match=r"toy: none of the 36 interactions gives a reason that pepler could learn from"):
        reasons(told(review=["" if number % 2 else None for number in range(36)]), owner="pepler")


def test_data_without_any_text_are_refused_in_a_sentence() -> None:
    assert not explains(told())
    with pytest.raises(DataError, match=r"toy: pepler learns from reasons, but the interactions have neither a column 'explanation' nor a column 'review'"):
        explanations(told(), Part.TRAIN, owner="pepler")
    with pytest.raises(DataError, match=r"toy: none of the 36 interactions gives a reason that pepler could learn from"):
        explanations(told(explanation=[None] * 36), Part.TRAIN, owner="pepler")
