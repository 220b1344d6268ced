"""Is what is generated borne out by evidence, and is it distributed like human text? Entailment ratio and MAUVE.

No model lives here: a judge is handed in and must pass a calibration first, and features come with the name of their source.
"""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple, Protocol

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.cluster.vq import kmeans2
from scipy.integrate import trapezoid
from scipy.special import rel_entr

from tastelm.errors import DataError, SettingError, nearest
from tastelm.metrics.paired_text import TextScore, mean_score
from tastelm.metrics.ranks import FloatArray, IntArray

LABELS = ("entail", "neutral", "contradict")

_SCALING = 5.0  # the constant c of the paper
_VARIANCE = 0.9  # share of the variance that the principal components keep
_MIXTURES = np.linspace(1e-6, 1 - 1e-6, 25)
_ITERATIONS = 50


class Judge(Protocol):
    """A model of natural language inference: does the premise entail the hypothesis, say nothing of it, or contradict it?

    name  model, version and how it truncates: part of every result
    """

    @property
    def name(self) -> str: ...

    def __call__(self, premises: Sequence[str], hypotheses: Sequence[str]) -> NDArray[np.floating]:
        """(n, 3) probabilities in the order of `LABELS` for n pairs, premises[i] and hypotheses[i]."""
        ...


@dataclass(frozen=True)
class Calibrated:
    """A judge that passed: made by `calibrate`.

    accuracy  mean of the shares recognised of the three labels, 0..1
    pairs     how many pairs it was tried on
    """

    judge: Judge
    accuracy: float
    pairs: int


def calibrate(judge: Judge, pairs: Sequence[tuple[str, str]], labels: Sequence[str], at_least: float = 0.8) -> Calibrated:
    """Try a judge on simple held-out pairs before its ratios may be published.

    pairs     (premise, hypothesis)
    labels    one of `LABELS` each; all three must occur
    at_least  0..1: accuracy needed, where each label weighs the same, so that a judge that always gives one answer has 1/3
    Raises DataError if the judge stays below, if a label is missing or unknown, or if the judge's answers are no probabilities.
    """
    if len(pairs) != len(labels):
        raise DataError(f"{len(pairs)} pairs but {len(labels)} labels: give one label per pair.")
    for place, label in enumerate(labels):
        if label not in LABELS:
            raise DataError(f"label {place} is '{label}', which is unknown: {nearest(str(label), LABELS)}")
    missing = [label for label in LABELS if label not in labels]
    if missing:
        raise DataError(f"no pair is labelled '{missing[0]}': a calibration needs pairs of all three labels.")
    truth = np.array([LABELS.index(label) for label in labels])
    named = _verdicts(judge, [premise for premise, _ in pairs], [hypothesis for _, hypothesis in pairs])
    shares = [float((named[truth == code] == code).mean()) for code in range(len(LABELS))]
    accuracy = float(np.mean(shares))
    if accuracy < at_least:
        found = ", ".join(f"{label} {share:.2f}" for label, share in zip(LABELS, shares, strict=True))
        raise DataError(
            f"judge '{judge.name}' recognises {accuracy:.2f} of the calibration pairs ({found}), at least {at_least:.2f} is needed: "
            "choose a better judge, or check the order of its columns and the direction premise, hypothesis."
        )
    return Calibrated(judge, accuracy, len(pairs))


class Entailment(NamedTuple):
    """ratio: share of the outputs entailed by at least one of their evidence sentences; it can only grow with their number.
    mean: mean over the outputs of the share of their evidence sentences that entail them.
    control: the ratio when each output is judged against as many evidence sentences of other cases, drawn at random.
    """

    ratio: TextScore
    mean: TextScore
    control: TextScore


def entailment_ratio(outputs: Sequence[str], evidences: Sequence[Sequence[str]], judge: Calibrated, seed: int = 0) -> Entailment:
    """Entailment ratio: premise = one evidence sentence, hypothesis = the output, entailed = the most likely of the three labels.

    evidences  of each output any number of sentences; an output without evidence, and an empty output, counts as not entailed
               (`counts["without_evidence"]`, `counts["empty"]`)
    seed       of the random evidence
    Raises DataError for no output, unequal lengths, or evidence in fewer than two cases, SettingError if the judge is not calibrated.
    Source: Xie et al. 2023, who used roberta-large-mnli.
    """
    if not isinstance(judge, Calibrated):
        raise SettingError("judge is not calibrated: call calibrate(judge, pairs, labels) first and give what it returns.")
    if len(outputs) != len(evidences) or not len(outputs):
        raise DataError(f"{len(outputs)} outputs but {len(evidences)} lists of evidence: give one of each per case, at least one.")
    for place, sentences in enumerate(evidences):
        if isinstance(sentences, str):
            raise DataError(f"evidence {place} is one string: give a list of sentences.")
    if sum(len(sentences) > 0 for sentences in evidences) < 2:
        raise DataError("fewer than two outputs have evidence: the control needs evidence of other cases.")
    others = _evidence_of_others(evidences, np.random.default_rng(seed))
    own, control = _shares(outputs, evidences, judge.judge), _shares(outputs, others, judge.judge)
    signature = f"judge {judge.judge.name}, calibrated to {judge.accuracy:.3f} on {judge.pairs} pairs"
    counts = {"without_evidence": sum(not sentences for sentences in evidences), "empty": sum(not output.strip() for output in outputs)}
    return Entailment(
        mean_score("entailment_ratio", (own > 0).astype(np.float64), signature, counts=counts),
        mean_score("entailment_mean", own, signature, counts=counts),
        mean_score("entailment_control", (control > 0).astype(np.float64), signature, counts=counts),
    )


