"""Ranking and judging: against a naive reference, ir-measures, and what chance must score."""

import tracemalloc

import numpy as np
import polars as pl
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from torch import Tensor, nn

from tastelm import topk
from tastelm.candidates import Ranking
from tastelm.data.dataset import Dataset
from tastelm.data.sequences import Sequences
from tastelm.data.split import Cases, Part, Split, split
from tastelm.errors import DataError, RunError, SettingError
from tastelm.evaluation import evaluate, metric_value, protocol, rank
from tastelm.fitting import fit_system
from tastelm.metrics import Metric, parse_metrics
from tastelm.systems.catalogue import system

N = 12


class Scorer:
    """Scores that follow from the history and who asks, and from nothing else."""

    def __init__(self, n_items: int = N, levels: int = 0, seed: int = 0) -> None:
        self.n_items, self.levels, self.seed = n_items, levels, seed

    def row(self, history: NDArray[np.integer], user: int) -> NDArray[np.float32]:
        rng = np.random.default_rng([self.seed, user + 1, *history.tolist()])
        scores = rng.integers(self.levels, size=self.n_items) if self.levels else rng.normal(size=self.n_items)
        return scores.astype(np.float32)

    def item_scores(self, histories: Sequences, users: NDArray[np.int32]) -> Tensor:
        return torch.from_numpy(np.stack([self.row(history, int(user)) for history, user in zip(histories, users, strict=True)]))


class Constant(nn.Module):
    """Knows nothing."""

    def item_scores(self, histories: Sequences, users: NDArray[np.int32]) -> Tensor:
        return torch.zeros(len(histories), N)


@st.composite
def questions(draw: st.DrawFn) -> Cases:
    items = st.integers(0, N - 1)
    count = draw(st.integers(1, 8))
    histories = [draw(st.lists(items, max_size=6)) for _ in range(count)]
    targets = [draw(st.lists(items, min_size=1, max_size=4, unique=True)) for _ in range(count)]
    return Cases(np.arange(count, dtype=np.int32), Sequences.of(histories), Sequences.of(targets))


@pytest.mark.parametrize("block_bytes", [1, 4 * N * 3, 2**26])
@settings(max_examples=25)
@given(cases=questions(), levels=st.sampled_from([0, 2, 4]), mask_seen=st.booleans(), drawn=st.sampled_from([0, 1, 5]), seed=st.integers(0, 9))
def test_ranks_against_a_naive_reference(block_bytes: int, cases: Cases, levels: int, mask_seen: bool, drawn: int, seed: int) -> None:
    negatives = None
    if drawn:
        rng = np.random.default_rng(seed)
        negatives = np.stack([rng.choice(N, size=drawn, replace=False) for _ in range(len(cases))]).astype(np.int32)
    scorer = Scorer(levels=levels, seed=seed)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(topk, "BLOCK_BYTES", block_bytes)
        ranks, lists = rank(scorer, cases, N, mask_seen=mask_seen, k=3, negatives=negatives)
    at = 0
    for case, (history, targets) in enumerate(zip(cases.histories, cases.targets, strict=True)):
        row = scorer.row(history, case)
        candidates = set(range(N)) if negatives is None else {*negatives[case].tolist(), *targets.tolist()}
        candidates -= set(history.tolist()) if mask_seen else set()
        assert ranks.n_candidates[case] == len(candidates)
        for target in targets.tolist():
            if target in candidates:
                assert ranks.above[at] == sum(row[item] > row[target] for item in candidates)
                assert ranks.tied[at] == sum(row[item] == row[target] for item in candidates) - 1
            else:  # a target that was met before and is set aside: a miss, below all candidates
                assert (ranks.above[at], ranks.tied[at]) == (len(candidates), 0)
            at += 1
        best = sorted((row[item] for item in candidates), reverse=True)[:3]
        assert [row[code] for code in lists[case] if code >= 0] == best and set(lists[case].tolist()) - {-1} <= candidates
    assert (ranks.offsets == cases.targets.offsets).all()


def data(users: int = 400, items: int = N, length: int = 5, seed: int = 0) -> Dataset:
    rng = np.random.default_rng(seed)
    rows = [(f"u{user}", f"i{item:02}", float(at)) for user in range(users) for at, item in enumerate(rng.choice(items, size=length, replace=False))]
    return Dataset.build(pl.DataFrame(rows, schema=["user", "item", "time"], orient="row"), name="toy")


