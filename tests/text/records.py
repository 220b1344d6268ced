"""Made-up records for any template, as hypothesis draws them."""

from typing import Any

from hypothesis import strategies as st

from tastelm.text.segments import Text
from tastelm.text.template import Template

# Letters of few words, so that values seldom hold a word of a template, and marks that separators and templates are made of.
ALPHABET = "qxzXÉß03 ;:,.-_'|>{}()\n"


def foreign(template: Template) -> st.SearchStrategy[str]:
    """Values without outer blanks that hold neither the separator nor a literal word of the template."""
    texts = [segment.text for segment in template.source_prompt + template.target_prompt if isinstance(segment, Text)]
    kept_out = {template.separator, *(word for text in texts for word in text.split())}
    return st.text(ALPHABET, min_size=1, max_size=8).filter(lambda value: value.strip() == value and not any(word in value for word in kept_out))


def records(template: Template) -> st.SearchStrategy[dict[str, Any]]:
    """A value of the right kind for each slot of the template."""
    words = foreign(template)
    by_kind: dict[str, st.SearchStrategy[Any]] = {
        "history": st.lists(words, max_size=4),
        "candidates": st.lists(words, min_size=1, max_size=4),
        "rating": st.one_of(st.integers(-9, 99), st.floats(-1e6, 1e6)),
    }
    return st.fixed_dictionaries({slot: by_kind.get(kind, words) for slot, kind in template.slots.items()})
