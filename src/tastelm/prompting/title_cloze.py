"""Items scored by how well their titles fill a blank behind the titles of a history, all of them in one pass (Zhang et al. 2021, LMRecSys)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from tastelm.data.sequences import Sequences
from tastelm.errors import SettingError
from tastelm.nn.texts import Texts
from tastelm.plm.masked import MaskedLM
from tastelm.prompting.cloze import InBlank, blank_logits, mask_of, open_end, pad_of
from tastelm.prompting.layout import lay_out
from tastelm.prompting.likelihood import Normaliser
from tastelm.prompting.titles import history_slot, title_slot
from tastelm.text.segments import Prompt, Slot
from tastelm.text.template import Template

Padding = Literal["skip", "paper"]


@dataclass(frozen=True)
class Blank:
    """What is left open for a title.

    places      masks; a longer title counts with its first tokens alone, so that titles that begin alike are alike
    padding     of a title that is shorter: `skip` leaves the places behind it out; `paper` wants the token there that fills up or ends a text,
                and counts it (Zhang et al. 2021). With `skip` and `sum` no title outscores one that it begins with, say 'Alien' and 'Aliens'
    normaliser  `sum` over the places; their `mean`; `prior` takes off what the title has in the blank of somebody without a history
    """

    places: int
    padding: Padding = "skip"
    normaliser: Normaliser = "sum"


@dataclass(frozen=True)
class Sentences:
    """How the next title is asked for.

    template  whose source shows a history, and whose target is the blank, perhaps with words around it
    nobody    the same for somebody without a history: its source has no slot
    shown     items of the history that are shown, the newest; fewer where the model reads less

    Raises SettingError for templates of another form.
    """

    template: Template
    nobody: Template
    shown: int

    def __post_init__(self) -> None:
        history_slot(self.template)
        for template in (self.template, self.nobody):
            open_end(template, 1)
            title_slot(template)  # what is open must be an item
        if any(isinstance(segment, Slot) for segment in self.nobody.source_prompt):
            raise SettingError(f"template '{self.nobody.name}' does not fit: it is for somebody without a history, so its source must hold no slot.")


class TitleCloze(nn.Module):
    """s(u, i) = sum_j log p(w_ij | prompt(u), masks) over the tokens w_i of an item's title (Zhang et al. 2021).

    batch  prompts that are read together
    """

    def __init__(self, backbone: MaskedLM, sentences: Sentences, blank: Blank, *, batch: int) -> None:
        super().__init__()
        self.backbone, self.titles = backbone, Texts()
        self.sentences, self.blank, self.batch = sentences, blank, batch
        self._lead, self._open = open_end(sentences.template, blank.places)
        self._open_for_nobody = open_end(sentences.nobody, blank.places)[1]
        self._names: list[str] | None = None
        self._in_blank = InBlank.of([], blank.places)
        self._costs: NDArray[np.int64] = np.empty(0, np.int64)
        self._room = 0

    def prompts(self, histories: Sequences, users: NDArray[np.int32]) -> list[Prompt]:
        """What the model is given for each history; nobody's identity is used."""
        return [self._asked(row) for row in histories]

    def stories(self, histories: Sequences) -> list[Prompt]:
        """The same prompts with the title of the last item of each history in the blank, for a model to learn to read; none may be empty."""
        names = self._read()
        found = []
        for row in histories:
            before, code = row[:-1], int(row[-1])
            template = self.sentences.template if len(before) else self.sentences.nobody
            source = self._source(before, max(0, int(self._costs[code]) - self.blank.places))
            found.append(source + template.render_target({title_slot(template): names[code]}))
        return found

    def scores(self, histories: Sequences) -> Tensor:
        """(B, N) scores of every item behind each of B >= 1 histories, with their gradient."""
        prompts, normaliser = [self._asked(row) for row in histories], self.blank.normaliser
        if normaliser == "prior":
            prompts.append(self._asked(np.empty(0, np.int64)))
        found = self._in_blank.scores(blank_logits(self.backbone, prompts), mean=normaliser == "mean")
        return found[:-1] - found[-1:] if normaliser == "prior" else found

    @torch.no_grad()
    def item_scores(self, histories: Sequences, users: NDArray[np.int32]) -> Tensor:
        """(B, N) scores of every item; nobody's identity is used."""
        parts = [np.arange(at, min(at + self.batch, len(histories))) for at in range(0, len(histories), self.batch)]
        return torch.cat([*(self.scores(histories.take(part)) for part in parts), torch.empty(0, len(self._read()), device=self.backbone.digest.device)])

    def _asked(self, history: NDArray[np.integer]) -> Prompt:
        return self._source(history, 0) + (self._open if len(history) else self._open_for_nobody)

    def _source(self, history: NDArray[np.integer], taken: int) -> Prompt:
        """What is read before the blank: as many of the newest items as there is room for if `taken` tokens of it are not free, and one at least."""
        names, sentences = self._read(), self.sentences
        if not len(history):
            return sentences.nobody.render_source({})
        newest = history[-sentences.shown :]
        behind = np.cumsum(self._costs[newest][::-1])
        fit = max(1, int(np.searchsorted(behind, self._room - taken, side="right")))
        shown = newest[max(0, len(newest) - fit) :].tolist()
        return sentences.template.render_source({history_slot(sentences.template): [names[code] for code in shown]})

    def _read(self) -> list[str]:
        """The titles; they are tokenised once they are there."""
        if self._names is None:
            tokens, template, blank = self.backbone.tokens, self.sentences.template, self.blank
            mask_of(tokens)
            self._names = self.titles.texts()
            # White space before the blank belongs to what fills it, as in running text.
            spelled = tokens.encode_all([self._lead + name for name in self._names])
            self._in_blank = InBlank.of(spelled, blank.places, pad=pad_of(tokens) if blank.padding == "paper" else None)
            # Side by side a text may take other tokens than alone: with the separator and one to spare nothing is counted too low.
            between = len(tokens.encode(template.separator)) + 1
            self._costs = np.array([len(found) + between for found in spelled], np.int64)
            bare = lay_out([template.render_source({history_slot(template): []}) + self._open], tokens, end=True)
            self._room = self.backbone.context - int(bare.lengths[0])
        return self._names
