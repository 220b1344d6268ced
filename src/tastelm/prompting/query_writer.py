"""Search queries that a language model writes behind the titles of a history (Li et al. 2023, GPT4Rec)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from torch import Tensor, nn

from tastelm.data.sequences import Sequences
from tastelm.objectives.base import Outcome
from tastelm.plm.beams import write_by_beams
from tastelm.plm.causal import CausalLM
from tastelm.prompting.layout import lay_out
from tastelm.prompting.learnt import learnt_nll
from tastelm.prompting.teaching import Written
from tastelm.prompting.title_search import Searching, TitleSearch
from tastelm.prompting.titles import Showing, history_slot
from tastelm.text.bm25 import words_of
from tastelm.text.segments import Prompt, joined
from tastelm.text.template import Template


@dataclass(frozen=True)
class Querying:
    """How queries are written.

    showing  what the prompt shows of a history
    beams    queries of a history: as many as a beam search finds
    longest  tokens of a query
    """

    showing: Showing
    beams: int
    longest: int


class QueryWriter(TitleSearch):
    """Searches the titles with the most probable continuations of a prompt. It learns to continue by the title of the next item."""

    def __init__(self, backbone: CausalLM, template: Template, items: int, searching: Searching, querying: Querying) -> None:
        super().__init__(items, searching)
        self.backbone, self.template, self.querying = backbone, template, querying

    def prompts(self, histories: Sequences, users: NDArray[np.int32]) -> list[Prompt]:
        """What is read for each history; nobody's identity is used."""
        slot = history_slot(self.template)
        return [self.template.render_source({slot: [self.names[code] for code in self.querying.showing(history)]}) for history in histories]

    def queries(self, histories: Sequences) -> list[list[str]]:
        known = np.flatnonzero(histories.lengths > 0)
        found: list[list[str]] = [[] for _ in range(len(histories))]
        if len(known):
            asked = self.written(self.prompts(histories.take(known), np.full(len(known), -1, np.int32)))
            for row, texts in zip(known, asked, strict=True):
                found[row] = texts
        return found

    def written(self, prompts: Sequence[Prompt]) -> list[list[str]]:
        """The queries that are written behind each prompt, the most probable first; what is without a word asks for nothing and is left out."""
        tokens, asking = self.backbone.tokens, self.querying
        layout = lay_out(prompts, tokens, longest=self.backbone.context)
        embeds, mask = layout.embed(self.backbone, {}), layout.mask(self.prior.device)
        found, _ = write_by_beams(self.backbone, embeds, mask, longest=asking.longest, beams=asking.beams)
        spoken = ([tokens.decode(text).strip() for text in texts] for texts in found)
        return [[query for query in queries if words_of(query)] for queries in spoken]

    def nll(self, batch: Written) -> Tensor:
        """(B,) the mean negative log-likelihood of the tokens of each query, the one that ends it among them."""
        return self.whole_nll(batch)[0]

    def whole_nll(self, batch: Written) -> tuple[Tensor, Tensor]:
        """`nll`, and (B,) of how many tokens it is the mean."""
        prompts = [joined((*source, *target)) for source, target in zip(batch.sources, batch.targets, strict=True)]
        layout = lay_out(prompts, self.backbone.tokens, end=True, longest=self.backbone.context)
        losses = learnt_nll(self.backbone, layout, {})
        return losses, losses.new_tensor(layout.learn.sum(1))


@dataclass(frozen=True)
class WriteQueries:
    """L = -1/B sum_b sum_t log p(w_bt | x_b, w_b,<t) over the tokens w_b of the title of the next item behind the history x_b (Li et al. 2023).

    A sum over the tokens, not their mean: the loss is that of an item, however its title is cut into tokens.
    """

    def __call__(self, module: nn.Module, batch: Written, rng: np.random.Generator) -> Outcome:
        losses, tokens = module.whole_nll(batch)  # type: ignore[operator]
        return Outcome((losses * tokens).mean(), len(losses))
