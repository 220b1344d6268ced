"""What is asked, in the words of the command line: the next item, of a split and under a ranking, or a task that divides the data itself."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from tastelm.candidates import Ranking
from tastelm.data.dataset import Dataset
from tastelm.data.split import split as divide
from tastelm.errors import SettingError
from tastelm.evaluation import DEFAULT_METRICS, Protocol
from tastelm.evaluation import protocol as next_items
from tastelm.metrics import parse_metrics
from tastelm.tasks.liked import METRICS, NAME, Liked

USUAL_SPLIT = "leave-one-out"


def is_task(protocol: str) -> bool:
    """Whether a protocol is a task of its own, as `liked` or `liked:others=all`, and no way to rank the next item."""
    return protocol.partition(":")[0] == NAME


def question(
    data: Dataset, protocol: str = "full", *, split: str = USUAL_SPLIT, split_seed: int = 0, seen: str = "auto", metrics: str | None = None,
    cases: int | None = None,
) -> Protocol:  # fmt: skip
    """The questions of the test part.

    protocol  `full`, a sampled ranking by name, or the task `liked`, which comes with its own split
    metrics   as in "hr@5,10"; by default those that suit the protocol
    cases     how many are asked, drawn at random; by default all

    Raises SettingError for words that are not known, or that a task leaves no room for; DataError where nothing can be asked.
    """
    wanted = None if metrics is None else parse_metrics(metrics)
    if not is_task(protocol):
        _check_ranking(protocol)
        return next_items(divide(data, split, seed=split_seed), ranking=protocol, seen=seen, metrics=wanted or DEFAULT_METRICS, seed=split_seed, most=cases)
    if split != USUAL_SPLIT:
        raise SettingError(f"split: {NAME} divides the data itself, by what was liked, so it takes no split {split}. Leave --split out, or ask something else.")
    if seen != "auto":
        raise SettingError(f"seen: {NAME} ranks its candidates alone, and none was seen. Leave --seen out, or ask something else.")
    return Liked.parse(protocol).question(data, seed=split_seed, metrics=wanted or METRICS).sample(cases)


def question_of_run(
    run: Mapping[str, Any], data: Dataset, protocol: str | None = None, *, seen: str = "auto", metrics: str | None = None, cases: int | None = None
) -> Protocol:
    """The questions that a run is asked, on data that are split as it was; `run` says how it came about, as its config.toml does.

    protocol  by default the full ranking, and of a run that was fitted under a task that task

    Raises as `question`, and SettingError for a run of a task that is to be asked for the next item.
    """
    task = run.get("task")
    asked = protocol or task or "full"
    if task and not is_task(asked):
        raise SettingError(f"protocol: the run was fitted under {task}, whose split has no questions for {asked}. Leave --protocol out.")
    split = run.get("split", USUAL_SPLIT)
    usual = USUAL_SPLIT if split == "all" or is_task(asked) else split
    return question(data, asked, split=usual, split_seed=run.get("split_seed", 0), seen=seen, metrics=metrics, cases=cases)


def _check_ranking(protocol: str) -> None:
    try:
        Ranking.parse(protocol)
    except SettingError as error:
        raise SettingError(f"{error} Or {NAME}, which of a few items somebody liked.") from None
