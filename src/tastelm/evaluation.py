"""A scorer meets the questions of a split: rank, count, and say how sure the numbers are."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from tastelm.candidates import Ranking, allowed, draw_negatives, fingerprint
from tastelm.data.sequences import Sequences
from tastelm.data.split import Cases, Part, Split
from tastelm.errors import DataError, SettingError
from tastelm.memory import HEAP
from tastelm.metrics import Lists, Metric, Ranks, bootstrap_ci, parse_metrics
from tastelm.plm.endpoint_meter import PerThousand
from tastelm.plm.meter import Bill
from tastelm.systems.base import CandidateScorer, ItemScorer, Judging
from tastelm.topk import block_rows, check_scores, set_aside, top_k

DEFAULT_METRICS = parse_metrics(
    "hr@1,5,10,20 ndcg@5,10,20 mrr recall@10,20 precision@10 f1@10 map@10 coverage@10 novelty@10 popularity@10 popularity_lift@10 diversity@10"
)


@dataclass(frozen=True, eq=False)
class Protocol:
    """How systems are compared: the questions, their candidates, the metrics. Made once and handed to every system.

    mask_seen  whether the items of a history are set aside
    negatives  (C, count) the stored candidates of a sampled ranking, None for the full one
    drawn_of   how many questions `cases` were drawn from; None where all are asked
    task       name of a question of its own, such as `liked`, which is comparable with nothing else; empty for the next item
    """

    split: Split
    part: Part
    ranking: Ranking
    metrics: tuple[Metric, ...]
    cases: Cases
    mask_seen: bool
    negatives: NDArray[np.int32] | None
    seed: int
    drawn_of: int | None = None
    task: str = ""

    def describe(self) -> dict[str, str | int | bool]:
        """What must be alike for two results to be compared."""
        return {
            "split": self.split.protocol,
            "split_seed": self.split.seed,
            "split_fingerprint": self.split.fingerprint,
            "part": self.part.name.lower(),
            "ranking": str(self.ranking),
            "candidates": fingerprint(self.negatives),
            "seen_items": "set aside" if self.mask_seen else "ranked too",
            "ties": "expected value over their orders",
            "cases": len(self.cases),
            **({} if self.drawn_of is None else {"cases_drawn_of": self.drawn_of}),
            **({"task": self.task} if self.task else {}),
        }

    def sample(self, most: int | None) -> Protocol:
        """The protocol with at most so many of its questions, drawn at random. Raises SettingError for a `most` below 1."""
        _check_most(most)
        if most is None or most >= len(self.cases):
            return self
        chosen = self.cases.draw(most, self.seed)
        negatives = None if self.negatives is None else self.negatives[chosen]
        return replace(self, cases=self.cases.take(chosen), negatives=negatives, drawn_of=len(self.cases))


@dataclass(frozen=True, eq=False)
class Evaluation:
    """metrics: by name; ci95: bootstrap intervals over users; per_case: (C,) values behind them; seconds: ranking and counting.

    lists  (C, K) int32 codes of the best items of each case, best first, -1 where no candidate is left; K is the largest k of the metrics
    cost   what 1,000 questions take of a system that asks a language model; None for all others
    """

    metrics: dict[str, float]
    ci95: dict[str, tuple[float, float]]
    per_case: Mapping[str, NDArray[np.float64]]
    seconds: float
    lists: NDArray[np.int32]
    cost: PerThousand | None = None


def protocol(
    split: Split, *, part: Part = Part.TEST, ranking: str = "full", metrics: Sequence[Metric] = DEFAULT_METRICS, seen: str = "auto", seed: int = 0,
    most: int | None = None,
) -> Protocol:  # fmt: skip
    """A protocol for `split`.

    seen  `mask`, `keep`, or `auto`, which masks unless users come back to items in this data
    most  questions that are asked, drawn at random where there are more

    Raises SettingError for unknown words and a `most` below 1, DataError if there are no questions.
    """
    chosen = Ranking.parse(ranking)
    _check_most(most)
    if seen not in ("auto", "mask", "keep"):
        raise SettingError(f"seen: '{seen}' is not known; use auto, mask or keep.")
    every = split.cases(part)
    if len(every) == 0:
        raise DataError(f"{split.dataset.name}: the split {split.protocol} has no {part.name.lower()} questions to evaluate on.")
    cases = every if most is None else every.sample(most, seed)
    drawn_of = len(every) if len(cases) < len(every) else None
    negatives = None if chosen.kind == "full" else draw_negatives(chosen, cases, split, seed)
    return Protocol(split, part, chosen, tuple(metrics), cases, split.mask_seen if seen == "auto" else seen == "mask", negatives, seed, drawn_of)


def _check_most(most: int | None) -> None:
    if most is not None and (isinstance(most, bool) or not isinstance(most, int) or most < 1):
        raise SettingError(f"cases: {most!r} does not fit; it takes a whole number of questions, 1 or more.")


def judged(split: Split, part: Part, judging: Judging, *, most: int | None, seed: int) -> Protocol:
    """The protocol that a system's answers are judged by, over `most` questions; a catalogue that is hardly larger than a sample of it is ranked whole."""
    small = len(split.items) <= 2 * Ranking.parse(judging.ranking).count
    return protocol(split, part=part, ranking="full" if small else judging.ranking, most=most, seed=seed)