@pytest.fixture(scope="module")
def toy() -> Split:
    return split(data())


@pytest.mark.parametrize(("ranking", "seen", "candidates"), [("full", "mask", 8), ("full", "keep", 12), ("uniform-4", "mask", 5), ("popularity-6", "mask", 7)])
def test_who_knows_nothing_scores_what_chance_scores(toy: Split, ranking: str, seen: str, candidates: int) -> None:
    """Not more (a target must not win its ties) and not less, to the last digit."""
    found = evaluate(Constant(), protocol(toy, ranking=ranking, seen=seen, metrics=parse_metrics("hr@1,3 ndcg@3 mrr"))).metrics
    assert found["hr@1"] == pytest.approx(1 / candidates) and found["hr@3"] == pytest.approx(3 / candidates)
    assert found["ndcg@3"] == pytest.approx(sum(1 / np.log2(place + 1) for place in (1, 2, 3)) / candidates)
    assert found["mrr"] == pytest.approx(sum(1 / place for place in range(1, candidates + 1)) / candidates)


def test_a_random_scorer_scores_what_chance_scores_within_its_interval(toy: Split) -> None:
    found = evaluate(Scorer(), protocol(toy, metrics=parse_metrics("hr@2 ndcg@2")))
    for name, chance in (("hr@2", 2 / 8), ("ndcg@2", (1 + 1 / np.log2(3)) / 8)):
        low, high = found.ci95[name]
        assert low < found.metrics[name] < high and low < chance < high and high - low < 0.15
        assert found.per_case[name].shape == (400,) and found.per_case[name].mean() == pytest.approx(found.metrics[name])


def test_who_knows_the_answer_scores_one(toy: Split) -> None:
    cases = toy.cases(Part.TEST)

    class Oracle(Constant):
        def item_scores(self, histories: Sequences, users: NDArray[np.int32]) -> Tensor:
            answer = dict(zip(cases.users.tolist(), cases.targets.values.tolist(), strict=True))
            scores = torch.full((len(histories), N), -5.0)
            scores[torch.arange(len(users)), torch.tensor([answer[int(user)] for user in users])] = -1.0
            return scores

    for ranking in ("full", "uniform-5"):
        found = evaluate(Oracle(), protocol(toy, ranking=ranking, metrics=parse_metrics("hr@1 ndcg@10 mrr"))).metrics
        assert found == {"hr@1": 1.0, "ndcg@10": 1.0, "mrr": 1.0}


def test_metrics_agree_with_ir_measures() -> None:
    """Several targets each, a random scorer, seen items set aside."""
    measures = pytest.importorskip("ir_measures")
    made = split(data(items=12, length=10), "ratio:0.5,0.2")
    scorer, cases = Scorer(), made.cases(Part.TEST)
    found = evaluate(scorer, protocol(made, metrics=parse_metrics("hr@3 ndcg@3,5 recall@3,5 mrr precision@3"))).per_case
    gold = [measures.Qrel(str(case), str(item), 1) for case, targets in enumerate(cases.targets) for item in targets.tolist()]
    run = [
        measures.ScoredDoc(str(case), str(item), float(score))
        for case, (history, user) in enumerate(zip(cases.histories, cases.users, strict=True))
        for item, score in enumerate(scorer.row(history, int(user)))
        if item not in history
    ]
    theirs = {
        "hr@3": measures.Success @ 3, "ndcg@3": measures.nDCG @ 3, "ndcg@5": measures.nDCG @ 5, "recall@3": measures.R @ 3,
        "recall@5": measures.R @ 5, "mrr": measures.RR, "precision@3": measures.P @ 3,
    }  # fmt: skip
    for name, measure in theirs.items():
        expected = {int(line.query_id): line.value for line in measures.iter_calc([measure], gold, run)}
        np.testing.assert_allclose(found[name], [expected[case] for case in range(len(cases))], atol=1e-9, err_msg=name)


