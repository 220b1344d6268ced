"""Free beam search against all texts that there are, and a language model's against its network."""

from itertools import product

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor

from tastelm.decoding.free_beam import free_beam

WORDS, END, ROWS = 4, 2, 3


class Table:
    """Another random distribution behind every text of every row; keeps the texts that it was asked for."""

    def __init__(self, seed: int, sharp: float = 1.0) -> None:
        self.seed, self.sharp = seed, sharp
        self.texts: list[tuple[int, ...]] = [(row,) for row in range(ROWS)]
        self.calls = 0

    def logits(self, text: tuple[int, ...]) -> Tensor:
        return torch.from_numpy(self.sharp * np.random.default_rng([self.seed, len(text), *text]).normal(size=WORDS))

    def first(self) -> Tensor:
        return torch.stack([self.logits(text) for text in self.texts])

    def __call__(self, tokens: Tensor, parents: Tensor) -> Tensor:
        self.calls += 1
        self.texts = [(*self.texts[parent], token) for parent, token in zip(parents.tolist(), tokens.tolist(), strict=True)]
        return torch.stack([self.logits(text) for text in self.texts])


def every(table: Table, row: int, longest: int) -> dict[tuple[int, ...], float]:
    """All texts of a row, those that end and those that are cut, with their log-probabilities."""
    found = {}
    for length in range(1, longest + 1):
        for text in product(range(WORDS), repeat=length):
            if END in text[:-1] or (text[-1] != END and length < longest):
                continue
            steps = [float(table.logits((row, *text[:at])).log_softmax(0)[token]) for at, token in enumerate(text)]
            found[text[:-1] if text[-1] == END else text] = sum(steps)
    return found


@pytest.mark.parametrize("longest", [1, 2, 4])
@pytest.mark.parametrize("seed", range(3))
def test_a_wide_beam_is_exhaustive(seed: int, longest: int) -> None:
    table = Table(seed)
    texts, totals = free_beam(table.first(), table, end=END, longest=longest, beams=WORDS**longest)
    for row in range(ROWS):
        truth = every(table, row, longest)
        assert sum(np.exp(list(truth.values()))) == pytest.approx(1), "texts that end and texts that are cut are all there are"
        order = sorted(truth, key=lambda text: -truth[text])
        assert [tuple(text) for text in texts[row]] == order
        np.testing.assert_allclose(totals[row, : len(order)].numpy(), [truth[text] for text in order], atol=1e-9)
        assert (totals[row, len(order) :] == -torch.inf).all()


@given(st.integers(0, 9), st.integers(1, 5), st.integers(1, 4))
def test_a_narrow_beam_finds_distinct_texts_with_their_own_probability(seed: int, beams: int, longest: int) -> None:
    table = Table(seed, sharp=3)
    texts, totals = free_beam(table.first(), table, end=END, longest=longest, beams=beams)
    assert totals.shape == (ROWS, beams) and totals.dtype == torch.float64
    for row, found in enumerate(texts):
        truth = every(table, row, longest)
        assert 1 <= len(found) <= beams and len(set(map(tuple, found))) == len(found)
        np.testing.assert_allclose(totals[row, : len(found)].numpy(), [truth[tuple(text)] for text in found], atol=1e-9)
        assert (totals[row, : len(found)].diff() <= 0).all() and (totals[row, len(found) :] == -torch.inf).all()


def test_one_beam_is_greedy_unless_a_text_that_ended_is_better() -> None:
    def step(tokens: Tensor, parents: Tensor) -> Tensor:
        return torch.tensor([[0.3, 0.3, 0.2, 0.2]]).log().repeat(len(tokens), 1)

    texts, totals = free_beam(torch.tensor([[0.6, 0.1, 0.3, 0.0]]).log(), step, end=END, longest=3, beams=1)
    assert texts == [[[]]] and totals.exp().item() == pytest.approx(0.3), "whatever begins with the .6 gets below .3"


def test_it_stops_when_nothing_can_get_better() -> None:
    calls = []

    def step(tokens: Tensor, parents: Tensor) -> Tensor:
        calls.append(tokens.tolist())
        return torch.tensor([[0.01, 0.01, 0.97, 0.01]]).log().repeat(len(tokens), 1)

    texts, _ = free_beam(torch.tensor([[0.5, 0.48, 0.01, 0.01]]).log(), step, end=END, longest=50, beams=2)
    assert texts == [[[0], [1]]] and calls == [[0, 1]]


def test_rows_do_not_disturb_each_other() -> None:
    together = free_beam(Table(5).first(), (table := Table(5)), end=END, longest=4, beams=3)
    assert table.calls
    for row in range(ROWS):
        alone = Table(5)
        alone.texts = [(row,)]
        texts, totals = free_beam(alone.first(), alone, end=END, longest=4, beams=3)
        assert texts[0] == together[0][row] and torch.allclose(totals[0], together[1][row])
