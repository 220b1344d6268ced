"""How likely a run finds what was really said: perplexity, and bits per character, which compare between tokenizers too."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tastelm.metrics.fluency import bits_per_character, perplexity
from tastelm.metrics.paired_text import TextScore
from tastelm.recommender import Recommender
from tastelm.systems.base import Foresees


@dataclass(frozen=True, eq=False)
class Foreseen:
    """What a run finds of C sentences that were really said.

    nll        (C,) float64 negative log-likelihood of each in nats, of the token that ends it too; NaN where it is longer than the run reads
    lengths    (C,) int64 tokens of each
    tokenizer  whose tokens they are
    """

    nll: NDArray[np.float64]
    lengths: NDArray[np.int64]
    tokenizer: str

    @property
    def whole(self) -> NDArray[np.bool_]:
        """(C,) which sentences the run reads to their end."""
        return ~np.isnan(self.nll)

    def among(self, chosen: NDArray[np.bool_]) -> Foreseen:
        """The same with no sentence but the `chosen` (C,)."""
        return replace(self, nll=np.where(chosen, self.nll, np.nan))

    def counted(self) -> Foreseen:
        """The same with how many tokens are scored behind the tokenizer's name: where two runs split the same sentences into other numbers of tokens,
        their perplexities are not alike, and are not compared."""
        return replace(self, tokenizer=f"{self.tokenizer}, {self.lengths[self.whole].sum():,} scored in {self.whole.sum():,} sentences")


def foresee(
    model: Recommender, users: NDArray[np.int32], items: NDArray[np.int32], texts: Sequence[str], about: Sequence[str] | None = None
) -> Foreseen | None:
    """What `model` finds of C sentences, by its own codes of users and items (-1: a stranger). None of one that cannot tell.

    about  the feature of each, for a module that is `Guided`
    """
    module: Any = model.module
    if not isinstance(module, Foresees):
        return None
    nll, lengths = module.foresee(users, items, texts, *([] if about is None else [about]))
    source = getattr(model.system.config, "model", None)
    words = source if isinstance(source, str) and not source.startswith("scratch") else module.learnt_from
    return Foreseen(nll, lengths, f"{module.tokens.size} tokens of {words}")


def fluency(found: Foreseen, texts: Sequence[str]) -> dict[str, TextScore]:
    """`bits`, a character, and `perplexity`, over the sentences that are read to their end; empty where there are none."""
    if not found.whole.any():
        return {}
    nll, tokens = np.where(found.whole, found.nll, 0.0), np.where(found.whole, found.lengths, 0)
    characters = np.where(found.whole, [len(text) for text in texts], 0)
    return {"bits": bits_per_character(nll, characters), "perplexity": perplexity(nll, tokens, tokenizer=found.tokenizer)}