@dataclass(frozen=True)
class Mauve:
    """MAUVE of given features, 0..1, higher = closer. Comparable only where source, buckets and both case counts are the same.

    value     mean over the seeds
    per_seed  the value for each seed of the clustering
    source    what made the features, such as 'all-MiniLM-L6-v2'
    buckets   clusters asked for
    cases     texts of P and of Q; below 1000 a side the value is unsteady
    """

    value: float
    per_seed: tuple[float, ...]
    source: str
    buckets: int
    cases: tuple[int, int]

    @property
    def signature(self) -> str:
        return f"features {self.source}, {self.buckets} buckets, {self.cases[0]} and {self.cases[1]} texts, {len(self.per_seed)} seeds, scaling {_SCALING:g}"


def mauve(features_p: ArrayLike, features_q: ArrayLike, *, source: str, buckets: int | None = None, seed: int = 0, seeds: int = 5) -> Mauve:
    """Area under the divergence curve of two sets of texts, from features that the caller gives; not a number of the mauve-text package.

    features_p, features_q  (N_p, D), (N_q, D): a vector per human and per generated text
    source                  name of the encoder, kept with the value: another encoder gives another number
    buckets                 >= 2, clusters into which the vectors are sorted; None: a tenth of the smaller side
    seed, seeds             first seed and how many clusterings (>= 1) are averaged
    Vectors are scaled to length 1, reduced to the principal components with 90 % of the variance, and clustered by k-means. With P and Q
    the shares of the clusters and R = w P + (1 - w) Q, the curve is (exp(-5 KL(Q|R)), exp(-5 KL(P|R))) for 25 weights w.
    Raises DataError for shapes that differ, undefined values or no text, SettingError for bad buckets, seeds or source.
    Source: Pillutla et al. 2021, equations 1 to 3.
    """
    p, q, chosen = _checked(features_p, features_q, source, buckets, seeds)
    values = []
    for labels in _clusterings(np.vstack([p, q]), chosen, seed, seeds):
        shares = [np.bincount(part, minlength=chosen) / len(part) for part in (labels[: len(p)], labels[len(p) :])]
        values.append(mauve_of_shares(shares[0], shares[1]))
    return Mauve(float(np.mean(values)), tuple(values), source, chosen, (len(p), len(q)))


def mauve_score(true: ArrayLike, written: ArrayLike, *, source: str, buckets: int | None = None, seed: int = 0, seeds: int = 5) -> TextScore:
    """`mauve` of C texts that were written in the place of C true ones, as a score that resampled cases give again: their clusters stay as they are.

    true, written  (C, D) each: vectors of the texts of the same cases
    A case drawn twice is not two texts, so intervals are those of halves of the cases. Other arguments, and what is raised, as for `mauve`.
    """
    p, q, chosen = _checked(true, written, source, buckets, seeds)
    if len(p) != len(q):
        raise DataError(f"{len(p)} true texts but {len(q)} written ones: give one of each per case.")
    found = [(labels[: len(p)], labels[len(p) :]) for labels in _clusterings(np.vstack([p, q]), chosen, seed, seeds)]

    def weighted(weights: FloatArray) -> float:
        shares = [[np.bincount(side, weights, minlength=chosen) / weights.sum() for side in sides] for sides in found]
        return float(np.mean([mauve_of_shares(ours, theirs) for ours, theirs in shares]))

    signature = Mauve(0.0, (0.0,) * seeds, source, chosen, (len(p), len(q))).signature
    return TextScore("mauve", len(p), weighted, signature, distinct=True, within=(0, 1))


def mauve_of_shares(p: FloatArray, q: FloatArray) -> float:
    """MAUVE of two distributions (K,) over the same K clusters, each of sum 1: the area under their divergence curve."""
    mixed = _MIXTURES[:, None] * p + (1 - _MIXTURES[:, None]) * q
    # the ends of the curve are those of weights 0 and 1 when nothing is shared
    x = np.exp(-_SCALING * np.array([0.0, *rel_entr(q, mixed).sum(1), np.inf]))
    y = np.exp(-_SCALING * np.array([np.inf, *rel_entr(p, mixed).sum(1), 0.0]))
    return float(abs(trapezoid(y, x)))


