import pytest
from hypothesis import given
from hypothesis import strategies as st

from tastelm.data import Vocabulary
from tastelm.errors import DataError

names = st.sets(st.text(max_size=4), max_size=20)


@given(names, st.lists(st.text(max_size=4), max_size=10))
def test_known_ids_come_back_and_others_are_unknown(ids, asked):
    vocabulary = Vocabulary(ids)
    assert vocabulary.decode(vocabulary.encode(ids)) == list(ids) and len(vocabulary) == len(ids)
    codes = vocabulary.encode(asked)
    assert codes.dtype == "int32"
    for name, code in zip(asked, codes.tolist(), strict=True):
        assert (code == -1) == (name not in ids) == (name not in vocabulary)


@given(names, st.randoms())
def test_codes_do_not_depend_on_the_order_of_a_file(ids, source):
    shuffled = list(ids)
    source.shuffle(shuffled)
    assert Vocabulary(shuffled) == Vocabulary(ids) and hash(Vocabulary(shuffled)) == hash(Vocabulary(ids))
    assert Vocabulary(shuffled, ordered=True).ids == tuple(shuffled)


def test_repeats_are_refused():
    with pytest.raises(DataError, match="2 of its 5 ids are repeats"):
        Vocabulary(["a", "b", "a", "b", "c"])


def test_what_is_no_vocabulary_is_not_equal():
    assert Vocabulary(["a"]) != ["a"] and 3 not in Vocabulary(["a"])
