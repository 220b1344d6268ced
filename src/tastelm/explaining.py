"""How good the reasons of a run are, and how right its ratings: written for interactions it was not trained on, and held against what was said."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tastelm.data.explanations import Explanations, explanations, reasons
from tastelm.data.split import Part, Split
from tastelm.errors import DataError
from tastelm.metrics.explanation import div, fcr, fmr
from tastelm.metrics.faithfulness import Calibrated, entailment_ratio
from tastelm.metrics.fluency import distinct_corpus, usr
from tastelm.metrics.ngrams import spaced
from tastelm.metrics.overlap import bleu_corpus, rouge
from tastelm.metrics.paired_text import PairedDifference, TextScore, paired_bootstrap, plain
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
    given    it was told beforehand which feature each true reason is about, so that to name it is no merit
    """

    asked: Explanations
    of: int
    texts: tuple[str, ...]
    ratings: NDArray[np.float64] | None
    given: bool = False


def give_reasons(model: Recommender, split: Split, part: Part = Part.TEST, *, cases: int = CASES, seed: int = 0) -> Reasons | None:
    """Ask `model` about at most `cases` interactions of a part, the same for every model. None where it gives no reasons, or the data have none to
    hold them against. Raises MissingExtra without spaCy where reviews are to be read."""
    module = model.module
    if not isinstance(module, Explainer):
        return None
    try:
        every = explanations(split, part, owner=model.name)
    except DataError:  # nobody in these data says why
        return None
    if not len(every):
        return None
    chosen = np.sort(np.random.default_rng(seed).permutation(len(every))[:cases])
    asked = every.take(chosen)
    users = model.users.encode(split.users.decode(asked.users))
    items = model.items.encode(split.items.decode(asked.items))
    predicted = module.ratings(users, items).double().cpu().numpy() if isinstance(module, Rater) else None
    if isinstance(module, Guided) and module.given:
        return Reasons(asked, len(every), tuple(module.explain(users, items, asked.features)), predicted, given=True)
    return Reasons(asked, len(every), tuple(module.explain(users, items)), predicted)


def scores(said: Reasons, split: Split) -> dict[str, TextScore]:
    """Every measure of the reasons by name, all on texts in small letters, and of the ratings where there are any.

    BLEU is that of PETER and PEPLER (`spaced` words, the corpus's, unsmoothed), ROUGE that of rouge-score. FMR asks whether the feature of the
    true sentence is named, FCR which share of the features of all data are, DIV how many two sentences share (lower is better). Predicted
    ratings are clipped to the scale of the ratings of the training part. What the data do not allow is left out: ROUGE without a letter a-z or
    a digit in any true sentence, FMR, FCR and DIV without features, errors of ratings without two different ones. Raises MissingExtra
    without rouge-score.
    """
    texts, truths = [text.lower() for text in said.texts], [text.lower() for text in said.asked.texts]
    words = [spaced(text) for text in texts]
    found = {f"bleu-{n}": bleu_corpus(texts, truths, n, "spaced") for n in (1, 4)}
    readable = [place for place, text in enumerate(truths) if any(letter.isascii() and letter.isalnum() for letter in text)]
    if readable:
        written, true = ([column[place] for place in readable] for column in (texts, truths))
        found |= {"rouge-1": rouge(written, true, "rouge1").f1, "rouge-2": rouge(written, true, "rouge2").f1}
    found |= {"usr": usr(words), "distinct-1": distinct_corpus(words, 1), "distinct-2": distinct_corpus(words, 2)}
    known = sorted({feature for _, feature in reasons(split, owner="the judge").values() if feature})
    named = [place for place, feature in enumerate(said.asked.features) if feature]
    if named:
        found["fmr"] = fmr([words[place] for place in named], [said.asked.features[place] for place in named])
        found["fcr"] = fcr(words, known)
        found |= {"div": div(words, known)} if len(words) > 1 else {}
    return found | ({} if said.ratings is None else errors(said.ratings, said.asked.ratings, split))


def differences(a: Reasons, b: Reasons, split: Split, *, seed: int = 0) -> dict[str, PairedDifference]:
    """How much more `a` has than `b` of every measure that both have, with 95 % intervals over the same draws of the interactions for both.

    Raises DataError unless both were asked about the same interactions, at least 2, MissingExtra without rouge-score.
    """
    if not (np.array_equal(a.asked.users, b.asked.users) and np.array_equal(a.asked.items, b.asked.items) and a.asked.texts == b.asked.texts):
        raise DataError("the two systems were asked about different interactions. Ask both about the same part of the same split, with one seed and cases.")
    ours, theirs = scores(a, split), scores(b, split)
    return {name: paired_bootstrap(score, theirs[name], seed=seed) for name, score in ours.items() if name in theirs}


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


def judge_reasons(
    model: Recommender, split: Split, part: Part = Part.TEST, *, cases: int = CASES, seed: int = 0, judge: Calibrated | None = None
) -> dict[str, Any]:
    """What `evaluate` tells of the reasons of a run: metrics, 95 % bootstrap intervals over the interactions, and how each was computed; `given`: what
    of the true reasons it was told.

    judge  of entailment, which is left out without one

    Empty for a run that gives no reasons, or data without any. Raises MissingExtra where a library is missing.
    """
    said = give_reasons(model, split, part, cases=cases, seed=seed)
    if said is None:
        return {}
    found = scores(said, split) | ({} if judge is None else entailed(said, split, judge, seed=seed))
    return plain(found, seed=seed) | {"cases": len(said.asked), "of": said.of, "seed": seed} | ({"given": "feature"} if said.given else {})
