"""What a pre-trained model knows of items before it is taught: which are alike, which go together, of which genre they are (Penha and Hauff 2020)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional as F

from tastelm.data.sequences import Sequences
from tastelm.errors import DataError
from tastelm.metrics.ranking import recall, reciprocal_rank
from tastelm.metrics.ranks import Ranks
from tastelm.nn.texts import Texts
from tastelm.plm.masked import MaskedLM
from tastelm.plm.pairs import NextSentenceLM
from tastelm.prompting.catalogue import everything
from tastelm.prompting.cloze import InBlank, blank_logits, open_end
from tastelm.prompting.titles import title_slot
from tastelm.text.family import Family
from tastelm.text.segments import Slot, plain
from tastelm.text.template import Template

# The three sentences of the genre probe: the item first, the item last, and the control that names none.
SENTENCES = ("genre-item-first", "genre-item-last", "genre-control")


class TitleSimilarity(nn.Module):
    """s(u, i) = mean over the newest items j of a history of cos(v_j, v_i); all alike for an empty one (Penha and Hauff 2020, mean-sim and cls-sim).

    vectors  (N, D) of length 1; they take the size of what a run folder holds
    """

    vectors: Tensor

    def __init__(self, items: int, *, shown: int) -> None:
        super().__init__()
        self.shown = shown
        self.register_buffer("vectors", torch.zeros(items, 0))

    def fill(self, vectors: NDArray[np.float32]) -> None:
        """Take over the vectors of all items."""
        self.vectors = torch.from_numpy(vectors.copy()).to(self.vectors.device)

    @torch.no_grad()
    def item_scores(self, histories: Sequences, users: NDArray[np.int32]) -> Tensor:
        """(B, N); nobody's identity is used."""
        newest, device = histories.last(self.shown), self.vectors.device
        codes, begins = (torch.from_numpy(array.astype(np.int64)).to(device) for array in (newest.values, newest.offsets[:-1]))
        return F.embedding_bag(codes, self.vectors, begins, mode="mean") @ self.vectors.T

    def _load_from_state_dict(self, state: dict[str, Any], prefix: str, *rest: Any) -> None:
        if (stored := state.get(f"{prefix}vectors")) is not None:
            self.vectors = torch.empty_like(stored)
        super()._load_from_state_dict(state, prefix, *rest)


class PairJudge(nn.Module):
    """s(u, i) = mean over the newest items j of a history of log p(the sentence of i follows that of j); all alike for an empty one
    (Penha and Hauff 2020, nsp).

    template  whose source is the sentence of the item that was met, and whose target is that of the other
    batch     pairs that are read together

    Each pair is read by itself, so a whole catalogue costs a pass for every item: ask for few candidates. Raises SettingError for a template
    that does not hold one item on either side.
    """

    def __init__(self, backbone: NextSentenceLM, template: Template, *, shown: int, batch: int) -> None:
        super().__init__()
        self.backbone, self.titles = backbone, Texts()
        self.template, self.shown, self.batch = template, shown, batch
        self._first, self._second = template.only_slot("source", "item"), title_slot(template)

    def item_scores(self, histories: Sequences, users: NDArray[np.int32]) -> Tensor:
        """(B, N); nobody's identity is used."""
        items = len(self.titles.offsets) - 1
        return self.candidate_scores(histories, users, everything(len(histories), items)).view(len(histories), items)

    @torch.no_grad()
    def candidate_scores(self, histories: Sequences, users: NDArray[np.int32], candidates: Sequences) -> Tensor:
        """(T,) scores of the candidates of each history, end to end."""
        names, newest, device = self.titles.texts(), histories.last(self.shown), self.backbone.digest.device
        firsts = [plain(self.template.render_source({self._first: name})) for name in names]
        seconds = [plain(self.template.render_target({self._second: name})).strip() for name in names]
        met = [newest[row] for row in candidates.owners]
        pairs = [(firsts[code], seconds[other]) for codes, other in zip(met, candidates.values.tolist(), strict=True) for code in codes.tolist()]
        judged = [self.backbone.follows(pairs[at : at + self.batch]) for at in range(0, len(pairs), self.batch)]
        counts = torch.tensor([len(codes) for codes in met], device=device)
        owners = torch.repeat_interleave(torch.arange(len(met), device=device), counts)
        return torch.zeros(len(met), device=device).index_add(0, owners, torch.cat([*judged, torch.empty(0, device=device)])) / counts.clamp(min=1)


