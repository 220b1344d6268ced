"""Item losses: the full softmax exactly, the sampled ones by hand and in expectation."""

import math
from collections.abc import Callable

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor
from torch.nn import functional as F
from torch.utils._python_dispatch import TorchDispatchMode

from tastelm.errors import ShapeError
from tastelm.objectives.item_loss import BCE, BPR, GBCE, ITEM_LOSSES, BPRMax, FullSoftmax, ItemLoss, Negatives, SampledSoftmax, item_loss
from tastelm.objectives.softmax import SAFE_LOGIT, chunked_cross_entropy

from .toys import rng

Inputs = tuple[Tensor, Tensor, Tensor]


def inputs(m: int, n: int, d: int = 5, *, scale: float = 1.0, seed: int = 0, dtype: torch.dtype = torch.float32) -> Inputs:
    generator = torch.Generator().manual_seed(seed)
    states, table = (torch.randn(size, d, generator=generator, dtype=dtype) * scale for size in (m, n))
    return states.requires_grad_(), table.requires_grad_(), torch.randint(n, (m,), generator=generator)


def gradients(loss: Tensor, *of: Tensor) -> list[Tensor]:
    return list(torch.autograd.grad(loss, of))


def close(found: list[Tensor], expected: list[Tensor], tolerance: float = 1e-5) -> None:
    for a, b in zip(found, expected, strict=True):
        torch.testing.assert_close(a, b, atol=tolerance, rtol=tolerance)


@given(m=st.integers(1, 150), n=st.integers(1, 90), d=st.integers(1, 12), chunk=st.sampled_from([0, 1, 2, 7, 64, 1000]), scale=st.sampled_from([0.1, 1.0, 3.0]))
def test_the_chunked_softmax_is_cross_entropy(m: int, n: int, d: int, chunk: int, scale: float) -> None:
    states, table, targets = inputs(m, n, d, scale=scale)
    found, expected = chunked_cross_entropy(states, table, targets, chunk=chunk), F.cross_entropy(states @ table.T, targets)
    close([found, *gradients(found, states, table)], [expected, *gradients(expected, states, table)])


@pytest.mark.parametrize("scale", [10.0, 60.0, 1e4, 1e18])
def test_large_logits_overflow_nothing(scale: float) -> None:
    states, table, targets = inputs(70, 40)
    with torch.no_grad():
        states *= scale
    assert (states @ table.T).abs().max() > SAFE_LOGIT
    found, expected = chunked_cross_entropy(states, table, targets, chunk=16), F.cross_entropy(states @ table.T, targets)
    assert found.isfinite()
    torch.testing.assert_close(found, expected)
    close(gradients(found, states, table)[:1], gradients(expected, states, table)[:1])


@pytest.mark.parametrize("shift", [-55.0, 55.0])
def test_logits_just_below_the_safe_bound_lose_nothing(shift: float) -> None:
    """All logits far from zero: exp(-55) and exp(55) are both within single precision."""
    states, table = torch.ones(3, 1, requires_grad=True), (torch.linspace(0, 3, 20)[:, None] + shift).requires_grad_()
    targets = torch.tensor([0, 10, 19])
    found, expected = chunked_cross_entropy(states, table, targets), F.cross_entropy((states @ table.T).double(), targets).float()
    close([found, *gradients(found, states, table)], [expected, *gradients(expected, states, table)], 1e-4)


@pytest.mark.parametrize("chunk", [1, 3, 50])
@pytest.mark.parametrize("scale", [1.0, 30.0])
def test_gradients_in_double_precision(chunk: int, scale: float) -> None:
    states, table, targets = inputs(6, 5, 3, scale=scale**0.5, dtype=torch.float64)
    assert torch.autograd.gradcheck(lambda s, t: chunked_cross_entropy(s, t, targets, chunk=chunk), (states, table))


def test_the_gradient_is_scaled_by_what_comes_from_above() -> None:
    states, table, targets = inputs(6, 5)
    once, twice = (gradients(weight * chunked_cross_entropy(states, table, targets), states, table) for weight in (1.0, -2.5))
    close(twice, [-2.5 * gradient for gradient in once])


def test_without_gradients_the_loss_alone() -> None:
    states, table, targets = inputs(6, 5)
    expected = F.cross_entropy(states @ table.T, targets)
    with torch.no_grad():
        torch.testing.assert_close(chunked_cross_entropy(states, table, targets), expected)
    found = chunked_cross_entropy(states.detach(), table, targets)
    close(gradients(found, table), gradients(expected, table))