@pytest.mark.parametrize("block_bytes", [1, 4 * N * 7])
def test_the_size_of_a_block_changes_nothing(toy: Split, block_bytes: int, monkeypatch: pytest.MonkeyPatch) -> None:
    question = protocol(toy, ranking="uniform-5")
    whole = evaluate(Scorer(levels=3), question)
    monkeypatch.setattr(topk, "BLOCK_BYTES", block_bytes)
    parts = evaluate(Scorer(levels=3), question)
    assert whole.metrics == parts.metrics and whole.ci95 == parts.ci95


def test_many_targets_do_not_multiply_the_memory() -> None:
    """A row of scores is not copied once for each of its targets, all at once: that would be 64 MB here."""

    class Wide(Constant):
        def item_scores(self, histories: Sequences, users: NDArray[np.int32]) -> Tensor:
            return torch.arange(20_000.0).repeat(len(histories), 1)

    cases = Cases(np.zeros(4, np.int32), Sequences.of([[]] * 4), Sequences.of([range(at, 20_000, 100) for at in range(4)]))
    tracemalloc.start()
    ranks, _ = rank(Wide(), cases, 20_000, mask_seen=False, k=1)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert ranks.above.tolist() == [19_999 - item for at in range(4) for item in range(at, 20_000, 100)]
    assert peak < 4e6


def test_a_module_is_judged_without_dropout_and_left_without_gradients(toy: Split) -> None:
    class Noisy(Constant):
        def item_scores(self, histories: Sequences, users: NDArray[np.int32]) -> Tensor:
            assert not self.training and torch.is_inference_mode_enabled()
            return super().item_scores(histories, users)

    module = Noisy().train()
    evaluate(module, protocol(toy, metrics=parse_metrics("hr@1")))


def test_scores_that_are_no_numbers_are_refused(toy: Split) -> None:
    class Broken(Constant):
        def item_scores(self, histories: Sequences, users: NDArray[np.int32]) -> Tensor:
            return super().item_scores(histories, users) * torch.nan

    with pytest.raises(RunError, match="toy-system gave scores that are not numbers"):
        evaluate(Broken(), protocol(toy), name="toy-system")


def test_words_that_are_not_known_are_refused(toy: Split) -> None:
    with pytest.raises(SettingError, match="seen: 'hide' is not known; use auto, mask or keep"):
        protocol(toy, seen="hide")
    with pytest.raises(SettingError, match="protocol: 'sampled' is not known"):
        protocol(toy, ranking="sampled")
    with pytest.raises(DataError, match="toy: the split all has no test questions to evaluate on"):
        protocol(split(data(), "all"))


def test_seen_items_follow_the_data(toy: Split) -> None:
    assert protocol(toy).mask_seen and not protocol(toy, seen="keep").mask_seen
    rows = data().interactions.with_columns(pl.lit("i00").alias("item"))
    again = split(Dataset.build(rows))
    assert not protocol(again).mask_seen and protocol(again, seen="mask").mask_seen


def test_what_must_be_alike_is_told(toy: Split) -> None:
    one, same, other = protocol(toy, ranking="uniform-5"), protocol(toy, ranking="uniform-5"), protocol(toy, ranking="uniform-5", seed=1)
    assert one.describe() == same.describe() != other.describe() and one.describe()["ranking"] == "uniform-5"
    assert protocol(toy).describe()["candidates"] == "full" and protocol(toy, part=Part.VALID).describe()["part"] == "valid"
    assert str(Ranking("uniform", 5)) == one.describe()["ranking"]


def test_one_metric_for_validation(toy: Split) -> None:
    question = protocol(toy, metrics=parse_metrics("ndcg@10"))
    assert metric_value(Scorer(), question, Metric.parse("ndcg@10")) == pytest.approx(evaluate(Scorer(), question).metrics["ndcg@10"])


def test_an_item_that_comes_several_times_is_one_target() -> None:
    rows = [("u", item, float(at)) for at, item in enumerate("abcdeabcxyxyx")] + [("v", item, float(at)) for at, item in enumerate("xyabcdeabcdea")]
    parts = split(Dataset.build(pl.DataFrame(rows, schema=["user", "item", "time"], orient="row"), name="again"), "ratio:0.5,0.1")
    assert (np.diff(np.sort(parts.cases(Part.TEST).targets[0])) > 0).all()
    found = evaluate(fit_system(system("popularity").create(), parts).recommender.module, protocol(parts))  # type: ignore[arg-type]
    assert 0 < found.metrics["ndcg@10"] <= 1
