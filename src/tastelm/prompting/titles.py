"""Items scored by how likely a language model finds their titles behind a prompt that lists those of a history."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from tastelm.data.sequences import Sequences
from tastelm.nn.texts import Texts
from tastelm.plm.causal import CausalLM
from tastelm.prompting.catalogue import everything
from tastelm.prompting.layout import lay_out
from tastelm.prompting.likelihood import Normaliser, log_likelihoods
from tastelm.text.segments import Prompt, plain
from tastelm.text.template import Template

Order = Literal["oldest-first", "newest-first", "shuffled"]


@dataclass(frozen=True)
class Showing:
    """How a history is shown: at most `count` of its newest items, in an order; a shuffle is the same for the same items."""

    count: int
    order: Order = "oldest-first"

    def __call__(self, history: NDArray[np.integer]) -> NDArray[np.integer]:
        """The items of a history that are shown, in order."""
        shown = history[-self.count :] if self.count else history[:0]
        if self.order == "shuffled":
            return np.random.default_rng(np.sort(shown).astype(np.uint32)).permutation(np.sort(shown))
        return shown[::-1] if self.order == "newest-first" else shown


class TitleLikelihood(nn.Module):
    """s(u, i) = sum_j log p(w_ij | prompt(u), w_i,<j) over the tokens w_i of an item's title (Sileo et al. 2022).

    normaliser  `sum` is s; `mean` divides it by the number of tokens; `prior` takes off what the title has behind the same prompt without
                any history, so that what is likely anywhere counts for nothing
    batch       prompts that are read together

    The prompt and the title are tokenised apart, the title with what stands before it in the template: all candidates share the tokens of
    the prompt, and no title is taken for longer or shorter than it is.
    """

    def __init__(self, backbone: CausalLM, template: Template, *, showing: Showing, normaliser: Normaliser, batch: int) -> None:
        super().__init__()
        self.backbone, self.titles = backbone, Texts()
        self.template, self.showing, self.normaliser, self.batch = template, showing, normaliser, batch
        self._names: list[str] | None = None
        self._title_tokens: list[list[int]] = []
        self._prior: NDArray[np.float64] = np.empty(0)

    def prompts(self, histories: Sequences, users: NDArray[np.int32]) -> list[Prompt]:
        """What the model is given for each history; nobody's identity is used."""
        self._read()
        assert self._names is not None
        names = self._names
        return [self.template.render_source({history_slot(self.template): [names[code] for code in self.showing(row)]}) for row in histories]

    def item_scores(self, histories: Sequences, users: NDArray[np.int32]) -> Tensor:
        """(B, N) scores of every item; nobody's identity is used."""
        self._read()
        items = len(self._title_tokens)
        return self.candidate_scores(histories, users, everything(len(histories), items)).view(len(histories), items)

    @torch.no_grad()
    def candidate_scores(self, histories: Sequences, users: NDArray[np.int32], candidates: Sequences) -> Tensor:
        """(T,) scores of the candidates of each history, end to end."""
        self._read()
        likelihoods = torch.cat([*self._likelihoods(self.prompts(histories, users), candidates), torch.empty(0)])
        codes = candidates.values
        if self.normaliser == "mean":
            return likelihoods / torch.tensor([len(self._title_tokens[code]) for code in codes])
        if self.normaliser == "prior":
            return likelihoods - torch.from_numpy(self._priors(codes)).to(likelihoods.dtype)
        return likelihoods

    def _likelihoods(self, prompts: Sequence[Prompt], candidates: Sequences) -> Iterator[Tensor]:
        everyone = _same_for_all(candidates)
        shared = None if everyone is None else [self._title_tokens[code] for code in everyone]
        for at in range(0, len(prompts), self.batch):
            layout = lay_out(prompts[at : at + self.batch], self.backbone.tokens, longest=self.backbone.context)
            reading = self.backbone.read(layout.embed(self.backbone, {}), layout.mask(self.backbone.digest.device))
            own = range(at, min(at + self.batch, len(prompts)))
            rows = [shared if shared is not None else [self._title_tokens[code] for code in candidates[row]] for row in own]
            yield from log_likelihoods(self.backbone, reading, rows)

    def _priors(self, codes: NDArray[np.integer]) -> NDArray[np.float64]:
        """(T,) log-likelihoods of titles behind the prompt of somebody without a history; each title is asked for once."""
        missing = np.unique(codes[np.isnan(self._prior[codes])])
        if len(missing):
            nobody = self.prompts(Sequences.of([[]]), np.full(1, -1, np.int32))
            self._prior[missing] = next(iter(self._likelihoods(nobody, Sequences.of([missing])))).double().numpy()
        found: NDArray[np.float64] = self._prior[codes]
        return found

    def _read(self) -> None:
        """Tokenise the titles, once they are there."""
        if self._names is None:
            self._names = self.titles.texts()
            slot = title_slot(self.template)
            self._title_tokens = self.backbone.tokens.encode_all([plain(self.template.render_target({slot: name})) for name in self._names])
            self._prior = np.full(len(self._names), np.nan)


def history_slot(template: Template) -> str:
    """The one slot of a template that a history goes into. Raises SettingError for a template of another form."""
    return template.only_slot("source", "history")


def title_slot(template: Template) -> str:
    """The one slot of a template that the item asked about goes into, in its target. Raises SettingError for a template of another form."""
    return template.only_slot("target", "item")


def _same_for_all(candidates: Sequences) -> NDArray[np.integer] | None:
    """The candidates, where every history has the same."""
    lengths = candidates.lengths
    if len(lengths) < 2 or (lengths != lengths[0]).any():
        return None
    table = candidates.values.reshape(len(lengths), -1)
    return table[0] if (table == table[0]).all() else None