@pytest.mark.parametrize(("scale", "off"), [(1.0, 0.01), (30.0, 0.1)])  # a score of 200 is rounded to whole numbers
def test_half_precision_is_near_the_whole(scale: float, off: float) -> None:
    states, table, targets = inputs(300, 500, 16)
    with torch.no_grad():
        states *= scale
    found, expected = FullSoftmax(half=True)(states, table, targets, rng()), F.cross_entropy(states @ table.T, targets)
    torch.testing.assert_close(found, expected, atol=0.02, rtol=0.01)
    for a, b in zip(gradients(found, states, table), gradients(expected, states, table), strict=True):
        assert a.dtype == b.dtype and 0 < (a - b).norm() < off * b.norm(), "near, but the scores were rounded"


def test_a_few_negatives_are_drawn_for_each_prediction() -> None:
    for name, loss in ((name, item_loss(name, negatives=1)) for name in ITEM_LOSSES if name != "full"):
        states, table, targets = inputs(60, 200)
        touched = gradients(loss(states, table, targets * 0, rng()), table)[0].any(1)
        assert touched[1:].sum() > 30, f"{name}: one negative for the whole batch"
    assert item_loss("bce", negatives=256).negatives.shared, "many are shared, for one matrix product"  # type: ignore[attr-defined]


def test_a_bias_counts_and_learns() -> None:
    states, table, targets = inputs(9, 7)
    bias = torch.randn(7, requires_grad=True)
    found, expected = FullSoftmax(chunk=4)(states, table, targets, rng(), bias), F.cross_entropy(states @ table.T + bias, targets)
    close([found, *gradients(found, states, table, bias)], [expected, *gradients(expected, states, table, bias)])


class Largest(TorchDispatchMode):
    """Remembers the largest tensor that any operation made."""

    numel = 0

    def __torch_dispatch__(self, func: Callable[..., object], types: object, args: tuple[object, ...] = (), kwargs: dict[str, object] | None = None) -> object:
        out = func(*args, **(kwargs or {}))
        for value in out if isinstance(out, tuple | list) else (out,):
            if isinstance(value, Tensor):
                self.numel = max(self.numel, value.numel())
        return out


def test_no_more_logits_than_a_chunk_are_ever_made() -> None:
    states, table, targets = inputs(600, 300, 4)
    with Largest() as plain:
        F.cross_entropy(states @ table.T, targets).backward()
    with Largest() as chunked:
        chunked_cross_entropy(states, table, targets, chunk=8).backward()
    assert plain.numel == 600 * 300 and chunked.numel == 600 * 4, "the probe sees a whole table of logits, and here none"
    with Largest() as chosen:
        FullSoftmax()(states, table, targets, rng())
    assert chosen.numel == 64 * 300


def test_autocast_does_not_disturb_the_softmax() -> None:
    """Under bf16-mixed, states may come in half precision; the softmax is worked out in the precision of the table."""
    states, table, targets = inputs(20, 11)
    half = states.to(torch.bfloat16)
    expected = F.cross_entropy(half.float() @ table.T, targets)
    gradient = list(torch.autograd.grad(expected, [table], retain_graph=True))
    with torch.autocast("cpu", torch.bfloat16):
        for given_states in (half, half.float()):
            found = FullSoftmax()(given_states, table, targets, rng())
            torch.testing.assert_close(found, expected)
            close(gradients(found, table), gradient)
        assert gradients(FullSoftmax()(half, table, targets, rng(), torch.zeros(11)), states)[0].isfinite().all()


