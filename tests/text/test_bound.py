"""A slot that is filled for good leaves the rest of a template as it was."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tastelm.errors import SettingError
from tastelm.text.bound import bound
from tastelm.text.segments import plain
from tastelm.text.template import Template

TEMPLATE = Template("t", "{where} {{where}} of {who}: {where}", "{what} in {where}", {"where": "text", "who": "user", "what": "item"}, held_out=True)


@given(st.text(min_size=1).filter(str.strip))
def test_it_reads_as_if_the_slot_had_been_filled_last(words: str) -> None:
    made = bound(TEMPLATE, "where", words)
    record = {"who": "u", "what": "i"}
    assert [plain(part) for part in made.render(record)] == [plain(part) for part in TEMPLATE.render(record | {"where": words})]
    assert made.slots == {"who": "user", "what": "item"} and made.held_out and made.name == "t"


def test_a_slot_that_is_not_there() -> None:
    with pytest.raises(SettingError, match=r"template 't' has no slot 'were' to be filled; did you mean 'where'\?"):
        bound(TEMPLATE, "were", "x")
