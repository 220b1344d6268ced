"""Titles as people say them."""

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from tastelm.text.titles import clean_title

PIECES = st.sampled_from(["The", "A", "Les", "L'", ",", ", ", " ", "  ", "(", ")", "(1995)", "(500)", " (La) ", "Days", "é", "\t", "1984", "(a (b))"])


@pytest.mark.parametrize(
    ("title", "cleaned"),
    [
        ("Matrix, The (1999)", "The Matrix"),
        ("Misérables, Les (1995)", "Les Misérables"),
        ("City of Lost Children, The (Cité des enfants perdus, La) (1995)", "The City of Lost Children"),
        ("Appartement, L' (1996)", "L'Appartement"),
        ("Bronx Tale, A (1993)", "A Bronx Tale"),
        ("American in Paris, An (1951)", "An American in Paris"),
        ("Boot, Das (Boat, The) (1981)", "Das Boot"),
        ("Olvidados, Los (1950)", "Los Olvidados"),
        ("Good, the Bad and the Ugly, The (Buono, il brutto, il cattivo, Il) (1966)", "The Good, the Bad and the Ugly"),
        ("Seven (a.k.a. Se7en)   (1995) ", "Seven"),
        ("Open (Bracket, The", "The Open (Bracket"),
        ("Old One (Two (Three)) (1990)", "Old One"),
        ("2001: A Space Odyssey (1968)", "2001: A Space Odyssey"),
        ("1984", "1984"),
        ("1984 (1984)", "1984"),
        ("(500) Days of Summer (2009)", "(500) Days of Summer"),
        ("M*A*S*H (a.k.a. MASH) (1970)", "M*A*S*H"),
        ("Kids (the) are, Alright", "Kids (the) are, Alright"),
        ("Come, the", "Come, the"),
        ("So, Theo", "So, Theo"),
        (" (1999) ", "(1999)"),
        ("The", "The"),
        (", The", ", The"),
        ("", ""),
        ("  ", ""),
    ],
)
def test_titles_by_example(title: str, cleaned: str) -> None:
    assert clean_title(title) == cleaned


@given(st.one_of(st.text(), st.lists(PIECES, max_size=8).map("".join)))
@example("X, A, The")
@example("(A), The")
@example("X (Y), The")
def test_cleaning_twice_changes_nothing_and_never_empties(title: str) -> None:
    cleaned = clean_title(title)
    assert clean_title(cleaned) == cleaned == cleaned.strip()
    assert bool(cleaned) == bool(title.strip())
