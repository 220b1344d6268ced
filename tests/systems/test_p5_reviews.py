"""p5 on data with ratings and reasons: one model for the next item, stars, reasons and reviews."""

import numpy as np
import polars as pl
import pytest
import torch

from tastelm.data.dataset import Dataset
from tastelm.data.split import Part, split
from tastelm.errors import SettingError
from tastelm.explaining import give_reasons, judge_reasons
from tastelm.fitting import fit_system
from tastelm.plm.tokens import END
from tastelm.prompting.reviewer import RatingWriter, ReasonWriter, SentenceWriter, SummaryWriter
from tastelm.prompting.teaching import Written
from tastelm.runs import load
from tastelm.summarised import judge_summaries
from tastelm.systems.catalogue import system
from tastelm.systems.reviewed import teachable
from tastelm.testing import circle
from tastelm.text.segments import Text
from tastelm.train.budget import Budget

NOUNS = ("zip", "collar", "sleeve", "hem")
SMALL = {"dim": 48, "layers": 1, "heads": 4, "ids": "random", "levels": 1, "codes": 16, "batch": 64, "lr": 5e-3, "sequential": 1, "direct": 0, "words": 420}


def reviewed(*, users: int = 40, items: int = 12) -> Dataset:
    """Users walk a circle of items. The first half of it is fine and gets five stars, the other is poor and gets one; each item has a noun."""
    rows = []
    for user in range(users):
        for place in range(8):
            item = (user * 5 + place) % items
            noun, word = NOUNS[item % 4], "fine" if 2 * item < items else "poor"
            said = (f"the {noun} is {word}", noun, f"{word} thing", f"I find the {noun} {word}")
            rows.append((f"u{user}", f"i{item}", float(place), 5.0 if word == "fine" else 1.0, *said))
    columns = ["user", "item", "time", "rating", "explanation", "feature", "summary", "review"]
    return Dataset.build(pl.DataFrame(rows, schema=columns, orient="row"), name="reviewed")


@pytest.mark.slow
def test_one_model_recommends_rates_and_gives_reasons(tmp_path: object) -> None:
    parts = split(reviewed())
    fitted = fit_system(system("p5").create(SMALL), parts, budget=Budget.parse("400steps"))
    module = fitted.recommender.module
    assert isinstance(module, ReasonWriter) and fitted.recommender.system.config.families == "sequential,direct,rating,explanation,review"
    found = judge_reasons(fitted.recommender, parts)["metrics"]
    assert found["fmr"] > 0.8, "the noun of the item is named; one noun for all would be right in a quarter"
    assert found["rmse"] < 1.2, "the mean rating is wrong by 2"
    summed = judge_summaries(fitted.recommender, parts)
    assert summed["metrics"]["rouge-1"] > 0.8, "a half is right without reading: every summary ends with the same word"
    assert summed["metrics"]["words"] == pytest.approx(2, abs=0.2) and summed["metrics"]["words-true"] == 2 and summed["of"] == 40
    again = fitted.recommender
    again.save(str(tmp_path))
    said, repeated = (give_reasons(model, parts, Part.VALID) for model in (fitted.recommender, load(str(tmp_path))))
    assert said is not None and repeated is not None and said.texts == repeated.texts
    np.testing.assert_allclose(said.ratings, repeated.ratings, atol=1e-5)  # type: ignore[arg-type]


def test_tasks_follow_the_data() -> None:
    assert teachable(split(circle(20))) == ["sequential", "direct"]
    data = reviewed(users=6)
    assert teachable(split(data)) == ["sequential", "direct", "rating", "explanation", "review"]
    rated = Dataset.build(data.interactions.select("user", "item", "time", "rating"))
    assert teachable(split(rated)) == ["sequential", "direct", "rating"]
    made = system("p5").create(SMALL).settle(split(rated))
    module = made.build(split(rated).sizes)
    assert isinstance(module, RatingWriter) and not isinstance(module, SentenceWriter)
    headlined = Dataset.build(data.interactions.select("user", "item", "time", "rating", "review", "summary"))
    families = "sequential,rating,review"
    module = system("p5").create(SMALL | {"families": families}).settle(split(headlined)).build(split(headlined).sizes)
    assert isinstance(module, SummaryWriter) and not isinstance(module, ReasonWriter)


def test_what_is_foreseen_of_a_reason_is_its_likelihood_behind_the_prompt_that_asks() -> None:
    parts = split(reviewed(users=12))
    fitted = fit_system(system("p5").create(SMALL), parts, budget=Budget(steps=2)).recommender
    module, found = fitted.module, give_reasons(fitted, parts)
    assert isinstance(module, ReasonWriter) and found is not None and found.foreseen is not None and bool(found.foreseen.whole.all())
    text, at = found.asked.texts[0], slice(0, 1)
    template = module.opinion.reason
    assert template is not None
    target = (*template.render_target({"explanation": text}), Text(END, learn=True))
    with torch.no_grad():
        mean = module.nll(Written(module.opinions(template, found.asked.users[at], found.asked.items[at]), [target]))
    tokens = len(module.tokens.encode("".join(segment.text for segment in target if isinstance(segment, Text))))
    assert found.foreseen.lengths[0] == tokens and found.foreseen.nll[0] == pytest.approx(float(mean[0]) * tokens, rel=1e-4)
    told = judge_reasons(fitted, parts)
    assert "tokens of the templates and the training texts" in told["variants"]["perplexity"] and told["cost"]["tokens"] > 1000


def test_who_summarises_nothing_and_data_without_summaries() -> None:
    parts = split(reviewed(users=6))
    popular = fit_system(system("popularity").create(), parts).recommender
    assert judge_summaries(popular, parts) == {}
    fitted = fit_system(system("p5").create(SMALL | {"families": "sequential,rating,review"}), parts, budget=Budget(steps=1)).recommender
    assert set(judge_summaries(fitted, parts)["metrics"]) == {"bleu-2", "rouge-1", "rouge-2", "rouge-l", "words", "words-true"}
    bare = split(Dataset.build(parts.dataset.interactions.drop("summary"), name="bare"))
    assert judge_summaries(fitted, bare) == {}


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"families": "sequential,ratings"}, r"p5\.families: 'ratings' is not known; did you mean 'rating'\?"),
        ({"families": "sequential,review"}, r"p5\.families: circle cannot teach 'review', only sequential, direct\. Give data with ratings and reviews\."),
        ({"families": "direct"}, r"p5\.families: sequential is missing, without which nothing can be recommended\. Add it\."),
    ],
)
def test_tasks_that_cannot_be_are_refused(settings: dict[str, str], message: str) -> None:
    with pytest.raises(SettingError, match=message):
        system("p5").create(SMALL | settings).settle(split(circle(20)))


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"families": "sequential,explanation"}, r"p5\.families: explanation goes with rating\. Add rating\."),
        ({"ask_reason": "3-12"}, r"p5: the prompt 3-12 shows feature, which nobody knows before\. Choose another\."),
        ({"ask_summary": "4-2"}, r"p5: the prompt 4-2 does not ask for a summary\. Choose one that does, such as 4-1 or 4-3\."),
        ({"ask_stars": "1-4"}, r"p5: the prompt 1-4 does not ask for stars alone\. Choose one that does, such as 1-1 or 1-10\."),
    ],
)
def test_prompts_that_ask_for_something_else_are_refused(settings: dict[str, str], message: str) -> None:
    parts = split(reviewed(users=6))
    with pytest.raises(SettingError, match=message):
        system("p5").create(SMALL | settings).settle(parts).build(parts.sizes)
