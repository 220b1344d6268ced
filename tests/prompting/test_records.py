"""Interactions in the words of templates."""

from typing import Any

import numpy as np
import pytest

from tastelm.data.aspects import Aspect
from tastelm.data.reviews import Reviews
from tastelm.plm.tokens import END
from tastelm.prompting.facts import READ, ReviewFacts
from tastelm.prompting.records import RecordLesson
from tastelm.text.family import family
from tastelm.text.segments import plain

NAN = np.nan
TOLD = Reviews(
    np.array([4, 7, 9]), np.array([0, 1, 2], np.int32), np.array([2, 0, 1], np.int32), np.array([5.0, 2.0, NAN]),
    ("great", "", "so so"), ("it holds and it shines", "word " * 300, ""),
)  # fmt: skip
FACTS = ReviewFacts(TOLD, np.array([5.0, 1.6, NAN]), {4: Aspect("the zip holds", "zip", "firm")}, ["<i0>", "<i1>", "<i2>"], ["", "A Tent", "A Bag"])


def lesson(name: str) -> RecordLesson:
    return RecordLesson(FACTS, family(name), family(name).templates)


def test_what_is_known_of_a_row_is_its_record() -> None:
    assert FACTS.record(0) == {
        "user": "user_0", "name": "user_0", "item": "<i2>", "title": "A Bag", "headline": "great", "summary": "great",
        "review": "it holds and it shines", "explanation": "the zip holds", "feature": "zip", "opinion": "firm", "stars": 5,
    }  # fmt: skip
    second = FACTS.record(1)
    assert second["stars"] == 2 and len(second["review"].split()) == READ
    assert not {"title", "headline", "explanation", "feature", "opinion"} & second.keys()
    assert "stars" not in FACTS.record(2)


@pytest.mark.parametrize("name", ["p5-rating", "p5-explanation", "p5-review"])
def test_only_what_can_be_filled_is_taught_and_every_template_is_met(name: str) -> None:
    made, rng = lesson(name), np.random.default_rng(0)
    drawn = {int(row) for row in made.draw(rng)}
    assert drawn == {"p5-rating": {0, 1}, "p5-explanation": {0}, "p5-review": {0, 1}}[name]
    texts = {(plain(source), plain(target)) for _ in range(400) for source, target in [made.render(0, rng)]}
    shapes = {template.name for template in made.templates for source, target in texts
              if template.parse(source) is not None and template.parse_target(target.removesuffix(END)) is not None}  # fmt: skip
    assert shapes == {template.name for template in made.templates}
    assert all(target.endswith(END) for _, target in texts), "the end of free words is told"
    assert (made.lengths(made.draw(rng)) > 0).all()


def test_stars_that_are_shown_are_right_in_half_of_the_questions_and_the_answer_says_so() -> None:
    made, rng, right = lesson("p5-rating"), np.random.default_rng(0), []
    agree = RecordLesson(FACTS, made.family, [made.family["1-3"]])
    for _ in range(400):
        source, target = agree.render(0, rng)
        record: Any = made.family["1-3"].parse(plain(source))
        right.append(record["stars"] == 5)
        assert plain(target) == ("yes" if right[-1] else "no") + END
    assert 150 < sum(right) < 250


def test_liking_begins_with_four_stars() -> None:
    made, rng = lesson("p5-rating"), np.random.default_rng(0)
    like = RecordLesson(FACTS, made.family, [made.family["1-4"]])
    assert [plain(like.render(row, rng)[1]).removesuffix(END) for row in (0, 1)] == ["like", "dislike"]
