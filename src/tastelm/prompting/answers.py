"""Items ranked by the answers of a language model: yes or no for each, or the letter of one among several."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from string import ascii_uppercase

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional as F

from tastelm.data.sequences import Sequences
from tastelm.errors import SettingError
from tastelm.plm.causal import CausalLM, Reading
from tastelm.plm.deep_prefix import DeepPrefix
from tastelm.plm.port import Prefix
from tastelm.prompting.asking import Asker
from tastelm.prompting.layout import UNLEARNT, lay_out
from tastelm.prompting.likelihood import log_likelihoods
from tastelm.prompting.panels import Panel
from tastelm.prompting.shuffles import Judge, Orders, Shown, Shuffled
from tastelm.prompting.teaching import Written
from tastelm.prompting.titles import Showing
from tastelm.text.segments import Asked, Prompt, Slot, Text, joined, plain
from tastelm.text.template import Template

YES, NO = "Yes", "No"


class Answerer(Asker):
    """What the ways to ask for words share: reading and learning.

    batch   prompts that are read together
    prompt  learnt keys and values before every prompt, for a model that stays as it came
    """

    def __init__(self, backbone: CausalLM, template: Template, items: int, *, showing: Showing, batch: int, prompt: DeepPrefix | None = None) -> None:
        super().__init__(template, items, showing=showing)
        self.backbone, self.batch, self.prompt = backbone, batch, prompt

    def nll(self, batch: Written) -> Tensor:
        """(B,) the mean negative log-likelihood of the tokens of each target behind its source."""
        prompts = [joined((*source, *target)) for source, target in zip(batch.sources, batch.targets, strict=True)]
        layout = lay_out(prompts, self.backbone.tokens, longest=self.backbone.context)
        states = self.backbone(layout.embed(self.backbone, {}), layout.mask(self.prior.device), self._prefix(len(prompts)))
        labels = torch.from_numpy(layout.labels[:, 1:].copy()).to(states.device)
        # Only what is learnt is spread over the vocabulary: most places are not.
        learnt = labels != UNLEARNT
        losses = F.cross_entropy(self.backbone.logits(states[:, :-1][learnt]), labels[learnt], reduction="none")
        rows = learnt.nonzero()[:, 0]
        return losses.new_zeros(len(labels)).index_add(0, rows, losses) / learnt.sum(1)

    def read(self, prompts: Sequence[Prompt]) -> Reading:
        """Prompts as the model has read them."""
        layout = lay_out(prompts, self.backbone.tokens, longest=self.backbone.context)
        return self.backbone.read(layout.embed(self.backbone, {}), layout.mask(self.prior.device), self._prefix(len(prompts)))

    def _prefix(self, rows: int) -> Prefix | None:
        return None if self.prompt is None else self.prompt(rows)

    def answer(self, word: str) -> str:
        """A word as the target of the template writes it."""
        slot = next(segment.name for segment in self.template.target_prompt if isinstance(segment, Slot))
        return plain(self.template.render_target({slot: word}))


class YesOrNo(Answerer):
    """s(u, i) = log p(Yes | prompt(u, i)) - log p(No | prompt(u, i)) (Bao et al. 2023, TALLRec).

    What a prompt holds before the item is read once for a history; the item, and what stands behind it, follows for each candidate.
    """

    together = False

    def asked(self, history: NDArray[np.integer], candidates: NDArray[np.integer]) -> Asked:
        """The whole prompt about the first candidate, and both answers."""
        record = {self.slot("history"): self.shown(history), self.slot("item"): self.names[candidates[0]]}
        return Asked(self.template.render_source(record), [self.answer(word) for word in (YES, NO)])

    def prompts(self, histories: Sequences, users: NDArray[np.int32]) -> list[Prompt]:
        """What is read once for each history: the prompt up to the item."""
        return [self._around(history)[0] for history in histories]

    @torch.no_grad()
    def candidate_scores(self, histories: Sequences, users: NDArray[np.int32], candidates: Sequences) -> Tensor:
        """(T,) scores of the candidates of each history, end to end."""
        scores = [torch.empty(0)]
        for at in range(0, len(histories), self.batch):
            part = np.arange(at, min(at + self.batch, len(histories)))
            scores.append(self._scores(histories.take(part), candidates.take(part)))
        return torch.cat(scores)

    def agreement(self, panel: Panel) -> Tensor:
        """(T,) log p(Yes) of what is liked and log p(No) of the rest, where nothing else is said, with their gradient."""
        scores = self._scores(panel.histories, panel.items)
        return F.logsigmoid(torch.where(torch.from_numpy(panel.liked), scores, -scores))

    def _scores(self, histories: Sequences, candidates: Sequences) -> Tensor:
        """(T,) scores of the candidates of each history, which is read once for all of its own."""
        around = [self._around(history) for history in histories]
        endings = [[f"{before}{self.names[code]}{behind}" for code in row] for row, (_, before, behind) in zip(candidates, around, strict=True)]
        spoken = [self.backbone.tokens.encode_all([ending + self.answer(word) for ending in texts for word in (YES, NO)]) for texts in endings]
        found = log_likelihoods(self.backbone, self.read([prompt for prompt, _, _ in around]), spoken)
        return torch.cat([values[0::2] - values[1::2] for values in found])

    def _around(self, history: NDArray[np.integer]) -> tuple[Prompt, str, str]:
        """The prompt up to the item, less the blank or line that ends it, which belongs to the item's tokens; that blank; what stands behind."""
        item, mark = self.slot("item"), "\0"
        text = plain(self.template.render_source({self.slot("history"): self.shown(history), item: mark}))
        before, behind = text.split(mark)
        kept = before.rstrip()
        return (Text(kept),), before[len(kept) :], behind


