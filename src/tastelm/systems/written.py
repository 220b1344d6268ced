"""What systems that write items share: their tokens, the model with its words, and how the next item is asked for."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

from tastelm.data.split import Split
from tastelm.item_tokens.base import ItemTokens
from tastelm.item_tokens.collaborative import collaborative_tokens
from tastelm.item_tokens.random import random_tokens
from tastelm.item_tokens.semantic import semantic_tokens
from tastelm.item_tokens.sequential import sequential_tokens
from tastelm.plm.tokens import trained_on
from tastelm.plm.vectors import text_vectors
from tastelm.prompting.writer import ItemWriter, mark
from tastelm.systems.texts import item_texts

Ids = Literal["semantic", "collaborative", "random", "sequential"]
# Bytes and marks that every tokenizer holds before its first word.
BARE = 260


@dataclass(frozen=True)
class Indexing:
    """How items are spelled.

    kind     `semantic` from the vectors of their titles, `collaborative` from what is met together, `random`, or `sequential` as they are
             met along the training histories
    levels   tokens of an item, where the kind has a fixed number
    codes    of a level
    encoder  of titles, for `semantic`
    seed     of what is drawn
    """

    kind: Ids
    levels: int
    codes: int
    encoder: str
    seed: int = 0

    def tokens(self, split: Split) -> ItemTokens:
        """The tokens of all items, from the training part alone (and from texts). Raises DataError, SettingError."""
        items = len(split.items)
        if self.kind == "random":
            return random_tokens(items, width=self.levels, base=self.codes, seed=self.seed)
        if self.kind == "sequential":
            return sequential_tokens(split.train, items, base=self.codes, seed=self.seed)
        if self.kind == "collaborative":
            return collaborative_tokens(split.train, items, clusters=self.codes, leaf=self.codes, seed=self.seed)
        texts = item_texts(split, clean=False, untitled="refuse", owner="the semantic index")
        return semantic_tokens(text_vectors(self.encoder, texts), levels=self.levels, codes=self.codes, seed=self.seed)


def spell(module: ItemWriter, tokens: ItemTokens, split: Split, texts: Iterable[str], words: int) -> None:
    """Give a model that writes its words and its items: a tokenizer of `words` tokens trained on `texts`, and the tokens of items on top."""
    module.backbone.write_with(trained_on(texts, size=words, marks=[mark(token) for token in range(tokens.vocabulary)]))
    module.spell(tokens.tokens, split.popularity)
