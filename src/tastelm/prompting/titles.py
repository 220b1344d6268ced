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
from tastelm.text.segments import Asked, Prompt, plain
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
    others      further templates: the score is the mean of the normalised ones of all

    The prompt and the title are tokenised apart, the title with what stands before it in the template: all candidates share the tokens of
    the prompt, and no title is taken for longer or shorter than it is.
    """

    together = False

    def __init__(
        self, backbone: CausalLM, template: Template, *, showing: Showing, normaliser: Normaliser, batch: int, others: Sequence[Template] = ()
    ) -> None:
        super().__init__()
        self.backbone, self.titles = backbone, Texts()
        self.template, self.templates = template, (template, *others)
        self.showing, self.normaliser, self.batch = showing, normaliser, batch
        self._names: list[str] | None = None
        self._title_tokens: list[list[list[int]]] = []
        self._prior: NDArray[np.float64] = np.empty((0, 0))

    def prompts(self, histories: Sequences, users: NDArray[np.int32]) -> list[Prompt]:
        """What the model is given for each history, by the first template; nobody's identity is used."""
        return self._prompts(self.template, histories)

    def asked(self, history: NDArray[np.integer], candidates: NDArray[np.integer]) -> Asked:
        """The prompt, and the titles of the candidates as they stand behind it."""
        (prompt,), slot, names = self._prompts(self.template, Sequences.of([history])), title_slot(self.template), self._read()
        return Asked(prompt, [plain(self.template.render_target({slot: names[code]})) for code in candidates.tolist()], len(self.templates))

    def item_scores(self, histories: Sequences, users: NDArray[np.int32]) -> Tensor:
        """(B, N) scores of every item; nobody's identity is used."""
        items = len(self._read())
        return self.candidate_scores(histories, users, everything(len(histories), items)).view(len(histories), items)

    @torch.no_grad()
    def candidate_scores(self, histories: Sequences, users: NDArray[np.int32], candidates: Sequences) -> Tensor:
        """(T,) scores of the candidates of each history, end to end."""
        self._read()
        return torch.stack([self._scores(which, histories, candidates) for which in range(len(self.templates))]).mean(0)

    def _scores(self, which: int, histories: Sequences, candidates: Sequences) -> Tensor:
        """(T,) normalised scores by one of the templates."""
        likelihoods = torch.cat([*self._likelihoods(which, histories, candidates), torch.empty(0)])
        codes = candidates.values
        if self.normaliser == "mean":
            return likelihoods / torch.tensor([len(self._title_tokens[which][code]) for code in codes])
        if self.normaliser == "prior":
            return likelihoods - torch.from_numpy(self._priors(which, codes)).to(likelihoods.dtype)
        return likelihoods

    def _prompts(self, template: Template, histories: Sequences) -> list[Prompt]:
        names, slot = self._read(), history_slot(template)
        return [template.render_source({slot: [names[code] for code in self.showing(row)]}) for row in histories]

    def _likelihoods(self, which: int, histories: Sequences, candidates: Sequences) -> Iterator[Tensor]:
        everyone, tokens, prompts = _same_for_all(candidates), self._title_tokens[which], self._prompts(self.templates[which], histories)
        shared = None if everyone is None else [tokens[code] for code in everyone]
        for at in range(0, len(prompts), self.batch):
            layout = lay_out(prompts[at : at + self.batch], self.backbone.tokens, longest=self.backbone.context)
            reading = self.backbone.read(layout.embed(self.backbone, {}), layout.mask(self.backbone.digest.device))
            own = range(at, min(at + self.batch, len(prompts)))
            rows = [shared if shared is not None else [tokens[code] for code in candidates[row]] for row in own]
            yield from log_likelihoods(self.backbone, reading, rows)

    def _priors(self, which: int, codes: NDArray[np.integer]) -> NDArray[np.float64]:
        """(T,) log-likelihoods of titles behind the prompt of somebody without a history; each title is asked for once."""
        prior = self._prior[which]
        missing = np.unique(codes[np.isnan(prior[codes])])
        if len(missing):
            prior[missing] = next(iter(self._likelihoods(which, Sequences.of([[]]), Sequences.of([missing])))).double().numpy()
        found: NDArray[np.float64] = prior[codes]
        return found

    def _read(self) -> list[str]:
        """The titles; they are tokenised once they are there."""
        if self._names is None:
            names = self.titles.texts()
            slots = [(template, title_slot(template)) for template in self.templates]
            spelled = [[plain(template.render_target({slot: name})) for name in names] for template, slot in slots]
            self._title_tokens = [self.backbone.tokens.encode_all(titles) for titles in spelled]
            self._prior, self._names = np.full((len(self.templates), len(names)), np.nan), names
        return self._names


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
