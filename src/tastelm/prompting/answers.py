"""Items ranked by the answers of a language model: yes or no for each, or the letter of one among several."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from string import ascii_uppercase

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional as F

from tastelm.data.sequences import Sequences
from tastelm.errors import SettingError
from tastelm.nn.texts import Texts
from tastelm.plm.causal import CausalLM, Reading
from tastelm.prompting.catalogue import everything, log_popularity
from tastelm.prompting.layout import UNLEARNT, lay_out
from tastelm.prompting.likelihood import log_likelihoods
from tastelm.prompting.teaching import Written
from tastelm.prompting.titles import Showing
from tastelm.text.segments import Prompt, Slot, Text, joined, plain
from tastelm.text.template import Template

YES, NO = "Yes", "No"
# Below every mean log-probability of a letter that a float can hold.
LOWEST = -1e4


class Answerer(nn.Module):
    """What the two ways to ask share: the titles, the prior, reading and learning.

    prior    (N,) what is ranked where nothing is asked: the log of how often an item was met in training
    batch    prompts that are read together
    """

    prior: Tensor

    def __init__(self, backbone: CausalLM, template: Template, items: int, *, showing: Showing, batch: int) -> None:
        super().__init__()
        self.backbone, self.titles = backbone, Texts()
        self.template, self.showing, self.batch = template, showing, batch
        self.register_buffer("prior", torch.zeros(items))
        self._names: list[str] = []

    def know(self, titles: Sequence[str], popularity: NDArray[np.int64]) -> None:
        """Take over the titles of N items, and how often each was met in training."""
        self.titles.write(titles)
        self._names = []
        self.prior.copy_(torch.from_numpy(log_popularity(popularity)))

    @property
    def names(self) -> list[str]:
        """(N,) the titles."""
        if not self._names:
            self._names = self.titles.texts()
        return self._names

    def nll(self, batch: Written) -> Tensor:
        """(B,) the mean negative log-likelihood of the tokens of each target behind its source."""
        prompts = [joined((*source, *target)) for source, target in zip(batch.sources, batch.targets, strict=True)]
        layout = lay_out(prompts, self.backbone.tokens, longest=self.backbone.context)
        states = self.backbone(layout.embed(self.backbone, {}), layout.mask(self.prior.device))
        labels = torch.from_numpy(layout.labels[:, 1:].copy()).to(states.device)
        # Only what is learnt is spread over the vocabulary: most places are not.
        learnt = labels != UNLEARNT
        losses = F.cross_entropy(self.backbone.logits(states[:, :-1][learnt]), labels[learnt], reduction="none")
        rows = learnt.nonzero()[:, 0]
        return losses.new_zeros(len(labels)).index_add(0, rows, losses) / learnt.sum(1)

    def item_scores(self, histories: Sequences, users: NDArray[np.int32]) -> Tensor:
        """(B, N) scores of every item; nobody's identity is used."""
        items = len(self.prior)
        return self.candidate_scores(histories, users, everything(len(histories), items)).view(len(histories), items)

    def candidate_scores(self, histories: Sequences, users: NDArray[np.int32], candidates: Sequences) -> Tensor:
        """(T,) scores of the candidates of each history, end to end."""
        raise NotImplementedError

    def shown(self, history: NDArray[np.integer]) -> list[str]:
        """Titles of what a prompt shows of a history."""
        return [self.names[code] for code in self.showing(history)]

    def read(self, prompts: Sequence[Prompt]) -> Reading:
        """Prompts as the model has read them."""
        layout = lay_out(prompts, self.backbone.tokens, longest=self.backbone.context)
        return self.backbone.read(layout.embed(self.backbone, {}), layout.mask(self.prior.device))

    def answer(self, word: str) -> str:
        """A word as the target of the template writes it."""
        slot = next(segment.name for segment in self.template.target_prompt if isinstance(segment, Slot))
        return plain(self.template.render_target({slot: word}))

    def slot(self, kind: str) -> str:
        """The slot of a kind in the source of the template. Raises SettingError if it has none, or several."""
        found = [segment.name for segment in self.template.source_prompt if isinstance(segment, Slot) and segment.kind == kind]
        if len(found) != 1:
            raise SettingError(f"template '{self.template.name}' does not fit: its source must hold one slot of the kind {kind}, not {len(found)}.")
        return found[0]


