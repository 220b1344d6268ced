"""Items ranked by a list that a language model writes: a text is read, and what comes back is parsed."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from tastelm.data.sequences import Sequences
from tastelm.errors import SettingError
from tastelm.plm.causal import CausalLM
from tastelm.plm.endpoint_lm import EndpointLM
from tastelm.plm.greedy import write_greedily
from tastelm.prompting.asking import Asker
from tastelm.prompting.layout import lay_out
from tastelm.prompting.shuffles import Judge, Orders, Shown, Shuffled, standing
from tastelm.prompting.titles import Showing
from tastelm.text.ranked_list import RankedList, parse_ranked
from tastelm.text.segments import Asked, Prompt, Slot, plain
from tastelm.text.template import Template

# A slot for a history that leaves its newest item out, since that one stands in another slot (Hou et al. 2024, in-context learning).
EARLIER = "earlier"
# Who has no newest item.
NOTHING = "nothing yet"


@dataclass
class Parsed:
    """What was made of the lists that were written until now.

    lists     answers that were parsed
    lines     lines in them that hold anything
    invalid   lines that name no candidate
    repeated  lines that name one again
    named     candidates that were named, of those `shown`
    """

    lists: int = 0
    lines: int = 0
    invalid: int = 0
    repeated: int = 0
    named: int = 0
    shown: int = 0

    def add(self, found: RankedList, shown: int) -> None:
        """Count one more."""
        self.lists, self.lines, self.shown = self.lists + 1, self.lines + found.lines, self.shown + shown
        self.invalid, self.repeated, self.named = self.invalid + found.invalid, self.repeated + found.repeated, self.named + len(found.named)


class WrittenLists(Asker):
    """s(u, i) = - mean over shuffles of the place of i in the list that the model writes behind a prompt with the candidates (Hou et al. 2024).

    The candidates of a history that stand highest by the prior are shown; all others stay below them, in the order of the prior. What a
    list does not name stays below what it does, in that order too: each prompt is asked once, and no answer is made better than it is.

    template  whose source holds a history, candidates, and perhaps the newest item by itself; its target holds the candidates in order
    batch     prompts that are written behind together; an endpoint gets all of them
    parsed    counts what was written

    Raises SettingError for a template of another form.
    """

    together = True

    def __init__(
        self, backbone: CausalLM | EndpointLM, template: Template, items: int, *, showing: Showing, batch: int, window: int, shuffles: int,
        orders: Orders = "random",
    ) -> None:  # fmt: skip
        super().__init__(template, items, showing=showing)
        self.backbone, self.batch, self.shuffled, self.parsed = backbone, batch, Shuffled(window, shuffles, orders), Parsed()
        self._history, self._candidates, self._ranking = self.slot("history"), self.slot("candidates"), template.only_slot("target", "candidates")
        self._newest = [segment.name for segment in template.source_prompt if isinstance(segment, Slot) and segment.kind == "item"]
        if unknown := set(template.slots) - {self._history, self._candidates, self._ranking, *self._newest}:
            raise SettingError(f"template '{template.name}' does not fit: nothing is known for its slot '{min(unknown)}'. Choose another template.")

    @property
    def names(self) -> list[str]:
        """(N,) the titles, each on one line."""
        if not self._names:
            self._names = [" ".join(title.split()) for title in self.titles.texts()]
        return self._names

    def prompts(self, histories: Sequences, users: NDArray[np.int32]) -> list[Prompt]:
        """What is given for each history, with the items that the prior likes best as candidates."""
        best = self.best(self.shuffled.window)
        return [self._prompt(history, best) for history in histories]

    @torch.no_grad()
    def candidate_scores(self, histories: Sequences, users: NDArray[np.int32], candidates: Sequences) -> Tensor:
        """(T,) scores of the candidates of each history, end to end."""
        return self.shuffled.scores(candidates, self.prior.cpu().numpy(), self.judge(histories))

    def asked(self, history: NDArray[np.integer], candidates: NDArray[np.integer]) -> Asked:
        """The prompt with those that are shown of the candidates, in the first of their orders; what is behind it, the model writes."""
        return Asked(self._prompt(history, self.shuffled.first(candidates, self.prior.cpu().numpy())), [], self.shuffled.shuffles)

    def judge(self, histories: Sequences) -> Judge:
        """What gives candidates their places in the list that is written, counted down from 0."""
        places = standing(self.prior.cpu().numpy())

        def judged(shown: Sequence[Shown]) -> Iterator[NDArray[np.float64]]:
            size = max(1, len(shown)) if isinstance(self.backbone, EndpointLM) else self.batch
            for at in range(0, len(shown), size):
                part = shown[at : at + size]
                for (_, codes), text in zip(part, self._written(histories, part), strict=True):
                    yield self._places(text, codes, np.argsort(places[codes]))

        return judged

    def _places(self, text: str, codes: NDArray[np.integer], prior: NDArray[np.int64]) -> NDArray[np.float64]:
        """(K,) the place of each candidate, counted down from 0; `prior` holds the places at which they are shown, the most popular first."""
        found, scores = parse_ranked(text, [self.names[code] for code in codes], numbering=self.template.numbering), np.empty(len(codes))
        self.parsed.add(found, len(codes))
        scores[found.order(prior.tolist())] = -np.arange(len(codes))
        # However well a candidate stands where it is named, one that is named more often stands above it: the floor of the paper.
        left_out = np.setdiff1d(np.arange(len(codes)), found.named)
        scores[left_out] -= 2 * len(codes) * self.shuffled.shuffles
        return scores

    def _written(self, histories: Sequences, shown: Sequence[Shown]) -> list[str]:
        prompts = [self._prompt(histories[row], codes) for row, codes in shown]
        if isinstance(self.backbone, EndpointLM):
            return self.backbone.write([plain(prompt) for prompt in prompts])
        model, wanted = self.backbone, [plain(self.template.render_target({self._ranking: [self.names[code] for code in codes]})) for _, codes in shown]
        layout = lay_out(prompts, model.tokens, longest=model.context)
        # Room for the longest list, and for a quarter more where the model reads so far.
        least = max(map(len, model.tokens.encode_all(wanted))) + 1
        longest = max(least, min(least * 5 // 4, model.context - layout.ids.shape[1]))
        return [model.tokens.decode(row) for row in write_greedily(model, layout.embed(model, {}), layout.mask(self.prior.device), longest=longest)]

    def _prompt(self, history: NDArray[np.integer], codes: NDArray[np.integer]) -> Prompt:
        before = history[:-1] if self._history == EARLIER else history
        newest = self.names[history[-1]] if len(history) else NOTHING
        record = {self._history: self.shown(before), self._candidates: [self.names[code] for code in codes]}
        return self.template.render_source(record | dict.fromkeys(self._newest, newest))
