"""Categories named, by hand."""

import numpy as np

from tastelm.metrics.classes import hits, macro_f1

NAMED, TRUTH = np.array([0, 0, 1, 1, 2, 0]), np.array([0, 1, 1, 1, 3, -1])


def test_a_hit_is_a_true_category_and_what_is_not_known_is_no_case() -> None:
    np.testing.assert_equal(hits(NAMED, TRUTH), [1, 0, 1, 1, 0, np.nan])


def test_macro_f1_by_hand() -> None:
    # 0: 2 * 1 / (2 + 1); 1: 2 * 2 / (2 + 3); 2 is named and 3 is true, each once and wrongly.
    assert macro_f1(NAMED, TRUTH) == (2 / 3 + 4 / 5 + 0 + 0) / 4
    assert macro_f1(TRUTH[:4], TRUTH[:4]) == 1 and np.isnan(macro_f1(NAMED[5:], TRUTH[5:]))
