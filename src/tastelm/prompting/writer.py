"""Recommending by writing: a text is read, and the tokens of an item are written behind it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional as F

from tastelm.data.sequences import Sequences
from tastelm.decoding.beam import beam_search
from tastelm.decoding.trie import Trie
from tastelm.nn.ragged import Ragged
from tastelm.plm.seq2seq import Memory, Seq2SeqLM
from tastelm.plm.tokens import END
from tastelm.plm.writing import Writing
from tastelm.prompting.catalogue import everything, log_popularity
from tastelm.prompting.choices import choice_scores, shown_of_all, verdict_scores
from tastelm.prompting.layout import UNLEARNT, Layout, lay_out
from tastelm.prompting.teaching import Written
from tastelm.text.segments import Prompt, Text
from tastelm.text.template import Template

# P5 counts words up to here; those behind share the last number.
WORDS = 512
# Who has the vectors of the slots of the kind image: one for each item of the history that is shown.
PICTURES = "pictures"
# How tokenizers write a blank: those that go by bytes, and those of T5.
BLANKS = ("Ġ", "▁")


def mark(token: int) -> str:
    """How a token of an item is written in a text."""
    return f"<i{token}>"


@dataclass(frozen=True)
class Asking:
    """How the next item is asked for.

    template    whose source is read, and behind which the item is written
    history     the slot of it that the history goes into
    user        the slot of the user, None if it has none
    shown       items of the history that are shown, the newest
    beams       of the search
    batch       histories that are read together
    candidates  the slot of the candidates, of a template that asks which of these comes next
    item        the slot of the item, of one that asks whether it comes next, yes or no
    pictures    the slot of the pictures of the history's items, None if it has none
    """

    template: Template
    history: str
    user: str | None
    shown: int
    beams: int
    batch: int
    candidates: str | None = None
    item: str | None = None
    pictures: str | None = None

    @property
    def openly(self) -> bool:
        """Whether any item may be the answer, and none is shown to choose."""
        return self.candidates is None and self.item is None


class ItemWriter(nn.Module):
    """A sequence-to-sequence model whose words include the tokens of items, or spell their titles; it can name no item that is not there.

    spelled  the tokens of each item, as words of the model's tokenizer
    prior    (N,) what is recommended where the search has found nothing more
    sources  of the vectors that prompts ask for: `pictures`, codes of items -> (..., D), where templates have slots of the kind image
    needs_users  whether users are called by their numbers, so that a run must know them
    """

    prior: Tensor
    needs_users = False

    def __init__(self, backbone: Seq2SeqLM, items: int, asking: Asking, *, whole_words: bool) -> None:
        super().__init__()
        self.backbone, self.asking = backbone, asking
        self.codes, self.sources = Ragged(items), nn.ModuleDict()
        # A word's number says which pieces belong together: those of one item, those of one name (Geng et al. 2022, whole-word embedding).
        self.words = nn.Embedding(WORDS, backbone.width) if whole_words else None
        if self.words is not None:
            nn.init.normal_(self.words.weight, std=0.02)
        self.register_buffer("prior", torch.zeros(items))
        self._trie: Trie | None = None
        self._starts = self._items = torch.empty(0, dtype=torch.bool)

    def spell(self, tokens: Sequences, popularity: NDArray[np.int64]) -> None:
        """Take over the tokens of N items, and how often each was met in training."""
        self.codes.fill(tokens)
        self.prior.copy_(torch.from_numpy(log_popularity(popularity)))
        self._trie = None

    @property
    def marked(self) -> bool:
        """Whether items have tokens of their own. Else they are spelled in words, and the token that ends a text stands behind each."""
        return self.backbone.tokens.number(mark(0)) is not None

    def item_text(self, code: int) -> str:
        """An item as a text, less what ends it."""
        begin, end = self.codes.offsets[code], self.codes.offsets[code + 1]
        tokens = self.codes.values[begin:end].tolist()
        return "".join(map(mark, tokens)) if self.marked else self.backbone.tokens.decode(tokens)

    def prompts(self, histories: Sequences, users: NDArray[np.int32]) -> list[Prompt]:
        """What is read for each history; where candidates are shown, about those of the whole catalogue that would be."""
        shown = np.empty(0, np.int64) if self.asking.openly else shown_of_all(self)
        return [self.prompt(history, int(user), shown) for history, user in zip(histories, users, strict=True)]

    def prompt(self, history: NDArray[np.integer], user: int, candidates: NDArray[np.integer]) -> Prompt:
        """What is read of one user; `candidates` are shown where the template has a place for them, or the first of them."""
        asking = self.asking
        shown = history[-asking.shown :].tolist()
        record: dict[str, Any] = {asking.history: [self.item_text(code) for code in shown]}
        if asking.user is not None:
            record[asking.user] = user_text(user)
        if asking.candidates is not None:
            record[asking.candidates] = [self.item_text(int(code)) for code in candidates]
        if asking.item is not None:
            record[asking.item] = self.item_text(int(candidates[0]))
        if asking.pictures is None:
            return asking.template.render_source(record)
        return asking.template.render_source(record | {asking.pictures: shown}, vectors={asking.pictures: PICTURES})

    def nll(self, batch: Written) -> Tensor:
        """(B,) the mean negative log-likelihood of the tokens of each target."""
        told = self._targets(batch.targets)
        losses, counts = self._losses(self._read(batch.sources), told)
        return losses / counts

    @torch.no_grad()
    def likelihoods(self, prompts: Sequence[Prompt], targets: Sequence[Prompt]) -> Tensor:
        """(B, K) log-probability of each of K targets behind each of B prompts, all its tokens taken together; a prompt is read once."""
        rows = torch.arange(len(prompts), device=self.prior.device).repeat_interleave(len(targets))
        losses, _ = self._losses(self._read(prompts).take(rows), self._targets([*targets] * len(prompts)))
        return -losses.view(len(prompts), len(targets))

    def _losses(self, memory: Memory, told: Layout) -> tuple[Tensor, Tensor]:
        """(B,) the negative log-likelihood of what is learnt of each of B targets, and (B,) of how many tokens that is."""
        labels = torch.from_numpy(told.labels).to(self.prior.device)
        before = torch.cat([self.backbone.starts(len(labels), labels.device), torch.from_numpy(told.ids[:, :-1]).to(labels.device)], 1)
        states = self.backbone.write(memory, before)
        losses = F.cross_entropy(self.backbone.logits(states).flatten(0, 1), labels.flatten(), ignore_index=UNLEARNT, reduction="none").view(labels.shape)
        return losses.sum(1), (labels != UNLEARNT).sum(1)

    @torch.no_grad()
    def item_scores(self, histories: Sequences, users: NDArray[np.int32]) -> Tensor:
        """(B, N) log-probabilities of the items that the search has found; all others stand below them, by how popular they are.

        Where candidates are shown, these are all items: see `candidate_scores`.
        """
        if not self.asking.openly:
            return self.candidate_scores(histories, users, everything(len(histories), len(self.prior))).view(len(histories), len(self.prior))
        scores = []
        for at in range(0, len(histories), self.asking.batch):
            part = np.arange(at, min(at + self.asking.batch, len(histories)))
            scores.append(self._found(self.prompts(histories.take(part), users[part])))
        return torch.cat([*scores, torch.empty(0, len(self.prior))])

    @torch.no_grad()
    def candidate_scores(self, histories: Sequences, users: NDArray[np.int32], candidates: Sequences) -> Tensor:
        """(T,) scores of the candidates of each history, end to end: of its choice among them, its yes to each, or out of all items."""
        if self.asking.openly:
            return self.item_scores(histories, users)[torch.from_numpy(candidates.owners), torch.from_numpy(candidates.values.astype(np.int64))]
        return (verdict_scores if self.asking.item else choice_scores)(self, histories, users, candidates)

    def _found(self, prompts: Sequence[Prompt]) -> Tensor:
        items, totals = self.search(prompts, self.asking.beams)
        lowest = totals.masked_fill(items < 0, 0.0).min(1).values[:, None]
        scores = (lowest - 1 + self.prior.cpu()).to(torch.float64)
        rows, places = (items >= 0).nonzero(as_tuple=True)
        scores[rows, items[rows, places]] = totals[rows, places]
        return scores.float()

    def search(self, prompts: Sequence[Prompt], k: int, *, keep: NDArray[np.bool_] | None = None) -> tuple[Tensor, Tensor]:
        """The k most probable items (B, k) that a beam search finds behind each prompt, -1 where fewer are, and their log-probabilities (B, k).

        keep  (B, N) the items that may be found; None: all
        """
        writing, device = Writing(self.backbone, self._read(prompts)), self.prior.device
        words = torch.tensor(self._marks(), device=device)

        def score(prefixes: Tensor, _: Tensor, parents: Tensor) -> Tensor:
            last = words[prefixes[:, -1].to(device)] if prefixes.shape[1] else self.backbone.starts(len(prefixes), device)[:, 0]
            return self.backbone.logits(writing.on(last, parents.to(device))).float().log_softmax(1)[:, words]

        k = min(k, len(self.prior))
        return beam_search(score, self.trie, rows=len(prompts), beams=max(k, self.asking.beams), k=k, keep=keep)

    @torch.no_grad()
    def unguided(self, prompts: Sequence[Prompt]) -> NDArray[np.int64]:
        """(B,) the item that the most probable words name where any may be written, -1 where they name none: what the tree of `search` saves."""
        writing, trie, device = Writing(self.backbone, self._read(prompts)), self.trie, self.prior.device
        codes, rows = np.full(self.backbone.vocabulary, -1), torch.arange(len(prompts), device=device)
        codes[np.array(self._marks())] = np.arange(trie.vocabulary)
        word, states, named = self.backbone.starts(len(prompts), device)[:, 0], np.zeros(len(prompts), np.int64), np.full(len(prompts), -1)
        while (states >= 0).any():  # at the end of an item nothing leads further
            word = self.backbone.logits(writing.on(word, rows)).argmax(1)
            states = trie.step(states, codes[word.cpu().numpy()])
            named = np.where(trie.item(states) >= 0, trie.item(states), named)
        return named

    @property
    def trie(self) -> Trie:
        """The catalogue as a tree of tokens."""
        if self._trie is None:
            tokens = self.codes.sequences()
            self._trie = Trie(tokens, int(tokens.values.max(initial=0)) + 1)
        return self._trie

    def _marks(self) -> list[int | None]:
        """The words of the model that are tokens of items."""
        return [self.backbone.tokens.number(mark(token)) if self.marked else token for token in range(self.trie.vocabulary)]

    def _read(self, prompts: Sequence[Prompt]) -> Memory:
        layout = lay_out(prompts, self.backbone.tokens, start=self.backbone.tokens.begins, end=True)
        embeds = layout.embed(self.backbone, self.sources)
        if self.words is not None:
            embeds = embeds + self.words(self._numbers(layout))
        return self.backbone.read(embeds, layout.mask(embeds.device))

    def _numbers(self, layout: Layout) -> Tensor:
        """(B, W) the number of the word that each place belongs to, 0 before the first."""
        if not len(self._starts):
            # A blank before it is part of a token that begins a word; an item has one before it, or the blank is a token of its own.
            words = [self.backbone.tokens.word(token) for token in range(self.backbone.tokens.size)]
            self._starts = torch.tensor([word.startswith(BLANKS) for word in words])
            # Elsewhere the blank before an item may be lost: there the item itself begins a word.
            marks = {mark(token) for token in range(self.trie.vocabulary)} if self.backbone.external and self.marked else set()
            self._items = torch.tensor([word in marks for word in words])
        ids = torch.from_numpy(layout.ids)
        items = self._items[ids]
        starts = self._starts[ids] | (items & ~F.pad(items, (1, 0))[:, :-1])
        return starts.to(self.prior.device).long().cumsum(1).clamp(max=WORDS - 1)

    def _targets(self, targets: Sequence[Prompt]) -> Layout:
        # A model that comes trained has its own word for the end of a text.
        end = Text(self.backbone.tokens.word(self.backbone.tokens.end), learn=True)
        ended = [(*target[:-1], end) if target[-1] == Text(END, learn=True) else target for target in targets]
        return lay_out(ended, self.backbone.tokens, start=False)


def user_text(user: int) -> str:
    """A user as a text; strangers, of whom nothing was trained on, are all called the same."""
    return f"user_{user}" if user >= 0 else "somebody"
