"""The baselines against brute force on small data; what the contract cannot know of them."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import polars as pl
import pytest
import torch
from numpy.typing import NDArray

from tastelm.data.dataset import Dataset
from tastelm.data.sequences import Sequences
from tastelm.data.split import Part, Split, split
from tastelm.errors import DataError, SettingError
from tastelm.evaluation import evaluate, protocol
from tastelm.fitting import Fitted, fit_system
from tastelm.metrics import parse_metrics
from tastelm.systems.catalogue import system
from tastelm.testing import ITEMS, tastes
from tastelm.train.budget import Budget


def frame(rows: list[tuple[str, str]], name: str = "toy") -> Dataset:
    return Dataset.build(pl.DataFrame(rows, schema=["user", "item"], orient="row"), name=name, order="file")


def fit(name: str, made: Split, settings: Mapping[str, Any] | None = None, budget: str = "50steps") -> Fitted:
    return fit_system(system(name).create(settings or {}), made, budget=Budget.parse(budget))


def scores(fitted: Fitted, histories: Sequences) -> NDArray[np.float32]:
    found: torch.Tensor = fitted.recommender.module.item_scores(histories, np.full(len(histories), -1, np.int32))  # type: ignore[operator]
    return found.detach().numpy()


@pytest.fixture(scope="module")
def toy() -> Split:
    rng = np.random.default_rng(0)
    return split(frame([(f"u{user}", str(int(item))) for user in range(60) for item in rng.integers(1, 16, size=int(rng.integers(3, 9)))]))


@pytest.fixture(scope="module")
def histories(toy: Split) -> Sequences:
    return toy.cases(Part.TEST).histories


def met(made: Split) -> NDArray[np.float64]:
    table = np.zeros((len(made.users), len(made.items)))
    for user, history in enumerate(made.train):
        table[user, history] = 1
    return table


def test_popularity_counts_the_training_part(toy: Split, histories: Sequences) -> None:
    count = np.zeros(len(toy.items))
    for history in toy.train:
        for item in history:
            count[item] += 1
    found = scores(fit("popularity", toy), histories)
    assert (found == count).all() and len(toy.train.values) < len(toy.dataset)


@pytest.mark.parametrize(
    "settings", [{"neighbours": 20, "shrink": 2.0, "recent": 0}, {"neighbours": 3, "shrink": 0.0, "recent": 0}, {"neighbours": 20, "shrink": 10.0, "recent": 2}]
)
def test_itemknn_by_brute_force(toy: Split, histories: Sequences, settings: dict[str, Any]) -> None:
    table, count = met(toy), met(toy).sum(0)
    similar = table.T @ table / (np.sqrt(np.outer(count, count)) + settings["shrink"] + 1e-12)
    np.fill_diagonal(similar, 0)
    found = scores(fit("itemknn", toy, settings), histories)
    for row, history in zip(found, histories, strict=True):
        looked_at = np.unique(history[-settings["recent"] :] if settings.get("recent") else history)
        if settings["neighbours"] >= len(toy.items):
            np.testing.assert_allclose(row, similar[looked_at].sum(0), atol=1e-5)
        else:  # of level neighbours either may be kept, so the sums are bounded and not known
            kept = np.sort(similar[looked_at], axis=1)[:, -settings["neighbours"] :]
            assert row.sum() == pytest.approx(kept.sum(), abs=1e-4)


def test_ease_by_brute_force(toy: Split, histories: Sequences) -> None:
    table = met(toy)
    inverse = np.linalg.inv(table.T @ table + 5.0 * np.eye(len(toy.items)))
    weights = -inverse / np.diag(inverse)
    np.fill_diagonal(weights, 0)
    found = scores(fit("ease", toy, {"l2": 5.0}), histories)
    for row, history in zip(found, histories, strict=True):
        asked = np.zeros(len(toy.items))
        asked[history] = 1
        np.testing.assert_allclose(row, asked @ weights, atol=1e-4)


def test_ease_refuses_a_catalogue_it_could_not_hold(toy: Split) -> None:
    with pytest.raises(DataError, match=r"ease: 15 items need 0 GiB to fit\. Use itemknn, filter with --k-core, or raise --set ease\.max_items\."):
        fit("ease", toy, {"max_items": 14})
    fit("ease", toy, {"max_items": 15})


def test_next_integer_recommends_the_ids_that_follow() -> None:
    made = split(frame([("u", str(item)) for item in (3, 10, 11, 4, 7)]))
    found = fit("next-integer", made).recommender
    assert found.recommend(["10"], 5, keep_seen=True).ids == ["11", "3", "4", "7", "10"]
    assert found.recommend(["3", "4"], 3, keep_seen=True).ids == ["7", "10", "11"]


def test_next_integer_finds_a_leak_and_no_more() -> None:
    """Ids in the order of the visits leak everything; shuffled ids leak nothing."""
    rng = np.random.default_rng(0)
    starts = rng.integers(0, 400, size=200)
    walks = [(f"u{user}", int(start) + at) for user, start in enumerate(starts) for at in range(4)]
    names = rng.permutation(500)

    def hits(rows: list[tuple[str, int]]) -> float:
        made = split(frame([(user, str(item)) for user, item in rows]))
        return evaluate(fit("next-integer", made).recommender.module, protocol(made, metrics=parse_metrics("hr@1"))).metrics["hr@1"]  # type: ignore[arg-type]

    assert hits(walks) == 1 and hits([(user, int(names[item])) for user, item in walks]) < 0.03


@pytest.mark.parametrize(("ids", "message"), [
    (["1", "2", "b7"], "toy, column 'item': 'b7' is not a whole number, so next-integer has nothing to probe. Leave it out."),
    (["1", "2", "1.5"], "'1.5' is not a whole number"),
    (["1", "2", str(2**60)], "the ids span more than 2**53, so they are no running numbers. Leave next-integer out."),
])  # fmt: skip
def test_next_integer_refuses_ids_that_are_no_running_numbers(ids: list[str], message: str) -> None:
    with pytest.raises(DataError) as error:
        fit("next-integer", split(frame([("u", item) for item in ids])))
    assert message in str(error.value)


@pytest.mark.slow
def test_bpr_mf_learns_whom_it_knows_and_meets_strangers_in_their_half() -> None:
    made = split(tastes(300))
    fitted = fit("bpr-mf", made, {"dim": 8, "lr": 1e-2}, budget="400steps")
    found = evaluate(fitted.recommender.module, protocol(made, metrics=parse_metrics("hr@4"))).metrics["hr@4"]  # type: ignore[arg-type]
    assert 0.6 < found < 0.88
    half = {str(item) for item in range(ITEMS // 2)}
    stranger = fitted.recommender.recommend(["0", "1"], 5)
    assert len(set(stranger.ids) & half) >= 4, "a stranger's two items tell the taste"
    known = fitted.recommender.recommend([], 5, user="u1", keep_seen=True)
    assert len(set(known.ids) & half) <= 1, "user u1 likes the other half, whatever the history given"


@pytest.mark.parametrize(("name", "more"), [("sasrec", 0), ("bert4rec", 1)])
@pytest.mark.parametrize(("length", "window"), [(5, 20), (30, 30), (47, 50), (400, 200)])
def test_the_window_follows_the_data_unless_it_is_set(name: str, more: int, length: int, window: int) -> None:
    made = split(frame([(f"u{user}", str(item)) for user in range(3) for item in range(length + 2)]))
    settled = system(name).create({}).settle(made)
    assert settled.config.max_len == (window if length + more <= window or window == 200 else window + 10)
    assert system(name).create({"max_len": 7}).settle(made).config.max_len == 7


@pytest.mark.parametrize("name", ["sasrec", "bert4rec"])
def test_heads_that_do_not_fit_are_refused_before_training(name: str) -> None:
    with pytest.raises(SettingError, match="heads: dim 10 is not a multiple of heads 4"):
        system(name).create({"dim": 10, "heads": 4})
    with pytest.raises(SettingError, match="rotary"):
        system(name).create({"dim": 6, "heads": 2, "positions": "rotary"})


@pytest.mark.parametrize("settings", [
    {"block": "paper", "loss": "bce", "negatives": 1, "windows": "last"}, {"block": "post", "positions": "end", "loss": "sampled"},
    {"positions": "rotary", "loss": "gbce", "tied": False}, {"loss": "bpr", "batch": 1, "max_len": 3},
])  # fmt: skip
def test_every_way_of_sasrec_trains(toy: Split, settings: dict[str, Any]) -> None:
    fitted = fit("sasrec", toy, {"dim": 8, **settings}, budget="4steps")
    assert fitted.stages[0].steps == 4 and np.isfinite(scores(fitted, Sequences.of([[0, 1], [], [2] * 50]))).all()


@pytest.mark.parametrize("settings", [
    {"block": "post", "positions": "start", "head": False}, {"positions": "rotary", "loss": "sampled"}, {"loss": "gbce", "max_len": 2, "batch": 1, "last": 1.0},
])  # fmt: skip
def test_every_way_of_bert4rec_trains(toy: Split, settings: dict[str, Any]) -> None:
    fitted = fit("bert4rec", toy, {"dim": 8, **settings}, budget="4steps")
    found = scores(fitted, Sequences.of([[0, 1], [], [2] * 50]))
    assert fitted.stages[0].steps == 4 and np.isfinite(found).all() and found.shape == (3, len(toy.items)), "no mask among them"


@pytest.mark.slow
@pytest.mark.parametrize("name", ["sasrec", "bert4rec"])
def test_a_circle_without_noise_is_learnt_to_the_end(name: str) -> None:
    """Next = i + 1 mod n: HR@1 is 1. A broken shift, mask or position could not."""
    rows = [(f"u{user}", str((user + at) % 12)) for user in range(240) for at in range(8 + user % 5)]
    made = split(frame(rows))
    settings = {"dim": 16, "dropout": 0.0, "lr": 1e-2, "max_len": 6, "batch": 256}  # every place of the window is met in training
    fitted = fit(name, made, settings, budget="250steps")
    found = evaluate(fitted.recommender.module, protocol(made, seen="keep", metrics=parse_metrics("hr@1"))).metrics["hr@1"]  # type: ignore[arg-type]
    assert found == 1
    assert min(line["loss"] for line in fitted.stages[0].history) < (0.1 if name == "sasrec" else 0.4)
