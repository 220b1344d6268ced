"""The other encoders: ragged equals one at a time, the future is not seen, and each is its formula."""

from collections.abc import Callable

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import nn
from torch.nn import functional as F

from tastelm.data.sequences import Sequences
from tastelm.nn.adapter import Adapter, UserGraft
from tastelm.nn.convolution import CaserEncoder, DilatedConvolution, DilatedEncoder, Neighbourhood, widening
from tastelm.nn.dated import DatedRecommender, TimeViews
from tastelm.nn.hstu import BUCKETS, HSTUEncoder, TimedRecommender, time_bucket
from tastelm.nn.items import ItemTable, Unit
from tastelm.nn.personal import SCALE, PersonalRecommender
from tastelm.nn.recurrent import GRUEncoder, time_major

from . import naive

DIM = 8


def gru() -> nn.Module:
    return GRUEncoder(DIM, hidden=12, layers=2, max_len=20, dropout=0.3)


def dilated() -> nn.Module:
    return DilatedEncoder(DIM, dilations=(1, 2), kernel=3, max_len=20, dropout=0.3, causal=True)


def both_ways() -> nn.Module:
    return DilatedEncoder(DIM, dilations=(1,), kernel=3, max_len=20, dropout=0.3, causal=False)


def caser() -> nn.Module:
    return CaserEncoder(DIM, window=3, horizontal=5, vertical=2, max_len=20, dropout=0.3)


def hstu() -> nn.Module:
    return HSTUEncoder(DIM, layers=2, heads=2, max_len=20, dropout=0.3)


def made(kind: Callable[[], nn.Module]) -> nn.Module:
    torch.manual_seed(0)
    module = kind()
    naive.wild(module)
    return module.eval()


def tokens(count: int) -> torch.Tensor:
    return torch.randn(count, DIM, generator=torch.Generator().manual_seed(0))


@pytest.mark.parametrize("kind", [gru, dilated, both_ways, caser, hstu])
@given(lengths=st.lists(st.integers(1, 9), min_size=1, max_size=8))
def test_ragged_equals_one_at_a_time(kind: Callable[[], nn.Module], lengths: list[int]) -> None:
    module, x = made(kind), tokens(sum(lengths))
    alone = [module(own, np.array([len(own)])) for own in x.split(lengths)]
    torch.testing.assert_close(module(x, np.array(lengths)), torch.cat(alone), atol=1e-5, rtol=1e-4)


@pytest.mark.parametrize(("kind", "causal"), [(gru, True), (dilated, True), (both_ways, False), (caser, True), (hstu, True)])
def test_a_changed_token_moves_what_may_see_it_and_nothing_else(kind: Callable[[], nn.Module], causal: bool) -> None:
    module, x, lengths = made(kind), tokens(9), np.array([6, 3])
    before = module(x, lengths)
    for changed in range(9):
        other = x.clone()
        other[changed] = x[changed].flip(0)
        moved = ((module(other, lengths) - before).abs().amax(1) > 1e-6).numpy()
        own = np.repeat([0, 1], [6, 3]) == int(changed >= 6)
        later = np.arange(9) >= changed
        assert moved[changed] and not moved[~own].any()
        assert not moved[own & ~later].any() if causal or changed in (0, 6) else moved[own & ~later].any()


@pytest.mark.parametrize("kind", [gru, dilated, caser, hstu])
def test_nothing_comes_of_nothing(kind: Callable[[], nn.Module]) -> None:
    assert made(kind)(tokens(0), np.zeros(0, np.int64)).shape == (0, DIM)


def test_time_major_reads_the_longest_first() -> None:
    place, sizes = time_major(np.array([2, 3, 1]))
    assert place.tolist() == [2, 0, 5, 3, 1, 4] and sizes.tolist() == [3, 2, 1]


