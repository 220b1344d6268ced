"""The best items of a row, with fair ties."""

from collections import Counter

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from tastelm.data.sequences import Sequences
from tastelm.errors import RunError
from tastelm.topk import BLOCK_BYTES, BLOCK_ROWS, block_rows, check_scores, set_aside, top_k

SCORES = st.lists(st.sampled_from([-torch.inf, -1.5, 0.0, 0.25, 1.0, 7.0]), min_size=1, max_size=12)


@given(rows=st.integers(1, 6), n=st.integers(1, 20), k=st.integers(1, 25), seed=st.integers(0, 99))
def test_without_ties_it_is_a_sort(rows: int, n: int, k: int, seed: int) -> None:
    scores = torch.from_numpy(np.random.default_rng(seed).permuted(np.tile(np.arange(n, dtype=np.float32), (rows, 1)), axis=1) - n / 2)
    codes, values = top_k(scores, k)
    expected = np.argsort(-scores.numpy(), axis=1)[:, :k]
    assert codes.dtype == np.int32 and codes.tolist() == expected.tolist()
    assert values.tolist() == np.take_along_axis(scores.numpy(), expected, 1).tolist()


@given(row=SCORES, k=st.integers(1, 15))
def test_with_ties_the_scores_are_those_of_a_sort_and_no_item_comes_twice(row: list[float], k: int) -> None:
    codes, values = top_k(torch.tensor([row]), k)
    keep = min(k, len(row))
    assert values[0].tolist() == sorted(row, reverse=True)[:keep]
    known = [(code, value) for code, value in zip(codes[0].tolist(), values[0].tolist(), strict=True) if value > -torch.inf]
    assert all(row[code] == value for code, value in known) and len({code for code, _ in known}) == len(known)
    assert codes[0].tolist()[len(known) :] == [-1] * (keep - len(known)), "where no candidate is left there is no code"


@given(rows=st.lists(st.lists(st.sampled_from([0.0, 1.0, -torch.inf]), min_size=9, max_size=9), min_size=2, max_size=6), k=st.integers(1, 9))
def test_ties_fall_alike_alone_and_in_company(rows: list[list[float]], k: int) -> None:
    together = top_k(torch.tensor(rows), k)[0]
    for at, row in enumerate(rows):
        assert top_k(torch.tensor([row]), k)[0].tolist() == [together[at].tolist()]


@given(row=SCORES, k=st.integers(1, 11))
def test_a_longer_list_begins_with_the_shorter_one(row: list[float], k: int) -> None:
    shorter, longer = top_k(torch.tensor([row]), k)[0][0].tolist(), top_k(torch.tensor([row]), k + 1)[0][0].tolist()
    assert longer[: len(shorter)] == shorter


def test_ties_favour_no_code() -> None:
    """Of two tied items the smaller code comes first as often as the larger; `torch.topk` alone would mostly take one side."""
    rng = np.random.default_rng(0)
    pairs = np.array([rng.choice(500, size=2, replace=False) for _ in range(2000)])
    scores = torch.zeros(2000, 500)
    scores[torch.arange(2000)[:, None], torch.from_numpy(pairs)] = 1.0
    first = top_k(scores, 1)[0][:, 0]
    assert (first == pairs.min(1)).mean() == pytest.approx(0.5, abs=0.06)
    won = Counter((first // 100).tolist())
    assert all(300 < won[fifth] < 500 for fifth in range(5)), "no region of the catalogue wins more than its share"


def test_the_whole_catalogue_tied_is_in_no_order_of_codes() -> None:
    codes = top_k(torch.zeros(1, 1000), 1000)[0][0]
    assert sorted(codes.tolist()) == list(range(1000)) and abs(np.corrcoef(codes, np.arange(1000))[0, 1]) < 0.1


def test_a_tie_just_beyond_the_list_is_broken_fairly_too() -> None:
    """The k-th and the (k+1)-th best are level: who is on the list must not depend on `torch.topk`."""
    scores = torch.tensor([[5.0, 1.0, 1.0, 1.0, 1.0, 1.0, 0.0]])
    order = [code for code in top_k(scores, 6)[0][0].tolist() if code != 0]
    assert [top_k(scores, k)[0][0].tolist() for k in (2, 3)] == [[0, *order[:1]], [0, *order[:2]]]


def test_items_set_aside_never_come() -> None:
    scores = torch.arange(12.0).view(3, 4) - 20
    set_aside(scores, Sequences.of([[3, 0, 3], [], [0, 1, 2, 3]]))
    assert scores.tolist() == [[-torch.inf, -19, -18, -torch.inf], [-16, -15, -14, -13], [-torch.inf] * 4]
    assert top_k(scores, 3)[0].tolist() == [[2, 1, -1], [3, 2, 1], [-1, -1, -1]]


def test_scores_that_are_no_numbers_are_refused() -> None:
    check_scores(torch.tensor([[1.0, -torch.inf, torch.inf]]), "x")
    with pytest.raises(RunError, match=r"sasrec gave scores that are not numbers\. Train it again, with a lower learning rate"):
        check_scores(torch.tensor([[1.0, torch.nan]]), "sasrec")


@pytest.mark.parametrize(("n_items", "rows"), [(0, BLOCK_ROWS), (1, BLOCK_ROWS), (BLOCK_BYTES // 4, 1), (10**9, 1), (BLOCK_BYTES // 400, 100)])
def test_blocks_fit_the_memory(n_items: int, rows: int) -> None:
    assert block_rows(n_items) == rows
