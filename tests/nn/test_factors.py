"""Matrix factorisation, and how a stranger is met."""

import numpy as np
import torch

from tastelm.data.sequences import Sequences
from tastelm.nn.factors import Factors

from .naive import wild

HISTORIES = Sequences.of([[0, 3], [1], [], [4, 4, 2]])


def factors() -> Factors:
    made = Factors(3, 5, 4, strangers=0.7)
    wild(made)
    return made


def test_a_known_user_is_scored_by_the_learned_vector_whatever_the_history() -> None:
    model = factors()
    found = model.item_scores(HISTORIES, np.array([2, 0, 1, 1], np.int32))
    expected = model.users.weight[[2, 0, 1, 1]] @ model.items.weight.T + model.items.bias
    torch.testing.assert_close(found, expected)


def test_a_stranger_is_folded_in_by_ridge_regression() -> None:
    model = factors()
    users = np.array([-1, 1, -1, -1], np.int32)
    found = model.item_scores(HISTORIES, users).detach().double().numpy()
    items, bias = model.items.weight.detach().double().numpy(), model.items.bias.detach().double().numpy()  # type: ignore[union-attr]
    for row, (user, history) in enumerate(zip(users, HISTORIES, strict=True)):
        met = items[history]
        vector = np.linalg.inv(met.T @ met + 0.7 * np.eye(4)) @ met.T @ np.ones(len(history))
        if user >= 0:
            vector = model.users.weight[int(user)].detach().double().numpy()
        np.testing.assert_allclose(found[row], items @ vector + bias, atol=1e-5)


def test_the_fold_in_minimises_what_it_says() -> None:
    model = factors()
    history = torch.tensor([4, 4, 2])
    vector = torch.linalg.lstsq(model.items.weight.detach(), (model.item_scores(HISTORIES, np.full(4, -1, np.int32))[3] - model.items.bias).detach()).solution  # type: ignore[operator]
    vector.requires_grad_()
    loss = (model.items.weight.detach()[history] @ vector - 1).square().sum() + 0.7 * vector.square().sum()
    (gradient,) = torch.autograd.grad(loss, vector)
    assert gradient.abs().max() < 1e-4


def test_the_table_of_users_stays_as_it_was() -> None:
    model = factors()
    before = model.users.weight.clone()
    model.item_scores(HISTORIES, np.full(4, -1, np.int32))
    assert torch.equal(before, model.users.weight)