def test_a_dilated_convolution_is_that_of_the_library() -> None:
    mine = DilatedConvolution(DIM, kernel=3, dilation=2, causal=True)
    x = tokens(10)
    kernel = mine.mix.weight.view(DIM, 3, DIM).permute(0, 2, 1)
    theirs = F.conv1d(F.pad(x.T[None], (4, 0)), kernel, mine.mix.bias, dilation=2)[0].T
    torch.testing.assert_close(mine(x, Neighbourhood(np.array([10]), x.device)), theirs, atol=1e-5, rtol=1e-5)


@pytest.mark.parametrize(("blocks", "reach"), [(1, 6), (2, 30), (3, 36)])
def test_widening_convolutions_reach_so_far_back_and_no_further(blocks: int, reach: int) -> None:
    torch.manual_seed(0)
    encoder = DilatedEncoder(DIM, dilations=widening(blocks), kernel=3, max_len=50, dropout=0.0, causal=True)
    x = tokens(50).requires_grad_()
    encoder(x, np.array([50]))[-1].square().sum().backward()
    assert x.grad is not None
    seen = np.flatnonzero(x.grad.abs().sum(1).numpy())
    assert 49 - seen.min() == reach


def test_the_highest_filter_of_caser_sees_the_whole_window_and_order_matters() -> None:
    module, x = made(caser), tokens(5)
    before = module(x, np.array([5]))[-1]
    for back in range(5):
        other = x.clone()
        other[4 - back] += 1
        assert bool(((module(other, np.array([5]))[-1] - before).abs() > 1e-6).any()) == (back < 3)
    assert not torch.allclose(module(x[[0, 1, 3, 2, 4]], np.array([5]))[-1], before)


def test_a_graft_begins_as_nothing_and_knows_users_apart() -> None:
    torch.manual_seed(0)
    x, graft = tokens(4), UserGraft(5, DIM)
    assert torch.equal(graft(x, torch.tensor([0, 4, -1, 2])), x)
    nn.init.normal_(graft.join.weight)
    moved = graft(x, torch.tensor([0, 1, -1, -1]))
    torch.testing.assert_close(moved[2:], x[2:] + graft.join(torch.cat([x[2:], torch.zeros(2, DIM)], 1)))
    assert not torch.allclose(graft(x, torch.tensor([1, 1, -1, -1]))[0], moved[0]), "two users are two users"


@pytest.mark.parametrize("beside", [False, True])
def test_patches_begin_as_nothing_and_read_what_came_out_or_what_went_in(beside: bool) -> None:
    torch.manual_seed(0)
    x, y, patch = tokens(4), tokens(4) * 3, Adapter(DIM, 3, beside=beside)
    assert torch.equal(patch(x, y), y)
    nn.init.normal_(patch.up.weight)
    assert torch.equal(patch(x + 1, y), patch(x, y)) is not beside
    torch.testing.assert_close(patch(x, y) - y, patch.up(torch.relu(patch.down(x if beside else y))))
    encoder, patches = made(dilated), nn.ModuleList(Adapter(DIM, 2, beside=beside) for _ in range(4))
    before = encoder(x, np.array([4]))
    torch.testing.assert_close(encoder(x, np.array([4]), patches), before)
    nn.init.normal_(patches[3].up.weight)
    assert not torch.allclose(encoder(x, np.array([4]), patches), before)


def test_time_buckets_never_fall() -> None:
    gaps = torch.tensor([0.0, 0.5, 1, 2, 60, 3600, 86_400, 1e7, 1e30], dtype=torch.float64)
    buckets = time_bucket(gaps).tolist()
    assert buckets == sorted(buckets) and buckets[0] == 0 and buckets[-1] == BUCKETS - 1 and buckets == time_bucket(-gaps).tolist()


def test_hstu_is_its_formula_written_out() -> None:
    module, x, times = made(hstu), tokens(4), np.array([1e9, 1e9 + 60, 1e9 + 61, 1e9 + 90_000])
    state = x + module.positions[:4]
    for block in module.blocks:
        u, v, q, k = F.silu(block.uvqk(block.norm(state))).split(DIM, 1)
        heads = []
        for head in range(2):
            part = slice(head * 4, head * 4 + 4)
            rows = []
            for i in range(4):
                row = torch.zeros(4)
                for j in range(i + 1):
                    bias = block.place_bias[i - j] + block.time_bias[time_bucket(torch.tensor(times[i] - times[j]))]
                    row = row + F.silu(q[i, part] @ k[j, part] + bias) / 20 * v[j, part]
                rows.append(row)
            heads.append(torch.stack(rows))
        state = state + block.out(block.mixed_norm(torch.cat(heads, 1)) * u)
    torch.testing.assert_close(module(x, np.array([4]), times), module.norm(state), atol=1e-4, rtol=1e-4)


