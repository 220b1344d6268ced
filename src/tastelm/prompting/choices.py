"""Asking a writer about items that a prompt shows: which of several comes next, or whether one does."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from tastelm.data.sequences import Sequences
from tastelm.plm.tokens import END
from tastelm.prompting.catalogue import everything
from tastelm.prompting.shuffles import LOWEST, Judge, Shown, Shuffled
from tastelm.text.segments import Prompt, Text
from tastelm.text.template import Template

if TYPE_CHECKING:
    from tastelm.prompting.writer import ItemWriter

ANSWERS = {True: "yes", False: "no"}
# Candidates that one prompt shows at most, those that were met most often; the paper shows 100.
AT_ONCE = 200
SHOWN = Shuffled(AT_ONCE, shuffles=1)
# Candidates that are written together: a prompt of many is long, and has a table over the whole catalogue.
WRITTEN = 1024


def choice_scores(writer: ItemWriter, histories: Sequences, users: NDArray[np.int32], candidates: Sequences) -> Tensor:
    """(T,) log p(item | prompt that shows all candidates of a history), end to end (Geng et al. 2022, 5-5 to 5-8).

    The order in which they are shown follows from the candidates, and is as good as drawn. Of more than `AT_ONCE` the others stay below, by how
    popular they are.
    """
    return SHOWN.scores(candidates, writer.prior.cpu().numpy(), _chooses(writer, histories, users))


def shown_of_all(writer: ItemWriter) -> NDArray[np.int64]:
    """(K,) the items that a prompt shows where all are candidates, in its order; the one that is most popular where each has a prompt of its own."""
    whole, prior = everything(1, len(writer.prior)), writer.prior.cpu().numpy()
    (popular,) = SHOWN.chosen(whole, prior)
    return popular[:1] if writer.asking.item is not None else next(SHOWN.permuted(whole[0], popular, 1))


def _chooses(writer: ItemWriter, histories: Sequences, users: NDArray[np.int32]) -> Judge:
    def judge(shown: Sequence[Shown]) -> Iterator[NDArray[np.float64]]:
        rows_at_once = max(1, min(writer.asking.batch, WRITTEN // max((len(codes) for _, codes in shown), default=1)))
        for at in range(0, len(shown), rows_at_once):
            part = shown[at : at + rows_at_once]
            keep = np.zeros((len(part), len(writer.prior)), np.bool_)
            for row, (_, codes) in enumerate(part):
                keep[row, codes] = True
            # As many beams as candidates: the search misses none of them.
            found, totals = writer.search([writer.prompt(histories[row], int(users[row]), codes) for row, codes in part], int(keep.sum(1).max()), keep=keep)
            table = np.full(keep.shape, LOWEST)
            rows, places = np.nonzero(found.numpy() >= 0)
            table[rows, found.numpy()[rows, places]] = totals.numpy()[rows, places]
            yield from (table[row, codes] for row, (_, codes) in enumerate(part))

    return judge


def verdict_scores(writer: ItemWriter, histories: Sequences, users: NDArray[np.int32], candidates: Sequences) -> Tensor:
    """(T,) log p(yes | prompt that shows the item) - log p(no | ..) of the candidates of each history, end to end (Geng et al. 2022, 5-1 to 5-4).

    Each candidate is a prompt of its own.
    """
    targets, owners, found = verdicts(writer.asking.template), candidates.owners, [torch.empty(0)]
    for at in range(0, len(owners), writer.asking.batch):
        part = range(at, min(at + writer.asking.batch, len(owners)))
        prompts = [writer.prompt(histories[owners[pair]], int(users[owners[pair]]), candidates.values[pair : pair + 1]) for pair in part]
        said = writer.likelihoods(prompts, targets).float().cpu()
        found.append(said[:, 0] - said[:, 1])
    return torch.cat(found)


def verdicts(template: Template) -> list[Prompt]:
    """Yes and no, as the target of a template writes them."""
    slot = template.only_slot("target", "text")
    return [(*template.render_target({slot: ANSWERS[true]}), Text(END, learn=True)) for true in (True, False)]
