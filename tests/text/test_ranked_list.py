"""Lists that models write: any text gives a permutation, a perfect list is read perfectly, and what was never a candidate is ranked nowhere."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tastelm.text.ranked_list import ALIKE, MARK, alike, common_length, normal, parse_ranked
from tastelm.text.segments import plain
from tastelm.text.template import Template
from tastelm.text.words import Numbering

FILMS = ["Alien 3", "Jaws", "Toy Story", "Toy Story 3", "1917", "The Godfather: Part II", "Sabrina (1954)", "Sabrina (1995)", "Cité des enfants perdus"]
NUMBERINGS: tuple[Numbering, ...] = ("none", "numbers", "letters")
TITLES = st.text(st.characters(exclude_categories=("Cs", "Cc", "Zl", "Zp")), min_size=1, max_size=12).map(lambda text: " ".join(text.split())).filter(bool)


def named(text: str, numbering: Numbering = "numbers", films: list[str] = FILMS) -> list[str]:
    return [films[place] for place in parse_ranked(text, films, numbering=numbering).named]


@given(st.text(), st.lists(TITLES, min_size=1, max_size=26), st.sampled_from(NUMBERINGS), st.randoms())
def test_any_text_gives_a_permutation_of_the_candidates(text: str, candidates: list[str], numbering: Numbering, random: st.DrawFn) -> None:
    found = parse_ranked(text, candidates, numbering=numbering)
    rest = list(range(len(candidates)))
    random.shuffle(rest)  # type: ignore[attr-defined]
    order = found.order(rest)
    assert sorted(order) == sorted(rest) and tuple(order[: len(found.named)]) == found.named
    assert order[len(found.named) :] == [place for place in rest if place not in found.named], "the others keep their order"
    assert len(found.named) + found.invalid + found.repeated == found.lines


@given(st.lists(TITLES, min_size=1, max_size=26), st.sampled_from(NUMBERINGS), st.data())
def test_a_perfect_list_is_read_perfectly(candidates: list[str], numbering: Numbering, data: st.DataObject) -> None:
    order = data.draw(st.permutations(range(len(candidates))))
    titles = [candidates[place] for place in order]
    if numbering == "none" and any(MARK.match(title) for title in titles):
        return  # without numbers `2. Up` may be the second entry, or a title
    template = Template("list", "{candidates}", "{ranking}", {"candidates": "candidates", "ranking": "candidates"}, separator="\n", numbering=numbering)
    found = parse_ranked(plain(template.render_target({"ranking": titles})), candidates, numbering=numbering)
    assert [normal(candidates[place]) for place in found.named] == list(map(normal, titles))
    assert (found.lines, found.invalid, found.repeated) == (len(candidates), 0, 0)


@given(st.lists(TITLES, min_size=1, max_size=8), st.lists(TITLES, max_size=8))
def test_invented_titles_never_rank(candidates: list[str], invented: list[str]) -> None:
    """What is not nearly a candidate by the plainest measure of it, and no number of one either, names none."""
    strange = [title for title in invented if not any(_share(normal(title), normal(known)) >= ALIKE for known in candidates) and "(" not in title]
    strange = [title for title in strange if not MARK.match(title)]
    found = parse_ranked("\n".join(strange), candidates)
    assert found.named == () and found.invalid == found.lines == len(strange)


def _share(one: str, other: str) -> float:
    table = [[0] * (len(other) + 1) for _ in range(len(one) + 1)]
    for row, a in enumerate(one):
        for column, b in enumerate(other):
            table[row + 1][column + 1] = table[row][column] + 1 if a == b else max(table[row][column + 1], table[row + 1][column])
    return table[-1][-1] / max(len(one), len(other), 1)


@given(st.text("abc", max_size=9), st.text("abc", max_size=9))
def test_what_is_common_by_the_table_of_the_textbook(one: str, other: str) -> None:
    assert common_length(one, other) == common_length(other, one) == round(_share(one, other) * max(len(one), len(other), 1))


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("1. Toy Story\n2. Jaws", ["Toy Story", "Jaws"]),
        ("  1) toy  STORY \r\n\r\n2) *Jaws*", ["Toy Story", "Jaws"]),
        ("- “Jaws”\n• Toy Story.", ["Jaws", "Toy Story"]),
        ("**3. Jaws**\n**1. Toy Story**", ["Jaws", "Toy Story"]),
        ("Jaws (1975)", ["Jaws"]),
        ("1. 1917\n2. 3", ["1917", "Toy Story"]),
        ("3\n(2)\n#1", ["Toy Story", "Jaws", "Alien 3"]),
        ("The Godfather Part II", ["The Godfather: Part II"]),
        ("Cite des enfants perdus", ["Cité des enfants perdus"]),
        ("Sabrina (1995)\nSabrina (1954)", ["Sabrina (1995)", "Sabrina (1954)"]),
        # none of these is a candidate
        ("Toy Story 2\nThe Godfather: Part III\nThe Godfather: Part I\nAlien", []),
        ("Sabrina\nSabrina (1996)", []),
        ("Here is the list:\n1.\n2)\n99\n0\nB", []),
        ("Jaws, since you liked Alien", []),
        ("", []),
    ],
)
def test_lines_by_hand(text: str, found: list[str]) -> None:
    assert named(text) == found


def test_letters_and_numbers_stand_for_candidates_only_as_they_were_shown() -> None:
    assert named("B\n(C)\nA.", "letters") == ["Jaws", "Toy Story", "Alien 3"]
    assert named("B. Jaws\nA) Alien 3", "letters") == ["Jaws", "Alien 3"] and named("B. Jaws 7", "letters") == [], "the words count, not the letter"
    assert named("2", "letters") == named("B", "numbers") == named("2", "none") == []
    assert named("Z", "letters") == []


def test_what_is_said_twice_counts_once_and_alike_titles_are_told_apart_by_their_turn() -> None:
    twice = parse_ranked("1. Jaws\n2. Jaws\n3. jaws!", FILMS)
    assert twice.named == (1,) and (twice.lines, twice.invalid, twice.repeated) == (3, 0, 2)
    assert parse_ranked("Up\nUp\nUp", ["Up", "Heat", "Up"]).named == (0, 2)
    assert parse_ranked("The Lost Worlds A", ["The Lost World A", "The Lost World B", "The Lost Worlds"]).named == (0,)
    assert parse_ranked("The Lost World C", ["The Lost World A", "The Lost World B"]).named == (), "it may be either"


def test_a_title_that_begins_like_an_entry() -> None:
    films = ["1. FC", "M. Butterfly", "FC"]
    assert named("1. 1. FC\n2. M. Butterfly\n3. FC", films=films) == films
    assert named("FC\n1. FC\nHeat", films=films) == ["FC", "1. FC"]


def test_likeness() -> None:
    assert alike("the matrix", "the matrix") == 1.0 and alike("", "") == 0.0
    assert alike("the lost worlds", "the lost world") == pytest.approx(14 / 15) and alike("heat", "heap") < ALIKE
    assert alike("rocky balboa iii", "rocky balboa ii") == 0.0, "numerals tell sequels apart"
