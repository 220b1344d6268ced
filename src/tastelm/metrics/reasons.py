"""What is measured of reasons, in the order of its telling."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple


class Measure(NamedTuple):
    """about: what it says of the reasons of a run, in half a sentence; higher: whether more of it is better."""

    about: str
    higher: bool = True


# By the names that results have.
MEASURES = {
    "bleu-1": Measure("words shared with what was really said"),
    "bleu-4": Measure("runs of up to four words shared with it"),
    "rouge-1": Measure("words shared with it, F1"),
    "rouge-2": Measure("pairs of words shared with it, F1"),
    "usr": Measure("share of the sentences that differ"),
    "distinct-1": Measure("share of the words that differ"),
    "distinct-2": Measure("share of the pairs of words that differ"),
    "fmr": Measure("how often the feature of the true reason is named"),
    "fcr": Measure("share of all features that is named"),
    "div": Measure("features that two sentences share, none also where none names any", higher=False),
    "bits": Measure("of information in a character of what was really said, under the system's own model", higher=False),
    "perplexity": Measure("how many tokens seem as likely as the true one; compares where the tokens are the same, bits everywhere", higher=False),
    "rmse": Measure("error of the ratings", higher=False),
    "mae": Measure("mean error of the ratings", higher=False),
}
# What a table of reasons is sorted by.
MAIN = "bleu-4"


def in_order(names: Iterable[str]) -> list[str]:
    """Names of measures in the order of their telling, those that stand nowhere last."""
    order = list(MEASURES)
    return sorted(dict.fromkeys(names), key=lambda name: order.index(name) if name in MEASURES else len(order))


def higher_is_better(name: str) -> bool:
    """Whether more of a measure is better."""
    return name not in MEASURES or MEASURES[name].higher
