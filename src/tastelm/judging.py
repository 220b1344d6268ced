"""A run held against a data set: how well it ranks, what else it tells, and what limits these numbers."""

from __future__ import annotations

from typing import Any

from tastelm.data.dataset import Dataset
from tastelm.errors import SettingError
from tastelm.evaluation import Protocol, evaluate
from tastelm.foreign import Translated
from tastelm.jobs import is_dry, plain
from tastelm.newcomers import judge_newcomers
from tastelm.opinions import judge_opinions, remarks_of
from tastelm.profiles import plain as plain_profile
from tastelm.profiles import tells
from tastelm.recommender import Recommender
from tastelm.tasks.asked import question_of_run


def judge_run(
    model: Recommender, data: Dataset, *, protocol: str | None = None, seen: str = "auto", metrics: str | None = None, cases: int | None = None,
    judge: str | None = None, mauve: str | None = None,
) -> dict[str, Any]:  # fmt: skip
    """What `tastelm.evaluate` tells of a run; see there for the words, what is returned, and what is raised."""
    if is_dry(model.system):
        raise SettingError(f"{model.name}.dry_run: nothing is asked in a dry run, so there is nothing to judge. Fit it without dry_run.")
    question = question_of_run(model.about.get("run", {}), data, protocol, seen=seen, metrics=metrics, cases=cases)
    parts = question.split
    if not any(item in model.items for item in parts.items.ids):
        return judge_newcomers(model, parts, cases=cases, seed=parts.seed, judge=judge)
    scorer, told = Translated(model, parts.items, parts.users), tells(model, parts)
    opinions = judge_opinions(model, parts, cases=cases, judge=judge, mauve=mauve)
    if model.ranks:
        found = plain(evaluate(scorer, question, name=model.name), question.describe())
    else:
        found = {"metrics": {}, "ci95": {}, "seconds": 0.0, "protocol": question.describe()}
    remarks = [*model.remarks, *scorer.remarks, *_trained_on(model, data, question)]
    if model.tells_profiles and not told:
        remarks.append("How well users' attributes are told is not measured, as the split holds no users out; train with --split cold-users:0.2 for that.")
    remarks += [*remarks_of(model, opinions), *([] if model.ranks else [model.remark])]
    return found | {"remarks": remarks} | ({"profile": plain_profile(told)} if told else {}) | opinions


def _trained_on(model: Recommender, data: Dataset, question: Protocol) -> list[str]:
    """What the run may have seen of what it is asked."""
    about = model.about.get("run", {})
    if about.get("split") == "all":
        return ["The run was trained on everything (--all), the test part included: these numbers flatter it."]
    if model.about.get("data", {}).get("fingerprint") != data.fingerprint:
        return ["The run was trained on other data: if these hold the same events, it may have been trained on this test part."]
    if question.task and question.split.fingerprint != about.get("split_fingerprint"):
        return [f"The run was not fitted under {question.task}: it may have been trained on what is asked. Fit it with --protocol {question.task}."]
    return []