def once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Negatives are all items, each once, as if drawn uniformly."""

    def draw(self: Negatives, n_items: int, predictions: int, rng: object) -> tuple[Tensor, Tensor]:
        return torch.arange(n_items), torch.full((n_items,), -math.log(n_items))

    monkeypatch.setattr(Negatives, "draw", draw)


@pytest.mark.parametrize("biased", [False, True])
def test_a_sample_of_everything_is_the_full_softmax(monkeypatch: pytest.MonkeyPatch, biased: bool) -> None:
    once(monkeypatch)
    states, table, targets = inputs(8, 11)
    bias = torch.randn(11) if biased else None
    found = SampledSoftmax(Negatives(11))(states, table, targets, rng(), bias)
    expected = F.cross_entropy(states @ table.T + (bias if bias is not None else 0), targets)
    close([found, *gradients(found, states, table)], [expected, *gradients(expected, states, table)])


@pytest.mark.parametrize("popular", [False, True])
@pytest.mark.parametrize("shared", [False, True])
def test_the_corrected_gradient_is_the_full_one_in_expectation(popular: bool, shared: bool) -> None:
    states, table, targets = inputs(6, 10)
    popularity = np.array([50, 1, 1, 20, 3, 3, 3, 9, 1, 0]) + 1 if popular else None
    full = gradients(F.cross_entropy(states @ table.T, targets), states)[0]
    loss, generator = SampledSoftmax(Negatives(400, popularity, shared=shared)), rng()
    mean = torch.stack([gradients(loss(states, table, targets, generator), states)[0] for _ in range(60)]).mean(0)
    assert (mean - full).abs().max() < 0.1 * full.abs().max()


def test_without_the_correction_popular_negatives_would_be_punished(monkeypatch: pytest.MonkeyPatch) -> None:
    """The test above can tell: with the log-probabilities left out the gradient is another."""
    states, table, targets = inputs(6, 10)
    popularity = np.array([50, 1, 1, 20, 3, 3, 3, 9, 1, 1])
    full = gradients(F.cross_entropy(states @ table.T, targets), states)[0]
    draw = Negatives.draw
    monkeypatch.setattr(Negatives, "draw", lambda self, n, m, r: (draw(self, n, m, r)[0], torch.full((400,), -math.log(n))))
    loss, generator = SampledSoftmax(Negatives(400, popularity)), rng()
    mean = torch.stack([gradients(loss(states, table, targets, generator), states)[0] for _ in range(60)]).mean(0)
    assert (mean - full).abs().max() > 0.2 * full.abs().max()


@pytest.mark.parametrize("shared", [False, True])
def test_negatives_are_drawn_as_they_say(shared: bool) -> None:
    counts = np.array([1, 16, 81, 0])
    codes, log_q = Negatives(50, counts, power=0.5, shared=shared).draw(4, 200, rng())
    assert codes.shape == ((50,) if shared else (200, 50)) == log_q.shape
    q = np.sqrt(np.maximum(counts, 1e-9))
    torch.testing.assert_close(log_q, torch.from_numpy(np.log(q / q.sum()))[codes].float(), atol=1e-4, rtol=1e-4)
    uniform, log_u = Negatives(50, shared=shared).draw(4, 200, rng())
    assert uniform.min() == 0 and uniform.max() == 3 and torch.allclose(log_u, torch.tensor(-math.log(4)))
    if not shared:
        share = np.bincount(codes.flatten(), minlength=4) / codes.numel()
        np.testing.assert_allclose(share, q / q.sum(), atol=0.02)


# Three items in one dimension: scores are state x item. Negatives are set by hand.
STATE, TABLE = torch.tensor([[2.0], [-1.0]]), torch.tensor([[0.5], [-1.0], [1.5]])
TARGETS = torch.tensor([0, 2])
DRAWN = torch.tensor([[1, 2], [0, 2]])  # the last is the target of the second prediction: an accidental hit


def by_hand(monkeypatch: pytest.MonkeyPatch, loss: ItemLoss) -> float:
    monkeypatch.setattr(Negatives, "draw", lambda *_: (DRAWN, torch.zeros(2, 2)))
    return float(loss(STATE, TABLE, TARGETS, rng()))


def sig(x: float) -> float:
    return 1 / (1 + math.exp(-x))


def test_bce_by_hand(monkeypatch: pytest.MonkeyPatch) -> None:
    # scores: first 1.0 against -2.0, 3.0; second -1.5 against -0.5 and itself, which is left out
    first = -(math.log(sig(1.0)) + math.log(1 - sig(-2.0)) + math.log(1 - sig(3.0))) / 3
    second = -(math.log(sig(-1.5)) + math.log(1 - sig(-0.5))) / 3
    assert by_hand(monkeypatch, BCE(Negatives(2))) == pytest.approx((first + second) / 2, rel=1e-6)


def test_gbce_by_hand(monkeypatch: pytest.MonkeyPatch) -> None:
    alpha = 2 / 2
    assert by_hand(monkeypatch, GBCE(Negatives(2), 0.75)) == pytest.approx(by_hand(monkeypatch, BCE(Negatives(2)))), f"alpha is {alpha}, so beta is 1"
    alpha, t = 1 / 2, 0.75
    beta = alpha * (t * (1 - 1 / alpha) + 1 / alpha)
    monkeypatch.setattr(Negatives, "draw", lambda *_: (torch.tensor([[1], [0]]), torch.zeros(2, 1)))
    first = -(beta * math.log(sig(1.0)) + math.log(1 - sig(-2.0))) / 2
    second = -(beta * math.log(sig(-1.5)) + math.log(1 - sig(-0.5))) / 2
    assert float(GBCE(Negatives(1), t)(STATE, TABLE, TARGETS, rng())) == pytest.approx((first + second) / 2, rel=1e-6)


def test_bpr_by_hand(monkeypatch: pytest.MonkeyPatch) -> None:
    expected = -(math.log(sig(1.0 + 2.0)) + math.log(sig(1.0 - 3.0)) + math.log(sig(-1.5 + 0.5)) + 0.0) / 4
    assert by_hand(monkeypatch, BPR(Negatives(2))) == pytest.approx(expected, rel=1e-6)


def test_bpr_max_by_hand(monkeypatch: pytest.MonkeyPatch) -> None:
    # The first target scores 1.0, its negatives -2.0 and 3.0; the second -1.5 against -0.5 alone, whose weight is therefore 1.
    heavy = math.exp(3.0) / (math.exp(-2.0) + math.exp(3.0))
    first = -math.log((1 - heavy) * sig(3.0) + heavy * sig(-2.0)) + 0.7 * ((1 - heavy) * 4.0 + heavy * 9.0)
    second = -math.log(sig(-1.0)) + 0.7 * 0.25
    assert by_hand(monkeypatch, BPRMax(Negatives(2), bpreg=0.7)) == pytest.approx((first + second) / 2, rel=1e-6)


def test_bpr_max_with_one_negative_is_bpr_and_the_square_of_its_score(monkeypatch: pytest.MonkeyPatch) -> None:
    states, table, _ = inputs(4, 5)
    targets, drawn = torch.tensor([0, 1, 2, 3]), torch.tensor([[4], [3], [0], [1]])
    monkeypatch.setattr(Negatives, "draw", lambda *_: (drawn, torch.zeros(4, 1)))
    pairwise = BPR(Negatives(1))(states, table, targets, rng())
    found = BPRMax(Negatives(1), bpreg=0.0)(states, table, targets, rng())
    close([found, *gradients(found, states, table)], [pairwise, *gradients(pairwise, states, table)])
    squares = (states * table[drawn[:, 0]]).sum(1).square().mean()
    torch.testing.assert_close(BPRMax(Negatives(1), bpreg=2.0)(states, table, targets, rng()), pairwise + 2 * squares)


def test_sampled_softmax_by_hand(monkeypatch: pytest.MonkeyPatch) -> None:
    # drawn with log-probability 0, K = 2: each negative counts exp(s) / 2
    first = -math.log(math.exp(1.0) / (math.exp(1.0) + (math.exp(-2.0) + math.exp(3.0)) / 2))
    second = -math.log(math.exp(-1.5) / (math.exp(-1.5) + math.exp(-0.5) / 2))
    assert by_hand(monkeypatch, SampledSoftmax(Negatives(2))) == pytest.approx((first + second) / 2, rel=1e-6)


@given(m=st.integers(1, 8), n=st.integers(2, 9), k=st.integers(1, 12), seed=st.integers(0, 9))
def test_uncalibrated_gbce_is_bce_and_a_full_one_too(m: int, n: int, k: int, seed: int) -> None:
    states, table, targets = inputs(m, n, seed=seed)
    negatives = Negatives(k)
    plain = BCE(negatives)(states, table, targets, rng(seed))
    torch.testing.assert_close(GBCE(negatives, 0.0)(states, table, targets, rng(seed)), plain)
    everything = Negatives(n - 1)
    torch.testing.assert_close(GBCE(everything, 1.0)(states, table, targets, rng(seed)), BCE(everything)(states, table, targets, rng(seed)))


def test_centred_scores_are_the_scores_less_what_nobody_knows() -> None:
    """A scorer that knows nothing is at rest: of the gradient of the common offset of all scores nothing is left."""
    n, k, t = 50, 7, 0.6
    negatives, targets = Negatives(k), torch.arange(200) % n
    beta = 1 - t * (1 - k / (n - 1))
    states = torch.randn(200, 4, generator=torch.Generator().manual_seed(0))
    table = torch.randn(n, 4, generator=torch.Generator().manual_seed(1))
    centred = GBCE(negatives, t, centred=True)(states, table, targets, rng(3))
    lowered = GBCE(negatives, t)(states, table, targets, rng(3), torch.full((n,), -float(np.log(k / beta))))
    torch.testing.assert_close(centred, lowered)
    offset = torch.zeros(n, requires_grad=True)
    for seed in range(200):
        GBCE(negatives, t, centred=True)(torch.zeros(200, 4), table, targets, rng(seed), offset).backward()
    assert offset.grad is not None
    raised = torch.zeros(n, requires_grad=True)
    for seed in range(200):
        GBCE(negatives, t)(torch.zeros(200, 4), table, targets, rng(seed), raised).backward()
    assert raised.grad is not None
    # Where a drawn item is the target it is left out, once in N draws.
    assert abs(float(offset.grad.sum())) < 2 / n * float(raised.grad.sum())


@pytest.mark.parametrize("name", ["sampled", "gbce", "bce", "bpr", "bpr-max"])
def test_accidental_hits_teach_nothing(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where every negative is the target there is nothing to push away, and no gradient is not a number."""
    states, table, targets = inputs(4, 5)
    monkeypatch.setattr(Negatives, "draw", lambda *_: (targets[:, None].expand(4, 3), torch.zeros(4, 3)))
    loss = item_loss(name, negatives=3)(states, table, targets, rng())
    if name in ("sampled", "bpr", "bpr-max"):
        assert float(loss.detach()) == pytest.approx(0, abs=1e-6)
    for gradient in gradients(loss, states, table):
        assert gradient.isfinite().all()
        assert name not in ("sampled", "bpr", "bpr-max") or (gradient.abs() < 1e-6).all()


