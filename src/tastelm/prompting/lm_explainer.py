"""Explanations by a causal language model, behind prompts of vectors, of features, or of nothing (Li et al. 2023, PEPLER)."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional as F

from tastelm.data.explanations import Explanations
from tastelm.errors import DataError, SettingError
from tastelm.nn.ids import IdTable
from tastelm.plm.causal import CausalLM
from tastelm.plm.greedy import write_greedily
from tastelm.plm.tokens import Tokens
from tastelm.prompting.explainer import Explains, Rates, Writing
from tastelm.prompting.feature_words import FeatureWords
from tastelm.prompting.layout import lay_out
from tastelm.prompting.learnt import learnt_nll
from tastelm.prompting.lessons import slots_of
from tastelm.prompting.reasons import Reasoned
from tastelm.text.segments import Kind, Prompt, Text, plain
from tastelm.text.template import Template


class LMExplainer(Explains):
    """A language model that writes the target of a template behind nothing at all: the same sentence for everybody. Others put a prompt before it.

    A row holds the token that begins a text, the prompt, the sentence and the token that ends a text; the last two are learnt.
    Raises SettingError for a template whose target is not one text.
    """

    def __init__(self, backbone: CausalLM, template: Template, items: int, writing: Writing) -> None:
        super().__init__(items, writing)
        self.backbone, self.template, self.prompt = backbone, template, nn.ModuleDict()
        self._reason = template.only_slot("target", "text")

    @property
    def tokens(self) -> Tokens:
        return self.backbone.tokens

    def bare(self) -> LMExplainer:
        """The same language model without its prompts."""
        return LMExplainer(self.backbone, self.template, len(self.prior), self.writing)

    def sources(self, users: NDArray[np.int32], items: NDArray[np.int32], own: Sequence[str] = ()) -> list[Prompt]:
        """What stands before the sentence of each of B pairs; `own` as in a batch, none for pairs that were not trained on."""
        return [()] * len(users)

    def words(self, told: Explanations) -> list[str]:
        """The texts that a tokenizer is to be learnt from: sentences as the template writes them, and features."""
        return [*(plain(self._target(text)) for text in told.texts), *sorted(set(told.features) - {""})]

    def targets(self, texts: Sequence[str]) -> list[Prompt]:
        """B sentences as they are to be written, none longer than may be."""
        whole = [self._target(text) for text in texts]
        ids = self.tokens.encode_all([plain(target) for target in whole])
        cut = self.writing.longest
        return [target if len(row) <= cut else (Text(self.tokens.decode(row[:cut]), learn=True),) for target, row in zip(whole, ids, strict=True)]

    def lengths(self, texts: Sequence[str]) -> NDArray[np.int64]:
        return np.array([len(ids) + 1 for ids in self.tokens.encode_all([plain(target) for target in self.targets(texts)])], np.int64)

    def nll(self, batch: Reasoned) -> Tensor:
        sources = self.sources(batch.users, batch.items, batch.own)
        rows = [(*source, *target) for source, target in zip(sources, self.targets(batch.texts), strict=True)]
        return learnt_nll(self.backbone, lay_out(rows, self.tokens, end=True, longest=self.backbone.context), self.prompt)

    def write(self, users: NDArray[np.int32], items: NDArray[np.int32]) -> list[list[int]]:
        layout = lay_out(self.sources(users, items), self.tokens, longest=self.backbone.context)
        return write_greedily(self.backbone, layout.embed(self.backbone, self.prompt), layout.mask(self.prior.device), longest=self.writing.longest)

    def _target(self, text: str) -> Prompt:
        return self.template.render_target({self._reason: text})

    def _slots(self, *kinds: Kind) -> list[str]:
        """The slots of the source, one of each kind and no other. Raises SettingError for a template of another form."""
        found = slots_of(self.template, self.template.source_prompt)
        if found.keys() != set(kinds):
            raise SettingError(f"template '{self.template.name}' does not fit: its source must hold slots of the kinds {', '.join(kinds)} and no other.")
        return [found[kind] for kind in kinds]


class FeaturePrompted(LMExplainer):
    """Behind the features of the user and of the item.

    room  tokens of a prompt; of the features as many are told as fit, the first in any case
    """

    def __init__(self, backbone: CausalLM, template: Template, users: int, items: int, writing: Writing, *, room: int) -> None:
        super().__init__(backbone, template, items, writing)
        self.features, self.room, self._users, self._slot = FeatureWords(), room, users, self._slots("feature")[0]
        self._sizes: dict[str, int] = {}

    def know(self, told: Explanations, popularity: NDArray[np.int64]) -> None:
        super().know(told, popularity)
        self.features.know(told, self._users, len(self.prior))

    def sources(self, users: NDArray[np.int32], items: NDArray[np.int32], own: Sequence[str] = ()) -> list[Prompt]:
        left_out = own or ("",) * len(users)
        chosen = (self.features.chosen(int(user), int(item), without) for user, item, without in zip(users, items, left_out, strict=True))
        return [self.template.render_source({self._slot: " ".join(self._fitting(names))}) for names in chosen]

    def _fitting(self, names: Sequence[str]) -> Sequence[str]:
        for name in names:
            if name not in self._sizes:
                self._sizes[name] = len(self.tokens.encode(f" {name}"))
        ends = np.cumsum([self._sizes[name] for name in names])
        return names[: max(1, int(np.searchsorted(ends, self.room, side="right")))]


class VectorPrompted(LMExplainer):
    """Behind a vector of the user and one of the item, which are the group `prompt`."""

    def __init__(self, backbone: CausalLM, template: Template, users: int, items: int, writing: Writing) -> None:
        super().__init__(backbone, template, items, writing)
        self._user, self._item = self._slots("user", "item")
        self.prompt.update({"user": IdTable(users, backbone.width), "item": IdTable(items, backbone.width)})

    @torch.no_grad()
    def begin_with_words(self, told: Explanations) -> None:
        """Let each vector begin at the mean of the model's own vectors of the features that explanations of its user, or item, are about, and as long
        as those of words are; where there are none, at that of all features. Raises DataError if no explanation is about a feature."""
        kept = np.array([row for row, feature in enumerate(told.features) if feature], np.int64)
        if not len(kept):
            raise DataError("no explanation of the training part is about a feature, so vectors cannot begin at words. Use begin=random.")
        names, codes = np.unique([told.features[row] for row in kept], return_inverse=True)
        place = next(self.backbone.parameters()).device  # a stage may have brought the model elsewhere, and not the vectors
        ids = [torch.tensor(row, device=place) for row in self.tokens.encode_all([f" {name}" for name in names.tolist()])]
        words = torch.stack([self.backbone.embed(row).float().mean(0) for row in ids])[torch.from_numpy(codes)]
        for name, owners in (("user", told.users), ("item", told.items)):
            rows, table = torch.from_numpy(owners[kept].astype(np.int64)).to(words.device), self.prompt[name].get_parameter("weight")
            counts = torch.bincount(rows, minlength=len(table)).clamp(min=1)[:, None]
            means = torch.zeros(table.shape, device=words.device).index_add_(0, rows, words) / counts
            means[means.square().sum(1) == 0] = words.mean(0)
            table.copy_(F.normalize(means) * words.norm(dim=1).mean())

    def sources(self, users: NDArray[np.int32], items: NDArray[np.int32], own: Sequence[str] = ()) -> list[Prompt]:
        vectors = {self._user: "user", self._item: "item"}
        pairs = zip((users + 1).tolist(), (items + 1).tolist(), strict=True)
        return [self.template.render_source({self._user: user, self._item: item}, vectors=vectors) for user, item in pairs]


class RatingVectorPrompted(Rates, VectorPrompted):
    """One whose vectors also tell ratings, by `rater`: (B, D) users and (B, D) items -> (B,)."""

    def __init__(self, backbone: CausalLM, template: Template, users: int, items: int, writing: Writing, *, rater: nn.Module) -> None:
        VectorPrompted.__init__(self, backbone, template, users, items, writing)
        self.rater = rater

    def rated(self, users: NDArray[np.int32], items: NDArray[np.int32]) -> Tensor:
        predicted: Tensor = self.rater(self.prompt["user"](self.rows(users)), self.prompt["item"](self.rows(items)))
        return predicted
