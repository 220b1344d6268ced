"""Validation questions as a lesson: what came next behind the whole history, the same ones at every look."""

from tastelm.data.split import Part, split
from tastelm.prompting.lessons import ItemLesson
from tastelm.prompting.questions import valid_questions
from tastelm.testing import circle
from tastelm.text.segments import plain
from tastelm.text.template import Template

SPLIT = split(circle(30))
NAMES = [f"[{code}]" for code in range(len(SPLIT.items))]
NEXT = Template("next", "{history}:", " {item}", {"history": "history", "item": "item"})
LESSON = ItemLesson(SPLIT.train, NAMES, [NEXT], shown=3)


def test_each_question_is_asked_once_with_its_history_and_answer() -> None:
    made = valid_questions(SPLIT, LESSON, batch=8)
    assert made is not None
    batches = made.batches(0, 0)
    told = [batches[index] for index in range(len(batches))]
    found = sorted((plain(source), plain(target)) for batch in told for source, target in zip(batch.sources, batch.targets, strict=True))
    cases = SPLIT.cases(Part.VALID)
    pairs = zip(cases.histories, cases.targets, strict=True)
    assert found == sorted((", ".join(f"[{code}]" for code in history[-3:]) + ":", f" [{target[0]}]") for history, target in pairs)


def test_no_more_than_so_many_and_the_same_again() -> None:
    first, again = (valid_questions(SPLIT, LESSON, batch=5, most=12) for _ in range(2))
    assert first is not None and again is not None
    one, other = first.batches(0, 0), again.batches(0, 0)
    assert [one[index] for index in range(len(one))] == [other[index] for index in range(len(other))]
    assert sum(len(one[index].sources) for index in range(len(one))) == 12


def test_nobody_to_ask() -> None:
    assert valid_questions(SPLIT.only(SPLIT.part == Part.TRAIN), LESSON, batch=8) is None
