"""How well attributes are told, by hand."""

import numpy as np
import pytest

from tastelm.data.split import Part, split
from tastelm.errors import DataError
from tastelm.profiles import held_out, plain, told
from tastelm.testing import circle


def test_what_is_not_known_is_no_case_and_what_training_has_not_is_missed() -> None:
    named, truth = np.array([0, 1, 1, 0, 0]), np.array([0, 1, 0, -1, 2])
    found = told(named, truth, 0)
    assert (found.users, found.accuracy, found.majority) == (4, 0.5, 0.5)
    assert found.ci95[0] < 0.5 < found.ci95[1] and found.macro_f1 == pytest.approx((2 * 1 / 4 + 2 * 1 / 3 + 0) / 3)
    assert plain({"age": found})["age"]["ci95"] == list(found.ci95)
    with pytest.raises(DataError, match=r"of none of these users the attribute is known"):
        told(named[:1], np.array([-1]), 0)


def test_users_held_out_are_those_of_whom_nothing_is_trained_on() -> None:
    assert len(held_out(split(circle(20)))[0]) == 0
    cold = split(circle(20), "cold-users:0.2")
    users, histories = held_out(cold)
    assert len(users) == 4 and not cold.train.lengths[users].any() and (histories.lengths == cold.cases(Part.TEST).histories.lengths).all()
