"""How good the reasons of a run are, and how right its ratings: written for interactions it was not trained on, and held against what was said."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Protocol, cast

import numpy as np
from numpy.typing import NDArray

from tastelm.data.explanations import Explanations, explanations, reasons
from tastelm.data.split import Part, Split
from tastelm.errors import DataError
from tastelm.foreseen import Foreseen, fluency, foresee
from tastelm.metrics.explanation import div, fcr, fmr
from tastelm.metrics.faithfulness import Calibrated, entailment_ratio, mauve_score
from tastelm.metrics.fluency import distinct_corpus, usr
from tastelm.metrics.ngrams import spaced
from tastelm.metrics.overlap import bleu_corpus, rouge
from tastelm.metrics.paired_text import PairedDifference, TextScore, paired_bootstrap, plain
from tastelm.plm.meter import Bill, Took
from tastelm.rated import errors
from tastelm.recommender import Recommender
from tastelm.systems.base import Explainer, Guided, Rater

# Interactions that are asked about: enough for intervals, and a language model writes them in minutes.
CASES = 1000
# Sentences that a reason is held against, at most.
EVIDENCE = 10


@dataclass(frozen=True, eq=False)
class Reasons:
    """What a run has said of C interactions.

    asked    the interactions, with what was really said
    of       how many there were to ask about
    texts    C sentences
    ratings  (C,) predictions, or None of a run that predicts none
    took     what writing the sentences took, None where that is not known
    foreseen what the run finds of what was really said, None where it cannot tell
    given    it was told beforehand which feature each true reason is about, so that to name it is no merit
    """

    asked: Explanations
    of: int
    texts: tuple[str, ...]
    ratings: NDArray[np.float64] | None
    took: Took | None = None
    foreseen: Foreseen | None = None
    given: bool = False


def asked_of(split: Split, part: Part, *, owner: str, cases: int = CASES, seed: int = 0) -> tuple[Explanations, int] | None:
    """At most `cases` interactions of a part that somebody gave a reason for, the same for whoever is asked, and how many there are. None where there
    are none. Raises MissingExtra without spaCy where reviews are to be read."""
    try:
        every = explanations(split, part, owner=owner)
    except DataError:  # nobody in these data says why
        return None
    if not len(every):
        return None
    return every.take(np.sort(np.random.default_rng(seed).permutation(len(every))[:cases])), len(every)


def give_reasons(model: Recommender, split: Split, part: Part = Part.TEST, *, cases: int = CASES, seed: int = 0) -> Reasons | None:
    """Ask `model` about at most `cases` interactions of a part, the same for every model. None where it gives no reasons, or the data have none to
    hold them against. Raises MissingExtra without spaCy where reviews are to be read."""
    module = model.module
    if not isinstance(module, Explainer):
        return None
    found = asked_of(split, part, owner=model.name, cases=cases, seed=seed)
    if found is None:
        return None
    asked, of = found
    users = model.users.encode(split.users.decode(asked.users))
    items = model.items.encode(split.items.decode(asked.items))
    predicted = module.ratings(users, items).double().cpu().numpy() if isinstance(module, Rater) else None
    bill, about = Bill(module), asked.features if isinstance(module, Guided) and module.given else None
    texts = tuple(module.explain(users, items) if about is None else cast(Guided, module).explain(users, items, about))
    took, foreseen = bill.settle(len(texts)), foresee(model, users, items, asked.texts, about)
    return Reasons(asked, of, texts, predicted, took, foreseen, given=about is not None)


def scores(said: Reasons, split: Split) -> dict[str, TextScore]:
    """Every measure of the reasons by name, all on texts in small letters, and of the ratings where there are any.

    BLEU is that of PETER and PEPLER (`spaced` words, the corpus's, unsmoothed), ROUGE that of rouge-score. FMR asks whether the feature of the
    true sentence is named, FCR which share of the features of all data are, DIV how many two sentences share (lower is better). Predicted
    ratings are clipped to the scale of the ratings of the training part. What the data do not allow is left out: ROUGE without a letter a-z or
    a digit in any true sentence, FMR, FCR and DIV without features, errors of ratings without two different ones. Bits per character and perplexity
    are of the true sentences as they stand, under the run's own model, of those that it reads to their end. Raises MissingExtra without rouge-score.
    """
    texts, truths = [text.lower() for text in said.texts], [text.lower() for text in said.asked.texts]
    words = [spaced(text) for text in texts]
    found = {f"bleu-{n}": bleu_corpus(texts, truths, n, "spaced") for n in (1, 4)}
    readable = [place for place, text in enumerate(truths) if any(letter.isascii() and letter.isalnum() for letter in text)]
    if readable:
        written, true = ([column[place] for place in readable] for column in (texts, truths))
        found |= {"rouge-1": rouge(written, true, "rouge1").f1, "rouge-2": rouge(written, true, "rouge2").f1}
    found |= {"usr": usr(words), "distinct-1": distinct_corpus(words, 1), "distinct-2": distinct_corpus(words, 2)}
    known = sorted({aspect.noun for aspect in reasons(split, owner="the judge").values()} - {""})
    named = [place for place, feature in enumerate(said.asked.features) if feature]
    if named:
        found["fmr"] = fmr([words[place] for place in named], [said.asked.features[place] for place in named])
        found["fcr"] = fcr(words, known)
        found |= {"div": div(words, known)} if len(words) > 1 else {}
    found |= {} if said.ratings is None else errors(said.ratings, said.asked.ratings, split)
    return found | ({} if said.foreseen is None else fluency(said.foreseen.counted(), said.asked.texts))


def differences(a: Reasons, b: Reasons, split: Split, *, seed: int = 0) -> dict[str, PairedDifference]:
    """How much more `a` has than `b` of every measure that both have and that compares, with 95 % intervals over the same draws of the interactions for both.

    Raises DataError unless both were asked about the same interactions, at least 2, MissingExtra without rouge-score.
    """
    if not (np.array_equal(a.asked.users, b.asked.users) and np.array_equal(a.asked.items, b.asked.items) and a.asked.texts == b.asked.texts):
        raise DataError("the two systems were asked about different interactions. Ask both about the same part of the same split, with one seed and cases.")
    ours, theirs = (scores(said, split) for said in alike([a, b]))
    return {name: paired_bootstrap(score, theirs[name], seed=seed) for name, score in ours.items() if comparable(score, theirs.get(name))}


def alike(several: Sequence[Reasons]) -> list[Reasons]:
    """The same, their likelihoods told of those sentences alone that all of them read to the end who can tell any."""
    told = [said.foreseen for said in several if said.foreseen is not None]
    if not told:
        return list(several)
    whole = np.logical_and.reduce([found.whole for found in told])
    return [said if said.foreseen is None else replace(said, foreseen=said.foreseen.among(whole)) for said in several]


def comparable(a: TextScore, b: TextScore | None) -> bool:
    """Whether two scores are of one measure and made alike; perplexities are only where the tokens are the same."""
    return b is not None and (a.name, a.signature) == (b.name, b.signature)


def entailed(said: Reasons, split: Split, judge: Calibrated, *, seed: int = 0) -> dict[str, TextScore]:
    """How many of the reasons are borne out by what others said of the item (Xie et al. 2023): `entailment`, the share that follows from one of at
    most 10 sentences of the training part, which `seed` draws; `entailment-mean`, of how many of these; `entailment-control`, the share that
    follows from as many sentences about other items. Empty where fewer than two of the items were spoken of.
    """
    told, rng = explanations(split, Part.TRAIN, owner="the judge"), np.random.default_rng(seed)
    sentences = [np.flatnonzero((told.items == item) & (told.users != user)) for user, item in zip(said.asked.users, said.asked.items, strict=True)]
    evidence = [[told.texts[place] for place in np.sort(rng.permutation(places)[:EVIDENCE])] for places in sentences]
    if sum(bool(one) for one in evidence) < 2:
        return {}
    found = entailment_ratio(said.texts, evidence, judge, seed)
    return {"entailment": found.ratio, "entailment-mean": found.mean, "entailment-control": found.control}


class Encoder(Protocol):
    """Texts as vectors. source: what makes them, which goes with every number."""

    @property
    def source(self) -> str: ...

    def __call__(self, texts: Sequence[str]) -> NDArray[np.floating]:
        """(N, D)."""


def likened(said: Reasons, split: Split, encoder: Encoder, *, seed: int = 0) -> dict[str, TextScore]:
    """How alike the reasons as a whole are to those that people gave (Pillutla et al. 2021): `mauve` beside what was really said, and `mauve-control`,
    that of as many sentences of the training part, which `seed` draws, beside it: people beside people. Both by the vectors of `encoder`, not by
    the GPT-2 of the paper."""
    told = explanations(split, Part.TRAIN, owner="the encoder")
    count = min(len(told), len(said.texts))
    rng = np.random.default_rng(seed)
    others, some = (np.sort(rng.permutation(size)[:count]) for size in (len(told), len(said.texts)))
    true = encoder(said.asked.texts)
    return {
        "mauve": mauve_score(true, encoder(said.texts), source=encoder.source, seed=seed),
        "mauve-control": mauve_score(true[some], encoder([told.texts[place] for place in others]), source=encoder.source, seed=seed),
    }


def judge_reasons(
    model: Recommender, split: Split, part: Part = Part.TEST, *, cases: int = CASES, seed: int = 0, judge: Calibrated | None = None
) -> dict[str, Any]:
    """`judged` of what a run says now. Empty for a run that gives no reasons, or data without any. Raises MissingExtra where a library is missing."""
    said = give_reasons(model, split, part, cases=cases, seed=seed)
    return {} if said is None else judged(said, split, seed=seed, judge=judge)


def judged(said: Reasons, split: Split, *, seed: int = 0, judge: Calibrated | None = None, encoder: Encoder | None = None) -> dict[str, Any]:
    """What `evaluate` tells of the reasons of a run: metrics, 95 % bootstrap intervals over the interactions, and how each was computed; `given`: what of the
    true reasons it was told.

    judge    of entailment, which is left out without one
    encoder  of texts for MAUVE, which is left out without one
    """
    found = scores(said, split) | ({} if judge is None else entailed(said, split, judge, seed=seed))
    found |= {} if encoder is None else likened(said, split, encoder, seed=seed)
    return told(said, found, seed=seed)


def told(said: Reasons, found: Mapping[str, TextScore], *, seed: int) -> dict[str, Any]:
    """Scores of what a run has said as plain values, beside what it was asked, and what that took; `empty`: how often nothing was written."""
    about: dict[str, Any] = {"cases": len(said.asked), "of": said.of, "seed": seed, "empty": sum(not text.strip() for text in said.texts)}
    values = plain(found, seed=seed)
    if said.foreseen is not None:  # those that are too long for it have no say
        values["counted"] |= {name: int(said.foreseen.whole.sum()) for name in ("bits", "perplexity") if name in found}
    about |= {"given": "feature"} if said.given else {}
    return values | about | ({} if said.took is None else said.took.plain())
