"""What a run tells beside a ranking, all of it judged: reasons, ratings, summaries."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from tastelm.data.split import Part, Split
from tastelm.errors import SettingError
from tastelm.explaining import Reasons, give_reasons, judged
from tastelm.plm.nli import proven_judge
from tastelm.plm.vectors import encoder
from tastelm.rated import judge_ratings
from tastelm.recommender import Recommender
from tastelm.summarised import judge_summaries

# Texts below which MAUVE is unsteady (Pillutla et al. 2021).
STEADY = 1000


def judge_opinions(
    model: Recommender, split: Split, part: Part = Part.TEST, *, cases: int | None = None, judge: str | None = None, mauve: str | None = None,
    said: Reasons | None = None,
) -> dict[str, Any]:  # fmt: skip
    """`explanation`: how good its reasons are; `rating`: how right its ratings, where it gives no reasons; `summary`: how good its summaries of reviews
    are. What it does not tell, or the data have nothing to hold against, is left out.

    cases  asked at most of each, None for as many as each asks by itself
    judge  the source of a model of natural language inference, for reasons
    mauve  the source of an encoder of texts, for reasons
    said   what it has said of the part; None: it is asked now

    Raises SettingError for a judge or an encoder where no reasons are given, MissingExtra where a library is missing, and as `proven_judge`.
    """
    if judge is not None and not model.gives_reasons:
        raise SettingError(f"judge: {model.name} gives no reasons, so there is nothing to judge. Leave it out.")
    if mauve is not None and not model.gives_reasons:
        raise SettingError(f"mauve: {model.name} gives no reasons, so there is nothing to hold beside what people say. Leave it out.")
    asked: dict[str, Any] = {"seed": split.seed} | ({} if cases is None else {"cases": cases})
    proven, vectors = None if judge is None else proven_judge(judge), None if mauve is None else encoder(mauve)
    said = give_reasons(model, split, part, **asked) if said is None else said
    given = {} if said is None else judged(said, split, seed=split.seed, judge=proven, encoder=vectors)
    rated = {} if given else judge_ratings(model, split, part, **asked)
    found = {"explanation": given, "rating": rated, "summary": judge_summaries(model, split, part, **asked)}
    return {name: one for name, one in found.items() if one}


def remarks_of(model: Recommender, opinions: Mapping[str, Any]) -> list[str]:
    """Sentences on what limits what `judge_opinions` has found."""
    if model.gives_reasons and "explanation" not in opinions:
        return ["How good its reasons are is not measured, as nobody in the test part of these data gives a reason to hold them against."]
    given, remarks = opinions.get("explanation", {"metrics": {}}), list[str]()
    if "given" in given:
        remarks.append("The feature of each true reason was told to the run beforehand (feature=given): do not compare with systems that are told nothing.")
    if "mauve" in given["metrics"] and given["cases"] < STEADY:
        remarks.append(f"MAUVE of {given['cases']:,} texts is unsteady: read it beside its control, and compare it with that of equally many texts alone.")
    return remarks
