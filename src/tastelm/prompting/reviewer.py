"""A writer of items that also tells stars and gives reasons: the same model, asked by other prompts."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from tastelm.data.reviews import Stars
from tastelm.decoding.greedy import greedy
from tastelm.nn.texts import Texts
from tastelm.plm.seq2seq import Seq2SeqLM
from tastelm.plm.tokens import END, Tokens
from tastelm.plm.writing import Writing
from tastelm.prompting.facts import first_words
from tastelm.prompting.teaching import Written
from tastelm.prompting.writer import Asking, ItemWriter, user_text
from tastelm.text.segments import Prompt, Text, plain
from tastelm.text.template import Template

COUNTS = np.arange(1, 6)
# What an item is called that is not in the catalogue.
SOMETHING = "something"


@dataclass(frozen=True)
class NewItems:
    """How opinions are asked for on items that nobody has met in training: they have a page, and no text of their own (Geng et al. 2022, Z-1 to Z-7).

    stars, liking, reason  the templates that ask for stars, for one of the two `words`, and for a sentence
    words                  for a user who likes an item, and for one who does not
    """

    stars: Template
    liking: Template
    reason: Template
    words: tuple[str, str]


@dataclass(frozen=True)
class Opinion:
    """How opinions are asked for.

    stars    the template that asks for the stars of a user and an item
    reason   the one that asks for a sentence, None where none was learnt
    summary  the one that asks for a review in a line
    longest  tokens of a sentence
    new      the same for items of another catalogue
    """

    stars: Template
    reason: Template | None
    summary: Template | None = None
    longest: int = 30
    new: NewItems | None = None


class RatingWriter(ItemWriter):
    """Tells ratings as the mean of one to five stars, each as probable as the model finds the words of its target."""

    scale: Tensor

    def __init__(self, backbone: Seq2SeqLM, items: int, asking: Asking, opinion: Opinion, *, whole_words: bool) -> None:
        super().__init__(backbone, items, asking, whole_words=whole_words)
        self.opinion, self.titles = opinion, Texts()
        # The lowest and the highest rating of training.
        self.register_buffer("scale", torch.tensor([1.0, 5.0]))
        self._called: list[str] = []

    def know(self, scale: Stars, titles: Sequence[str]) -> None:
        """Take over the scale of ratings, and what people call the N items ("" for nothing)."""
        self.scale.copy_(torch.tensor([scale.low, scale.high]))
        self.titles.write(titles)
        self._called = []

    def ratings(self, users: NDArray[np.int32], items: NDArray[np.int32]) -> Tensor:
        """(B,) the rating that each user would give, on the scale of the data; -1 stands for strangers."""
        stars = self.stars(self.opinions(self.opinion.stars, users, items), self.opinion.stars)
        return self.scale[0] + (stars - 1) / 4 * (self.scale[1] - self.scale[0])

    @torch.no_grad()
    def stars(self, prompts: Sequence[Prompt], template: Template) -> Tensor:
        """(B,) the mean stars behind each prompt, if the answer is the target of `template`, such as one about an item of another catalogue."""
        targets = [(*template.render_target({"stars": int(count)}), Text(END, learn=True)) for count in COUNTS]
        found = [self.scale.new_empty(0)]
        for at in range(0, len(prompts), self.asking.batch):
            chances = self.likelihoods(prompts[at : at + self.asking.batch], targets).softmax(1)
            found.append(chances @ torch.from_numpy(COUNTS).to(chances))
        return torch.cat(found)

    def page_stars(self, users: NDArray[np.int32], pages: Sequence[Mapping[str, str]]) -> Tensor:
        """(B,) stars of items by what their pages say; -1 stands for strangers."""
        return self.stars(_asked_by_page(self._new.stars, users, pages), self._new.stars)

    def page_likings(self, users: NDArray[np.int32], pages: Sequence[Mapping[str, str]]) -> Tensor:
        """(B,) log p(like) - log p(dislike) of items by what their pages say; -1 stands for strangers."""
        template, found = self._new.liking, [self.scale.new_empty(0)]
        targets = [(*template.render_target({"answer": word}), Text(END, learn=True)) for word in self._new.words]
        prompts = _asked_by_page(template, users, pages)
        for at in range(0, len(prompts), self.asking.batch):
            said = self.likelihoods(prompts[at : at + self.asking.batch], targets)
            found.append(said[:, 0] - said[:, 1])
        return torch.cat(found)

    @property
    def _new(self) -> NewItems:
        assert self.opinion.new is not None
        return self.opinion.new

    def opinions(self, template: Template, users: NDArray[np.int32], items: NDArray[np.int32]) -> list[Prompt]:
        """What is read when the opinion of each user on an item is asked for."""
        return [template.render_source(self._record(int(user), int(item))) for user, item in zip(users, items, strict=True)]

    def _record(self, user: int, item: int) -> dict[str, Any]:
        who, known = user_text(user), item >= 0
        called = self._titles()[item] if known else ""
        return {"user": who, "name": who, "item": self.item_text(item) if known else SOMETHING, "title": called or SOMETHING}

    def _titles(self) -> list[str]:
        if not self._called:
            self._called = self.titles.texts()
        return self._called


class SentenceWriter(RatingWriter):
    """Writes free words too, greedily."""

    @torch.no_grad()
    def sentences(self, prompts: Sequence[Prompt]) -> list[str]:
        """What the model writes behind each prompt: the most probable token, one after the other, up to the one that ends a text."""
        return [text for at in range(0, len(prompts), self.asking.batch) for text in self._written(prompts[at : at + self.asking.batch])]

    def _written(self, prompts: Sequence[Prompt]) -> list[str]:
        backbone, writing = self.backbone, Writing(self.backbone, self._read(prompts))
        rows = torch.arange(len(prompts), device=self.prior.device)

        def step(token: Tensor) -> Tensor:
            return backbone.logits(writing.on(token, rows))

        first = step(backbone.starts(len(prompts), self.prior.device)[:, 0])
        return [backbone.tokens.decode(row).strip() for row in greedy(first, step, end=backbone.tokens.end, longest=self.opinion.longest)]


class ReasonWriter(SentenceWriter):
    """Gives reasons.

    learnt_from  what its tokenizer was learnt from
    """

    learnt_from = "the templates and the training texts"

    @property
    def tokens(self) -> Tokens:
        """Its tokenizer."""
        return self.backbone.tokens

    def explain(self, users: NDArray[np.int32], items: NDArray[np.int32]) -> list[str]:
        """A reason for each of B pairs; -1 stands for strangers."""
        assert self.opinion.reason is not None
        return self.sentences(self.opinions(self.opinion.reason, users, items))

    @torch.no_grad()
    def foresee(self, users: NDArray[np.int32], items: NDArray[np.int32], texts: Sequence[str]) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
        """Of each of B sentences, as the answer to what `explain` asks, its negative log-likelihood in nats and its tokens; both of what ends it too."""
        assert self.opinion.reason is not None
        slot, prompts = self.opinion.reason.only_slot("target", "text"), self.opinions(self.opinion.reason, users, items)
        targets = [(*self.opinion.reason.render_target({slot: text}), Text(END, learn=True)) for text in texts]
        lengths = np.array([len(ids) for ids in self.tokens.encode_all([plain(target) for target in targets])], np.int64)
        found = [np.empty(0)]
        for at in range(0, len(texts), self.asking.batch):
            part = slice(at, at + self.asking.batch)
            found.append(self.nll(Written(prompts[part], targets[part])).double().cpu().numpy() * lengths[part])
        return np.concatenate(found), lengths

    @property
    def reads_features(self) -> bool:
        """Whether the prompt about a new item says what the reason is to be about."""
        return "feature" in self._new.reason.slots

    def page_reasons(self, users: NDArray[np.int32], pages: Sequence[Mapping[str, str]]) -> list[str]:
        """A reason for each of B users and items, by what the pages of these say; the stars that it goes with are foreseen too."""
        stars = self.page_stars(users, pages).round().int().tolist()
        return self.sentences(_asked_by_page(self._new.reason, users, [{**page, "stars": count} for page, count in zip(pages, stars, strict=True)]))


class SummaryWriter(SentenceWriter):
    """Says what people wrote in a line."""

    def summaries(self, users: NDArray[np.int32], reviews: Sequence[str]) -> list[str]:
        """The reviews of B users in a line each; -1 stands for strangers."""
        assert self.opinion.summary is not None
        who = [user_text(int(user)) for user in users]
        records = [{"user": one, "name": one, "review": first_words(review)} for one, review in zip(who, reviews, strict=True)]
        return self.sentences([self.opinion.summary.render_source(record) for record in records])


class ReasonAndSummaryWriter(ReasonWriter, SummaryWriter):
    """Does both."""


def _asked_by_page(template: Template, users: NDArray[np.int32], pages: Sequence[Mapping[str, Any]]) -> list[Prompt]:
    """What is read when the opinion of each user on an item is asked for, of which the page is known."""
    return [template.render_source({**page, "user": user_text(int(user))}) for user, page in zip(users, pages, strict=True)]