@dataclass(frozen=True, eq=False)
class GenreRanking:
    """How C items had their genres ranked by one sentence.

    scores  (C, G) log-probabilities of the genres
    recall  (C,) share of the genres of an item among the first k
    mrr     (C,) 1 / place of the best placed of them
    """

    scores: NDArray[np.float64]
    recall: NDArray[np.float64]
    mrr: NDArray[np.float64]


def genre_probe(
    model: MaskedLM, asked: Family, titles: Sequence[str], genres: Sequence[Sequence[str]], *, k: int = 1, sentences: Sequence[str] = SENTENCES,
    mean: bool = True, batch: int = 64,
) -> dict[str, GenreRanking]:  # fmt: skip
    """Fill genres into sentences about items: name of the sentence -> how the genres of each item were ranked (Penha and Hauff 2020, Sec. 3.1).

    asked      the family of the sentences
    titles     of C items
    genres     of each item, one at least; all that occur are ranked
    k          of the recall
    sentences  names of templates; one whose source has no slot is a control: it knows no item, so the others must do better
    mean       score a genre by the mean over its tokens of log p(token | masks), not their sum, which wants short words

    Deviation: the paper keeps genres that are a single token and the items that have them, a selection. Here every genre is filled into a
    blank of as many places as it has tokens, where one of a single token scores what it does in the paper.

    Raises DataError for an item without a title or a genre, SettingError for templates of another form and a model that has no mask.
    """
    if len(titles) != len(genres):
        raise DataError(f"there are {len(titles)} titles, but genres of {len(genres)} items: give those of each, in the same order.")
    for row, own in enumerate(genres):
        if not own or not all(genre.strip() for genre in own):
            raise DataError(f"item {row + 1} of {len(titles)}, {titles[row]!r}, has no genre, or one without a name: leave it out.")
    labels = sorted({genre for own in genres for genre in own})
    right = np.array([[label in own for label in labels] for own in map(set, genres)], bool).reshape(len(titles), len(labels))
    found = {}
    for name in sentences:
        scores = _genre_scores(model, asked[name], titles, labels, mean=mean, batch=batch)
        ranks = _ranks(scores, right)
        found[name] = GenreRanking(scores, recall(ranks, k), reciprocal_rank(ranks, None))
    return found


@torch.no_grad()
def _genre_scores(model: MaskedLM, template: Template, titles: Sequence[str], labels: Sequence[str], *, mean: bool, batch: int) -> NDArray[np.float64]:
    """(C, G), each genre in a blank of its own length."""
    template.only_slot("target", "feature")
    control = not any(isinstance(segment, Slot) for segment in template.source_prompt)
    records: list[Mapping[str, str]] = [{}] if control else [{template.only_slot("source", "item"): title} for title in titles]
    sources = [template.render_source(record) for record in records]
    spelled = model.tokens.encode_all([open_end(template, 1)[0] + label for label in labels])
    scores = np.zeros((len(sources), len(labels)))
    for length in sorted({len(tokens) for tokens in spelled}):
        own = [at for at, tokens in enumerate(spelled) if len(tokens) == length]
        words, end = InBlank.of([spelled[at] for at in own], length), open_end(template, length)[1]
        for at in range(0, len(sources), batch):
            logits = blank_logits(model, [source + end for source in sources[at : at + batch]])
            scores[at : at + batch, own] = words.scores(logits, mean=mean).double().cpu().numpy()
    return np.repeat(scores, len(titles), axis=0) if control else scores


def _ranks(scores: NDArray[np.float64], right: NDArray[np.bool_]) -> Ranks:
    cases, targets = np.nonzero(right)
    best = scores[cases, targets][:, None]
    offsets = np.concatenate([[0], np.cumsum(right.sum(1))])
    above, alike = (scores[cases] > best).sum(1), (scores[cases] == best).sum(1) - 1
    return Ranks(above, alike, offsets, np.full(len(right), right.shape[1]))
