"""Entailment with a judge that must prove itself, and MAUVE of given features beside what mauve-text gives."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
import pytest
from numpy.typing import NDArray

from tastelm.errors import DataError, SettingError
from tastelm.metrics.faithfulness import LABELS, Calibrated, calibrate, entailment_ratio, mauve, mauve_of_shares, mauve_score
from tastelm.metrics.paired_text import interval, paired_bootstrap


@dataclass
class WordJudge:
    """Entailed if all words of the hypothesis stand in the premise, contradicted if the premise says 'not'. Remembers what it saw."""

    name: str = "words"
    columns: tuple[int, int, int] = (0, 1, 2)
    seen: list[tuple[str, str]] = field(default_factory=list)

    def __call__(self, premises: Sequence[str], hypotheses: Sequence[str]) -> NDArray[np.float64]:
        self.seen += zip(premises, hypotheses, strict=True)
        named = [2 if "not" in p.split() else 0 if set(h.split()) <= set(p.split()) else 1 for p, h in zip(premises, hypotheses, strict=True)]
        chances = np.full((len(named), 3), 0.1)
        chances[np.arange(len(named)), named] = 0.8
        return chances[:, self.columns]


@dataclass
class Constant:
    answer: object
    name: str = "constant"

    def __call__(self, premises: Sequence[str], hypotheses: Sequence[str]) -> NDArray[np.float64]:
        return np.array([self.answer] * len(premises), dtype=np.float64)


PAIRS = [("the room is big", "room big"), ("the pool is cold", "the sea"), ("not good", "good"), ("a b", "a"), ("a", "a b")]
VERDICTS = ["entail", "neutral", "contradict", "entail", "neutral"]


def judge() -> Calibrated:
    return calibrate(WordJudge(), PAIRS, VERDICTS)


def test_a_good_judge_passes() -> None:
    assert (judge().accuracy, judge().pairs) == (1.0, 5)


def test_each_label_weighs_the_same() -> None:
    # four of five are neutral: always saying so is right four times out of five, and still knows one label of three
    pairs, labels = [("a", "b")] * 8 + [("a", "a"), ("not a", "a")], ["neutral"] * 8 + ["entail", "contradict"]
    with pytest.raises(
        DataError, match=r"judge 'constant' recognises 0\.33 of the calibration pairs \(entail 0\.00, neutral 1\.00, contradict 0\.00\), at least 0\.80"
    ):
        calibrate(Constant([0.1, 0.8, 0.1]), pairs, labels)
    assert calibrate(Constant([0.1, 0.8, 0.1]), pairs, labels, at_least=0.3).accuracy == pytest.approx(1 / 3)


def test_trap_columns_in_another_order_and_a_swapped_direction() -> None:
    with pytest.raises(DataError, match="check the order of its columns and the direction"):
        calibrate(WordJudge(columns=(2, 1, 0)), PAIRS, VERDICTS)
    with pytest.raises(DataError, match="direction premise, hypothesis"):
        calibrate(WordJudge(), [(hypothesis, premise) for premise, hypothesis in PAIRS], VERDICTS)


def test_bad_calibrations() -> None:
    with pytest.raises(DataError, match="5 pairs but 1 labels"):
        calibrate(WordJudge(), PAIRS, ["entail"])
    with pytest.raises(DataError, match="label 1 is 'neutrall', which is unknown: did you mean 'neutral'"):
        calibrate(WordJudge(), PAIRS[:2], ["entail", "neutrall"])
    with pytest.raises(DataError, match="no pair is labelled 'contradict'"):
        calibrate(WordJudge(), PAIRS[:2], VERDICTS[:2])
    for answer in ([0.5, 0.5], [0.5, 0.5, 0.5], [np.nan] * 3, [1.5, -0.5, 0.0]):
        with pytest.raises(DataError, match=r"judge 'constant' gave answers of shape .* for 5 pairs: expected three probabilities"):
            calibrate(Constant(answer), PAIRS, VERDICTS)
    assert LABELS == ("entail", "neutral", "contradict")


def test_entailment_by_hand() -> None:
    outputs = ["big room", "nice pool", "cold tea", "good", " "]
    evidences = [["a big room", "a small room"], ["the pool", "nice"], [], ["not good"], ["anything"]]
    found = entailment_ratio(outputs, evidences, judge())
    assert found.ratio.per_case is not None and found.mean.per_case is not None
    assert found.ratio.per_case.tolist() == [1, 0, 0, 0, 0] and found.ratio.value == 1 / 5
    assert found.mean.per_case.tolist() == [0.5, 0, 0, 0, 0]
    assert found.ratio.counts == {"without_evidence": 1, "empty": 1}
    assert found.ratio.signature == "judge words, calibrated to 1.000 on 5 pairs"
    assert [score.name for score in found] == ["entailment_ratio", "entailment_mean", "entailment_control"]


def test_the_premise_is_the_evidence() -> None:
    words = WordJudge()
    calibrated = calibrate(words, PAIRS, VERDICTS)
    words.seen.clear()
    entailment_ratio(["x", "y"], [["p", "q"], ["r"]], calibrated)
    assert words.seen[:3] == [("p", "x"), ("q", "x"), ("r", "y")]


def test_trap_more_evidence_more_entailment_and_the_control_shows_it() -> None:
    """An output that says the same of everything is entailed by chance; the ratio alone cannot tell."""
    rng = np.random.default_rng(0)
    words = [f"w{i}" for i in range(12)]
    evidences = [[f"{word} is {rng.choice(words)}" for _ in range(6)] for word in rng.choice(words, 200)]
    copies = [sentences[0] for sentences in evidences]
    vague = [str(rng.choice(words)) for _ in evidences]
    specific, generic = entailment_ratio(copies, evidences, judge()), entailment_ratio(vague, evidences, judge())
    assert specific.ratio.value == 1 and specific.control.value < 0.2
    assert generic.ratio.value > 0.3 and abs(generic.ratio.value - generic.control.value) < 0.3
    one = entailment_ratio(vague, [sentences[:1] for sentences in evidences], judge())
    assert generic.ratio.value > one.ratio.value + 0.2
    assert generic.mean.value == pytest.approx(one.mean.value, abs=0.06)
    assert paired_bootstrap(specific.ratio, generic.ratio).low > 0


def test_the_control_draws_from_other_cases_alone() -> None:
    evidences = [[f"e{case}"] * (case % 4) for case in range(30)]
    words = WordJudge()
    calibrated = calibrate(words, PAIRS, VERDICTS)
    words.seen.clear()
    found = entailment_ratio([f"e{case}" for case in range(30)], evidences, calibrated, seed=3)
    pairs = sum(map(len, evidences))
    assert found.control.value == 0 and found.ratio.value == pytest.approx(22 / 30)
    assert [hypothesis for _, hypothesis in words.seen[:pairs]] == [hypothesis for _, hypothesis in words.seen[pairs:]]
    assert all(premise != hypothesis for premise, hypothesis in words.seen[pairs:])
    again = entailment_ratio([f"e{case}" for case in range(30)], evidences, calibrated, seed=4)
    assert words.seen[pairs : 2 * pairs] != words.seen[3 * pairs :] and again.ratio.value == found.ratio.value


def test_empty_outputs_are_never_judged() -> None:
    # some judges find nothing entailed by everything
    agrees = Calibrated(Constant([1.0, 0.0, 0.0]), 1.0, 3)
    found = entailment_ratio(["", " "], [["a"], ["b"]], agrees)
    assert found.ratio.value == found.mean.value == found.control.value == 0 and found.ratio.counts["empty"] == 2


def test_bad_entailment_input() -> None:
    with pytest.raises(SettingError, match="judge is not calibrated: call calibrate"):
        entailment_ratio(["a", "b"], [["a"], ["b"]], WordJudge())  # type: ignore[arg-type]
    with pytest.raises(DataError, match="1 outputs but 2 lists of evidence"):
        entailment_ratio(["a"], [["a"], ["b"]], judge())
    with pytest.raises(DataError, match="evidence 1 is one string: give a list of sentences"):
        entailment_ratio(["a", "b"], [["a"], "b"], judge())
    with pytest.raises(DataError, match="fewer than two outputs have evidence"):
        entailment_ratio(["a", "b"], [["a"], []], judge())


# Vectors (400, 16) of the normal law, the second set moved; the mean over seeds 0..4 that mauve-text 0.4.0 gives with 10 buckets.
SHIFTS = {0.0: 0.9955, 0.3: 0.8037, 0.7: 0.1018, 4.0: 0.0054}


def vectors(shift: float) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    rng = np.random.default_rng(0)
    p = rng.normal(size=(400, 16))
    for known in SHIFTS:
        q = rng.normal(size=(400, 16)) + known
        if known == shift:
            break
    return p, q


@pytest.mark.parametrize("shift", SHIFTS)
def test_mauve_is_near_that_of_the_package(shift: float) -> None:
    p, q = vectors(shift)
    found = mauve(p, q, source="normal law", buckets=10)
    assert found.value == pytest.approx(SHIFTS[shift], abs=0.05)
    assert found.value == pytest.approx(np.mean(found.per_seed)) and len(set(found.per_seed)) > 1


def test_mauve_of_shares_by_the_package_and_by_hand() -> None:
    # the value of mauve-text 0.4.0 for these histograms
    assert mauve_of_shares(np.array([0.5, 0.3, 0.2, 0.0]), np.array([0.1, 0.2, 0.3, 0.4])) == pytest.approx(0.2711696522515651)
    same = np.array([0.25, 0.75])
    assert mauve_of_shares(same, same) == pytest.approx(1)
    # nothing in common: x = w'^5, y = w^5 with w' = 1 - w, whose area is the beta function 5 B(5, 6) = 1/252
    assert mauve_of_shares(np.array([1.0, 0.0]), np.array([0.0, 1.0])) == pytest.approx(1 / 252, abs=1e-3)


def test_mauve_of_a_split_is_near_1_and_of_a_repeated_text_near_0() -> None:
    rng = np.random.default_rng(2)
    texts = rng.normal(size=(1000, 8))
    assert mauve(texts[:500], texts[500:], source="normal law", buckets=20).value > 0.95
    assert mauve(texts[:500], np.repeat(texts[500:501], 500, axis=0), source="normal law").value < 0.05
    assert mauve(np.ones((30, 4)), np.ones((30, 4)), source="ones").value == pytest.approx(1)


def test_mauve_says_what_it_was_made_with() -> None:
    p, q = vectors(0.3)
    found = mauve(p[:200], q, source="MiniLM", seeds=2)
    assert found.signature == "features MiniLM, 20 buckets, 200 and 400 texts, 2 seeds, scaling 5"
    assert found == mauve(p[:200], q, source="MiniLM", seeds=2)
    assert found.per_seed != mauve(p[:200], q, source="MiniLM", seeds=2, seed=9).per_seed


def test_a_score_has_the_value_of_mauve_and_an_interval_that_resampled_cases_give() -> None:
    p, q = vectors(0.3)
    plain, score = mauve(p, q, source="normal law", buckets=10), mauve_score(p, q, source="normal law", buckets=10)
    assert score.value == pytest.approx(plain.value) and score.signature == plain.signature and score.cases == 400
    low, high = interval(score, resamples=100)
    assert 0 < low < plain.value < high < 1 and high - low > 0.03
    same = mauve_score(p, p, source="normal law")
    assert same.value == pytest.approx(1) and interval(same, resamples=20) == pytest.approx((1, 1))
    far = mauve_score(p, vectors(4.0)[1], source="normal law", buckets=10)
    found = paired_bootstrap(score, far, resamples=100)
    assert found.low > 0.5 and found.drawn == "halves"
    with pytest.raises(DataError, match="400 true texts but 300 written ones"):
        mauve_score(p, q[:300], source="normal law")


def test_bad_features() -> None:
    p = np.ones((20, 3))
    for q, message in [
        (np.ones((20, 4)), r"shapes \(20, 3\) and \(20, 4\)"),
        (np.ones((0, 3)), r"\(0, 3\)"),
        (np.full((20, 3), np.nan), "undefined or infinite"),
    ]:
        with pytest.raises(DataError, match=message):
            mauve(p, q, source="x")
    for wrong in ({"buckets": 1}, {"buckets": 41}, {"seeds": 0}, {"source": " "}):
        with pytest.raises(SettingError, match=r"give 2\.\.40 buckets, >= 1 seeds and the encoder's name"):
            mauve(p, p, **{"source": "x", **wrong})  # type: ignore[arg-type]