@pytest.mark.parametrize("name", ITEM_LOSSES)
@pytest.mark.parametrize("biased", [False, True])
def test_a_loss_is_a_pure_function(name: str, biased: bool) -> None:
    loss, (states, table, targets) = item_loss(name, negatives=4, popularity=np.arange(7)), inputs(5, 7)
    bias = torch.randn(7) if biased else None
    before = [value.clone() for value in (states, table, targets)]
    first, again, other = (float(loss(states, table, targets, rng(seed), bias).detach()) for seed in (0, 0, 1))
    assert first == again and (first == other) == (name == "full")
    assert all(torch.equal(a, b) for a, b in zip(before, (states, table, targets), strict=True))
    state = rng().bit_generator.state
    generator = rng()
    loss(states, table, targets, generator, bias)
    assert (generator.bit_generator.state == state) == (name == "full"), "the generator handed in is the one drawn from"


@pytest.mark.parametrize("name", ITEM_LOSSES)
def test_the_losses_fall_when_the_target_scores_higher(name: str) -> None:
    states, table, targets = inputs(5, 7)
    better = states.detach() + 0.5 * table.detach()[targets]
    loss = item_loss(name, negatives=6)
    assert float(loss(better, table, targets, rng()).detach()) < float(loss(states, table, targets, rng()).detach())


