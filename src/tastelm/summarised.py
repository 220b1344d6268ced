"""How good the summaries of a run are: of reviews it was not trained on, held against the lines that people put above theirs."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch

from tastelm.data.reviews import reviews
from tastelm.data.split import Part, Split
from tastelm.metrics.overlap import bleu_corpus, rouge
from tastelm.metrics.paired_text import TextScore, mean_score, plain
from tastelm.plm.meter import Bill
from tastelm.recommender import Recommender
from tastelm.systems.base import Summariser

CASES = 1000


def judge_summaries(model: Recommender, split: Split, part: Part = Part.TEST, *, cases: int = CASES, seed: int = 0) -> dict[str, Any]:
    """BLEU-2 and ROUGE over at most `cases` reviews of a part that have a summary, with 95 % bootstrap intervals over them, in the manner of
    `judge_reasons`: texts in small letters, BLEU of `spaced` words over the corpus (Geng et al. 2022, who give BLEU-2 as summaries are short).

    `words` is how many a summary has in the mean, beside `words-true`: few words are right more often. Empty for a run that summarises nothing, and
    where the data have no review with a summary. Raises MissingExtra without rouge-score.
    """
    module = model.module
    if not isinstance(module, Summariser):
        return {}
    every = reviews(split, part)
    told = np.flatnonzero([bool(text and summary) for text, summary in zip(every.texts, every.summaries, strict=True)])
    if not len(told):
        return {}
    chosen = np.sort(np.random.default_rng(seed).permutation(told)[:cases])
    users = model.users.encode(split.users.decode(every.users[chosen]))
    bill = Bill(module)
    with torch.inference_mode():
        said = module.summaries(users, [every.texts[row] for row in chosen])
    took = bill.settle(len(chosen))
    found = scores([text.lower() for text in said], [every.summaries[row].lower() for row in chosen])
    return plain(found, seed=seed) | {"cases": len(chosen), "of": len(told), "seed": seed} | took.plain()


def scores(texts: list[str], truths: list[str]) -> dict[str, TextScore]:
    """BLEU-2, ROUGE-1, -2 and -L of C texts against what was really written, and the mean numbers of words; ROUGE of those with a letter a-z or digit."""
    found = {"bleu-2": bleu_corpus(texts, truths, 2, "spaced")}
    readable = [place for place, text in enumerate(truths) if any(letter.isascii() and letter.isalnum() for letter in text)]
    if readable:
        written, true = ([column[place] for place in readable] for column in (texts, truths))
        found |= {f"rouge-{kind[5:].lower()}": rouge(written, true, kind).f1 for kind in ("rouge1", "rouge2", "rougeL")}
    lengths = {"words": texts, "words-true": truths}
    return found | {name: mean_score(name, np.array([len(text.split()) for text in column], np.float64)) for name, column in lengths.items()}
