"""A prompt as places in a row: which hold a token, which a vector of a source, and which are to be learnt."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from tastelm.errors import DataError, SettingError
from tastelm.plm.port import LanguageModel
from tastelm.plm.tokens import Tokens
from tastelm.text.segments import Prompt, Slot, Text, Vectors, joined

# What a place is in the labels that nothing is learnt at: torch's cross-entropy passes it by.
UNLEARNT = -100


@dataclass(frozen=True, eq=False)
class Layout:
    """B prompts, each filled from the left of a row of W places.

    ids      (B, W) int64, the token of a place; 0 where it holds none
    origin   (B, W) int16, -1 for a token, else the number of the source of its vector; -2 where the row has ended
    rows     (B, W) int64, which vector of that source
    learn    (B, W) bool, whether the token of a place is a target of training
    sources  their names, by number
    """

    ids: NDArray[np.int64]
    origin: NDArray[np.int16]
    rows: NDArray[np.int64]
    learn: NDArray[np.bool_]
    sources: tuple[str, ...]

    @property
    def lengths(self) -> NDArray[np.int64]:
        """(B,) places that each prompt takes."""
        found: NDArray[np.int64] = (self.origin != ENDED).sum(1)
        return found

    @property
    def labels(self) -> NDArray[np.int64]:
        """(B, W) the tokens that are learnt, UNLEARNT elsewhere."""
        return np.where(self.learn, self.ids, UNLEARNT)

    def mask(self, device: torch.device | None = None) -> Tensor:
        """(B, W) bool, which places hold anything."""
        return torch.from_numpy(self.origin != ENDED).to(device)

    def embed(self, model: LanguageModel, sources: Mapping[str, nn.Module] | nn.ModuleDict) -> Tensor:
        """(B, W, D) the vectors of all places, zero where a row has ended; each source is asked once, for all its rows.

        Raises SettingError for a source that is not there.
        """
        device = model.digest.device
        embeds = model.embed(torch.from_numpy(self.ids).to(device)) * torch.from_numpy(self.origin == TOKEN).to(device)[..., None]
        for number, name in enumerate(self.sources):
            places = np.nonzero(self.origin == number)
            if len(places[0]):
                if name not in sources:
                    raise SettingError(f"a prompt asks for vectors of '{name}', but there are only those of {', '.join(sources) or 'none'}.")
                vectors = sources[name](torch.from_numpy(self.rows[places]).to(device))
                embeds = embeds.index_put(tuple(torch.from_numpy(axis).to(device) for axis in places), vectors.type_as(embeds))
        return embeds

    def prompts(self, tokens: Tokens) -> list[Prompt]:
        """The prompts again, neighbouring texts and vectors of a kind joined: laying out loses nothing that the tokenizer keeps."""
        return [tuple(self._segments(row, tokens)) for row in range(len(self.ids))]

    def _segments(self, row: int, tokens: Tokens) -> Iterator[Text | Vectors]:
        length = int(self.lengths[row])
        kind = np.stack([self.origin[row, :length], self.learn[row, :length]])
        cuts = [0, *(np.flatnonzero((np.diff(kind) != 0).any(0)) + 1), length]
        for begin, end in pairwise(cuts):
            if end > begin and self.origin[row, begin] == TOKEN:
                yield Text(tokens.decode(self.ids[row, begin:end].tolist()), learn=bool(self.learn[row, begin]))
            elif end > begin:
                yield Vectors(self.sources[self.origin[row, begin]], tuple(self.rows[row, begin:end].tolist()))


TOKEN, ENDED = -1, -2


def lay_out(prompts: Sequence[Prompt], tokens: Tokens, *, start: bool = True, end: bool = False, longest: int | None = None) -> Layout:
    """Put prompts into rows. Texts that stand side by side are tokenised as one, unless one is learnt and the other is not.

    start    begin each with the token that begins a text
    end      end each with the token that ends a text, learnt if what stands before it is
    longest  places that there are

    Raises DataError for a slot that is not filled, and a prompt that is longer than `longest`.
    """
    tidy = [joined(prompt) for prompt in prompts]
    texts = [segment.text for prompt in tidy for segment in prompt if isinstance(segment, Text)]
    read = iter(tokens.encode_all(texts))
    found = [list(_places(prompt, read, tokens, start, end)) for prompt in tidy]
    width = max(map(len, found), default=0)
    if longest is not None and width > longest:
        where = next(index for index, places in enumerate(found) if len(places) == width)
        raise DataError(
            f"prompt {where + 1} takes {width} tokens, but the model reads {longest}. Show it a shorter history, or take a model with a longer context."
        )
    names = sorted({place[1] for places in found for place in places if isinstance(place[1], str)})
    numbers = {name: number for number, name in enumerate(names)}
    ids, rows = np.zeros((len(found), width), np.int64), np.zeros((len(found), width), np.int64)
    origin, learn = np.full((len(found), width), ENDED, np.int16), np.zeros((len(found), width), bool)
    for index, places in enumerate(found):
        for at, (value, source, learnt) in enumerate(places):
            if source is None:
                ids[index, at], origin[index, at], learn[index, at] = value, TOKEN, learnt
            else:
                rows[index, at], origin[index, at] = value, numbers[source]
    return Layout(ids, origin, rows, learn, tuple(names))


def _places(prompt: Prompt, read: Iterator[list[int]], tokens: Tokens, start: bool, end: bool) -> Iterator[tuple[int, str | None, bool]]:
    """Of each place: its token, or the row of its vector and the source, and whether it is learnt. `read` holds the tokens of the next texts."""
    if start:
        yield tokens.start, None, False
    learnt = False
    for segment in prompt:
        if isinstance(segment, Slot):
            raise DataError(f"the slot '{segment.name}' of a prompt is not filled. Render the template with a record that has it.")
        if isinstance(segment, Text):
            learnt = segment.learn
            yield from ((token, None, learnt) for token in next(read))
        else:
            learnt = False
            yield from ((row, segment.source, False) for row in segment.rows)
    if end:
        yield tokens.end, None, learnt