@pytest.mark.parametrize("name", ITEM_LOSSES)
@pytest.mark.parametrize(("states", "table", "targets"), [((3, 4), (5, 6), (3,)), ((3, 4, 1), (5, 4), (3,)), ((3, 4), (5, 4), (2,)), ((3, 4), (4,), (3,))])
def test_shapes_that_do_not_fit_are_named(name: str, states: tuple[int, ...], table: tuple[int, ...], targets: tuple[int, ...]) -> None:
    with pytest.raises(ShapeError) as error:
        item_loss(name, negatives=2)(torch.zeros(states), torch.zeros(table), torch.zeros(targets, dtype=torch.int64), rng())
    assert str(error.value) == f"an item loss takes states (M, D), a table (N, D) and targets (M,), not states {states}, table {table}, targets {targets}."


def test_the_losses_that_are_calibrated_for_even_draws_leave_popularity_alone() -> None:
    counts = np.arange(5)
    made = {name: item_loss(name, negatives=3, popularity=counts, alpha=0.4, calibration=0.5, bpreg=2.0, smoothing=0.1) for name in ITEM_LOSSES}
    for name in ("sampled", "bpr", "bpr-max"):
        assert made[name].negatives.popularity is counts and made[name].negatives.power == 0.4  # type: ignore[attr-defined]
    assert all(made[name].negatives.popularity is None for name in ("gbce", "bce"))  # type: ignore[attr-defined]
    assert made["gbce"].calibration == 0.5 and made["bce"].calibration == 0 and isinstance(made["full"], FullSoftmax)  # type: ignore[attr-defined]
    assert made["bpr-max"].bpreg == 2.0 and made["full"].smoothing == 0.1  # type: ignore[attr-defined]


@pytest.mark.parametrize("biased", [False, True])
@pytest.mark.parametrize("smoothing", [0.1, 0.9])
def test_a_smoothed_softmax_is_that_of_the_library(biased: bool, smoothing: float) -> None:
    states, table, targets = inputs(9, 7)
    bias = torch.randn(7, requires_grad=True) if biased else None
    found = FullSoftmax(chunk=4, smoothing=smoothing)(states, table, targets, rng(), bias)
    expected = F.cross_entropy(states @ table.T + (0 if bias is None else bias), targets, label_smoothing=smoothing)
    learnt = (states, table) if bias is None else (states, table, bias)
    close([found, *gradients(found, *learnt)], [expected, *gradients(expected, *learnt)])