def test_times_matter_where_they_are_known() -> None:
    torch.manual_seed(0)
    model = TimedRecommender(ItemTable(6, DIM, unit=True), made(hstu), head=Unit(0.05)).eval()
    plain = Sequences.of([[0, 1, 2], [3]])
    soon, late = (Sequences(plain.values, plain.offsets, np.array([0.0, gap, 2 * gap, 5.0])) for gap in (1.0, 1e6))
    nobody = np.full(2, -1, np.int32)
    first, second, third = (model.item_scores(histories, nobody) for histories in (soon, late, plain))
    assert not torch.allclose(first[0], second[0]) and not torch.allclose(first[0], third[0])
    torch.testing.assert_close(first[1], second[1])
    assert first.abs().max() <= 1 / 0.05 + 1e-3, "a cosine over the temperature"


def test_a_time_is_seen_by_its_hour_its_weekday_and_the_gap_before_it() -> None:
    views = TimeViews(DIM)
    naive.wild(views)
    # 1 January 1970, a Thursday: 23:00, and two hours later; 5 January, a Monday, 01:00.
    times = np.array([23 * 3600.0, 25 * 3600.0, (4 * 24 + 1) * 3600.0])
    found = views(Sequences(np.array([0, 1, 2]), np.array([0, 2, 3]), times))
    gap = int(time_bucket(torch.tensor(7200.0)))
    torch.testing.assert_close(found[0], views.hours[23] + views.days[3] + views.gaps[0])
    torch.testing.assert_close(found[1], views.hours[1] + views.days[4] + views.gaps[gap])
    torch.testing.assert_close(found[2], views.hours[1] + views.days[0] + views.gaps[0])


def test_the_time_of_a_masked_place_is_not_read() -> None:
    torch.manual_seed(0)
    model = DatedRecommender(ItemTable(6, DIM, mask=True), both_ways(), TimeViews(DIM), scale=2.0, ask="mask").eval()
    plain = model.item_scores(Sequences.of([[0, 1], [3]]), np.full(2, -1, np.int32))
    timed = Sequences(np.array([0, 1, 3]), np.array([0, 2, 3]), np.array([0.0, 4e3, 9e4]))
    torch.testing.assert_close(model.item_scores(timed, np.full(2, -1, np.int32)), plain, msg="at first times say nothing")
    naive.wild(model)
    one, other = (Sequences(np.array([0, 6]), np.array([0, 2]), np.array([0.0, at])) for at in (1.0, 5e6))
    torch.testing.assert_close(model(one), model(other), rtol=0, atol=0)
    seen, moved = (Sequences(np.array([0, 1]), np.array([0, 2]), np.array([0.0, at])) for at in (1.0, 5e6))
    assert not torch.allclose(model(seen), model(moved))


def test_a_stranger_has_the_vector_of_nobody() -> None:
    torch.manual_seed(0)
    model = PersonalRecommender(ItemTable(6, DIM, tied=False, out=2 * DIM), caser(), 4, DIM).eval()
    histories = Sequences.of([[0, 1], [0, 1], []])
    first, stranger = (model.item_scores(histories, np.array(who, np.int32)) for who in ([0, 3, 1], [-1, -1, -1]))
    torch.testing.assert_close(first, stranger, msg="until it is trained")
    nn.init.normal_(model.users.weight)
    known = model.item_scores(histories, np.array([0, -1, 1], np.int32))
    torch.testing.assert_close(known[0], stranger[0] + SCALE * model.items.output[:, DIM:] @ model.users.weight[0])
    torch.testing.assert_close(known[1:], stranger[1:])