def _checked(features_p: ArrayLike, features_q: ArrayLike, source: str, buckets: int | None, seeds: int) -> tuple[FloatArray, FloatArray, int]:
    """Both features as arrays, and how many buckets there are. Raises as `mauve`."""
    p, q = np.asarray(features_p, dtype=np.float64), np.asarray(features_q, dtype=np.float64)
    if p.ndim != 2 or q.ndim != 2 or p.shape[1] != q.shape[1] or not (p.size and q.size):
        raise DataError(f"features have shapes {p.shape} and {q.shape}: give (texts, width) with the same width for both.")
    if not (np.isfinite(p).all() and np.isfinite(q).all()):
        raise DataError("features hold undefined or infinite values: encode the texts again.")
    chosen = max(2, round(min(len(p), len(q)) / 10)) if buckets is None else buckets
    if not 2 <= chosen <= len(p) + len(q) or seeds < 1 or not source.strip():
        raise SettingError(f"buckets = {chosen}, seeds = {seeds}, source = '{source}': give 2..{len(p) + len(q)} buckets, >= 1 seeds and the encoder's name.")
    return p, q, chosen


def _clusterings(vectors: FloatArray, buckets: int, seed: int, seeds: int) -> list[IntArray]:
    """(N,) the cluster of each vector, for each of the seeds."""
    points = _reduced(vectors)
    return [_clusters(points, buckets, np.random.default_rng(own)) for own in range(seed, seed + seeds)]


def _verdicts(judge: Judge, premises: Sequence[str], hypotheses: Sequence[str]) -> IntArray:
    """(n,) place of the most likely label in `LABELS`."""
    chances: FloatArray = np.asarray(judge(premises, hypotheses), dtype=np.float64)
    proper = chances.shape == (len(premises), len(LABELS)) and (chances >= 0).all() and np.allclose(chances.sum(axis=1), 1, atol=1e-3)
    if not proper:
        raise DataError(f"judge '{judge.name}' gave answers of shape {chances.shape} for {len(premises)} pairs: expected three probabilities that sum to 1.")
    verdicts: IntArray = np.argmax(chances, axis=1)
    return verdicts


def _shares(outputs: Sequence[str], evidences: Sequence[Sequence[str]], judge: Judge) -> FloatArray:
    """(N,) share of the evidence sentences of each output that entail it, 0 without evidence or output."""
    owner = np.array([case for case, sentences in enumerate(evidences) for _ in sentences if outputs[case].strip()], dtype=np.int64)
    if not owner.size:
        return np.zeros(len(outputs))
    premises = [sentence for case, sentences in enumerate(evidences) for sentence in sentences if outputs[case].strip()]
    entailed = _verdicts(judge, premises, [outputs[case] for case in owner]) == 0
    judged = np.bincount(owner, minlength=len(outputs))
    return np.bincount(owner, entailed, minlength=len(outputs)) / np.maximum(judged, 1)


def _evidence_of_others(evidences: Sequence[Sequence[str]], rng: np.random.Generator) -> list[list[str]]:
    """For each case as many sentences as it has itself, from other cases; some twice only where the others have too few."""
    pool = [sentence for sentences in evidences for sentence in sentences]
    ends = np.cumsum([len(sentences) for sentences in evidences])
    drawn = []
    for sentences, end in zip(evidences, ends.tolist(), strict=True):
        own, foreign = len(sentences), len(pool) - len(sentences)
        places = rng.choice(foreign, size=own, replace=own > foreign)
        # the case's own sentences are pool[end - own : end]: places behind them move on
        drawn.append([pool[place if place < end - own else place + own] for place in places])
    return drawn


def _reduced(vectors: FloatArray) -> FloatArray:
    """Rows of length 1, centred, on the principal components that hold 90 % of the variance."""
    norms = np.linalg.norm(vectors, axis=1, keepdims=True)
    unit = vectors / np.where(norms > 0, norms, 1)
    left, strength, _ = np.linalg.svd(unit - unit.mean(axis=0), full_matrices=False)
    held = np.cumsum(strength**2)
    kept = int(np.searchsorted(held, _VARIANCE * held[-1])) + 1
    points: FloatArray = left[:, :kept] * strength[:kept]
    return points


def _clusters(points: FloatArray, buckets: int, rng: np.random.Generator) -> IntArray:
    """(N,) cluster of each point, 0..buckets-1."""
    different, place = np.unique(points.round(12), axis=0, return_inverse=True)
    if len(different) <= buckets:  # one bucket each; k-means has no more to do
        return place.ravel().astype(np.int64)
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="One of the clusters is empty")  # an empty bucket has a share of 0 on both sides
        _, labels = kmeans2(points, buckets, iter=_ITERATIONS, minit="++", seed=rng)
    return labels.astype(np.int64)