class Letters(Answerer):
    """s(u, i) = mean over shuffles of log p(letter of i | prompt with the candidates in that order).

    The candidates of a history that stand highest by the prior are put into one prompt; all others stay below them, in the order of the
    prior. A model that likes the first letter likes another item in every shuffle (Hou et al. 2024, LLMRank). Raises SettingError for a
    template that does not ask for a letter.
    """

    together = True

    def __init__(
        self, backbone: CausalLM, template: Template, items: int, *, showing: Showing, batch: int, window: int, shuffles: int, orders: Orders = "random",
        prompt: DeepPrefix | None = None,
    ) -> None:  # fmt: skip
        super().__init__(backbone, template, items, showing=showing, batch=batch, prompt=prompt)
        self.shuffled = Shuffled(window, shuffles, orders)
        template.only_slot("target", "text")
        if template.numbering != "letters":
            raise SettingError(f"template '{template.name}' does not fit: its numbering is {template.numbering}, but letters are asked for.")

    def prompts(self, histories: Sequences, users: NDArray[np.int32]) -> list[Prompt]:
        """What is given for each history, with the items that the prior likes best as candidates."""
        best = self.best(self.shuffled.window)
        return [self._prompt(history, best) for history in histories]

    @torch.no_grad()
    def candidate_scores(self, histories: Sequences, users: NDArray[np.int32], candidates: Sequences) -> Tensor:
        """(T,) scores of the candidates of each history, end to end."""
        return self.shuffled.scores(candidates, self.prior.cpu().numpy(), self.judge(histories))

    def asked(self, history: NDArray[np.integer], candidates: NDArray[np.integer]) -> Asked:
        """The prompt with those that are shown of the candidates, in the first of their orders, and their letters."""
        codes = self.shuffled.first(candidates, self.prior.cpu().numpy())
        return Asked(self._prompt(history, codes), [self.answer(letter) for letter in ascii_uppercase[: len(codes)]], self.shuffled.shuffles)

    def judge(self, histories: Sequences) -> Judge:
        """What gives candidates the log-probabilities of their letters, among the letters that are shown."""

        def judged(shown: Sequence[Shown]) -> Iterator[NDArray[np.float64]]:
            for at in range(0, len(shown), self.batch):
                part = shown[at : at + self.batch]
                reading = self.read([self._prompt(histories[row], codes) for row, codes in part])
                letters = [[self.backbone.tokens.encode(self.answer(letter)) for letter in ascii_uppercase[: len(codes)]] for _, codes in part]
                yield from (values.log_softmax(0).double().numpy() for values in log_likelihoods(self.backbone, reading, letters))

        return judged

    def _prompt(self, history: NDArray[np.integer], codes: NDArray[np.integer]) -> Prompt:
        return self.template.render_source({self.slot("history"): self.shown(history), self.slot("candidates"): [self.names[code] for code in codes]})