class YesOrNo(Answerer):
    """s(u, i) = log p(Yes | prompt(u, i)) - log p(No | prompt(u, i)) (Bao et al. 2023, TALLRec).

    What a prompt holds before the item is read once for a history; the item, and what stands behind it, follows for each candidate.
    """

    def prompts(self, histories: Sequences, users: NDArray[np.int32]) -> list[Prompt]:
        """What is read once for each history: the prompt up to the item."""
        return [self._around(history)[0] for history in histories]

    @torch.no_grad()
    def candidate_scores(self, histories: Sequences, users: NDArray[np.int32], candidates: Sequences) -> Tensor:
        """(T,) scores of the candidates of each history, end to end."""
        scores = [torch.empty(0)]
        for at in range(0, len(histories), self.batch):
            rows = range(at, min(at + self.batch, len(histories)))
            around = [self._around(histories[row]) for row in rows]
            endings = [[f"{before}{self.names[code]}{behind}" for code in candidates[row]] for row, (_, before, behind) in zip(rows, around, strict=True)]
            spoken = [self.backbone.tokens.encode_all([ending + self.answer(word) for ending in texts for word in (YES, NO)]) for texts in endings]
            for values in log_likelihoods(self.backbone, self.read([prompt for prompt, _, _ in around]), spoken):
                scores.append(values[0::2] - values[1::2])
        return torch.cat(scores)

    def _around(self, history: NDArray[np.integer]) -> tuple[Prompt, str, str]:
        """The prompt up to the item, less the blank or line that ends it, which belongs to the item's tokens; that blank; what stands behind."""
        item, mark = self.slot("item"), "\0"
        text = plain(self.template.render_source({self.slot("history"): self.shown(history), item: mark}))
        before, behind = text.split(mark)
        kept = before.rstrip()
        return (Text(kept),), before[len(kept) :], behind


class Letters(Answerer):
    """s(u, i) = mean over shuffles of log p(letter of i | prompt with the candidates in that order).

    The candidates of a history that stand highest by the prior, up to `window` of them, are put into one prompt; all others stay below
    them, in the order of the prior. A model that likes the first letter likes another item in every shuffle (Hou et al. 2024, LLMRank).
    """

    def __init__(self, backbone: CausalLM, template: Template, items: int, *, showing: Showing, batch: int, window: int, shuffles: int) -> None:
        super().__init__(backbone, template, items, showing=showing, batch=batch)
        self.window, self.shuffles = window, shuffles

    def prompts(self, histories: Sequences, users: NDArray[np.int32]) -> list[Prompt]:
        """What is given for each history, with the items that the prior likes best as candidates."""
        best = self.prior.topk(min(self.window, len(self.prior))).indices.cpu().numpy()
        return [self._prompt(history, best) for history in histories]

    @torch.no_grad()
    def candidate_scores(self, histories: Sequences, users: NDArray[np.int32], candidates: Sequences) -> Tensor:
        """(T,) scores of the candidates of each history, end to end."""
        prior, fair = self.prior.cpu().numpy(), np.random.default_rng(0).permutation(len(self.prior))
        # Whoever is asked about is above whoever is not: log-probabilities of letters are finite, and the prior is below 0.
        scores = [prior[row].astype(np.float64) + LOWEST for row in candidates]
        # Of equally popular candidates neither the code nor the place decides which are shown.
        chosen = [np.lexsort((fair[row], -prior[row]))[: self.window] for row in candidates]
        for row, places in enumerate(chosen):
            scores[row][places] = 0.0
        jobs = list(self._orders(chosen, candidates))
        for at in range(0, len(jobs), self.batch):
            part = jobs[at : at + self.batch]
            prompts = [self._prompt(histories[row], candidates[row][order]) for row, order in part]
            letters = [[self.backbone.tokens.encode(self.answer(letter)) for letter in ascii_uppercase[: len(order)]] for _, order in part]
            for (row, order), values in zip(part, log_likelihoods(self.backbone, self.read(prompts), letters), strict=True):
                scores[row][order] += values.log_softmax(0).double().numpy() / self.shuffles
        return torch.from_numpy(np.concatenate([*scores, np.empty(0)])).float()

    def _orders(self, chosen: Sequence[NDArray[np.int64]], candidates: Sequences) -> Iterator[tuple[int, NDArray[np.int64]]]:
        """(row, places in the order in which they are shown), for every shuffle. It follows the candidates, not the order they came in."""
        for row, places in enumerate(chosen):
            codes = candidates[row][places]
            rng, sorted_places = np.random.default_rng(np.sort(codes).astype(np.uint32)), places[np.argsort(codes, kind="stable")]
            for _ in range(self.shuffles):
                yield row, rng.permutation(sorted_places)

    def _prompt(self, history: NDArray[np.integer], codes: NDArray[np.integer]) -> Prompt:
        return self.template.render_source({self.slot("history"): self.shown(history), self.slot("candidates"): [self.names[code] for code in codes]})