@torch.inference_mode()
def rank(
    scorer: ItemScorer, cases: Cases, n_items: int, *, mask_seen: bool, k: int, negatives: NDArray[np.int32] | None = None, name: str = "the system"
) -> tuple[Ranks, NDArray[np.int32]]:
    """Rank every item for every case, a block of cases at a time: where the targets stand, and the best k items (C, min(k, N))."""
    above, tied = (np.empty(len(cases.targets.values), np.int64) for _ in range(2))
    candidates, lists = np.empty(len(cases), np.int64), np.full((len(cases), min(k, n_items)), -1, np.int32)
    # Histories of like length share a block, so that packed rows are full.
    order, rows = np.argsort(cases.histories.lengths, kind="stable"), block_rows(n_items)
    for at in range(0, len(order), rows):
        chosen = order[at : at + rows]
        histories, targets = cases.histories.take(chosen), cases.targets.take(chosen)
        asked = None if negatives is None else allowed(negatives[chosen], targets, n_items)
        scores = _scored(scorer, histories, cases.users[chosen], asked, n_items).float().cpu()
        check_scores(scores, name)
        if mask_seen:
            set_aside(scores, histories)
        if asked is not None:
            scores.masked_fill_(torch.from_numpy(~asked), -torch.inf)
        places = np.concatenate([np.arange(cases.targets.offsets[c], cases.targets.offsets[c + 1]) for c in chosen])
        above[places], tied[places], candidates[chosen] = _count(scores, targets)
        lists[chosen] = top_k(scores, k)[0]
        HEAP.tidy()
    return Ranks(above, tied, cases.targets.offsets, candidates), lists


def _scored(scorer: ItemScorer, histories: Sequences, users: NDArray[np.int32], asked: NDArray[np.bool_] | None, n_items: int) -> Tensor:
    """(B, N) scores; of those not `asked` (B, N) they may be anything."""
    if asked is None or not isinstance(scorer, CandidateScorer):
        return scorer.item_scores(histories, users)
    rows, items = np.nonzero(asked)
    found = scorer.candidate_scores(histories, users, Sequences.from_lengths(items, np.count_nonzero(asked, axis=1)))
    scores = found.new_zeros(len(histories), n_items)
    scores[torch.from_numpy(rows), torch.from_numpy(items)] = found
    return scores


def _count(scores: Tensor, targets: Sequences) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.int64]]:
    """For every target, candidates above it and others level with it; for every row, its candidates. A target at -inf is a miss."""
    table, owners = scores.numpy(), targets.owners
    gold = table[owners, targets.values][:, None]
    candidates = np.count_nonzero(table > -np.inf, axis=1)
    above, tied = (np.empty(len(owners), np.int64) for _ in range(2))
    for at in range(0, len(owners), len(table)):  # a copy of the row of every target at once could be many times the block
        part = slice(at, at + len(table))
        rows = table if len(owners) == len(table) else table[owners[part]]
        above[part] = np.count_nonzero(rows > gold[part], axis=1)
        tied[part] = np.count_nonzero(rows == gold[part], axis=1) - 1
    missing = gold[:, 0] == -np.inf
    return np.where(missing, candidates[owners], above), np.where(missing, 0, tied), candidates


def evaluate(scorer: ItemScorer, question: Protocol, *, name: str = "the system") -> Evaluation:
    """All metrics of one system under one protocol, with 95 % bootstrap intervals over users."""
    bill = Bill(scorer)
    split, cases = question.split, question.cases
    if isinstance(scorer, nn.Module):
        scorer.eval()
    k = max((metric.k or 0 for metric in question.metrics), default=10) or 10
    ranks, items = rank(scorer, cases, len(split.items), mask_seen=question.mask_seen, k=k, negatives=question.negatives, name=name)
    lists = Lists(items, len(split.items), split.popularity.astype(np.float64), _vectors(scorer), _history_popularity(cases, split.popularity))
    means, per_case = dict[str, float](), dict[str, NDArray[np.float64]]()
    for metric in question.metrics:
        if not metric.available(lists):
            continue
        values = metric(ranks, lists)
        if isinstance(values, float):
            means[str(metric)] = values
        else:
            per_case[str(metric)] = values
            means[str(metric)] = float(np.nanmean(values)) if not np.isnan(values).all() else float("nan")
    low, high = bootstrap_ci(np.stack(list(per_case.values())), seed=question.seed) if per_case else (np.empty(0), np.empty(0))
    ci95 = {metric: (float(a), float(b)) for metric, a, b in zip(per_case, low, high, strict=True)}
    seconds, cost = bill.settle(len(cases))
    return Evaluation(means, ci95, per_case, seconds, items, cost)


def metric_value(scorer: ItemScorer, question: Protocol, metric: Metric) -> float:
    """The mean of one ranking metric: what a stage validates on."""
    ranks, _ = rank(scorer, question.cases, len(question.split.items), mask_seen=question.mask_seen, k=1, negatives=question.negatives)
    return metric.mean(ranks)


def _vectors(scorer: ItemScorer) -> NDArray[np.float32] | None:
    """Item vectors, where the system has any: its item table."""
    table = getattr(getattr(scorer, "items", None), "weight", None)
    return table.detach().cpu().numpy() if isinstance(table, Tensor) else None


def _history_popularity(cases: Cases, popularity: NDArray[np.int64]) -> NDArray[np.float64]:
    """(C,) mean training count of the items of each history, NaN for an empty one."""
    owners, lengths = cases.histories.owners, cases.histories.lengths
    total = np.bincount(owners, weights=popularity[cases.histories.values], minlength=len(cases))
    mean = np.full(len(cases), np.nan)
    np.divide(total, lengths, out=mean, where=lengths > 0)
    return mean
