"""What training leaves: loads from one folder without the training data, and recommends."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from difflib import get_close_matches
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from tastelm.data.features import Sizes
from tastelm.data.sequences import Sequences
from tastelm.data.vocabulary import Vocabulary
from tastelm.errors import SettingError
from tastelm.systems.base import Explainer, Guided, ItemScorer, Profiler, Rater, System
from tastelm.topk import block_rows, check_scores, set_aside, top_k

# Histories whose profiles are told together: their states fit into memory, however long they are.
PROFILED_AT_ONCE = 512


@dataclass(frozen=True)
class Recommendation:
    """One item: its id, its score (comparable within one list only), and its title where one is known."""

    item: str
    score: float
    title: str | None = None


class Recommendations(list[Recommendation]):
    """A list, best first, and the ids of the history that the model does not know."""

    def __init__(self, items: Iterable[Recommendation], unknown: Sequence[str] = ()) -> None:
        super().__init__(items)
        self.unknown = tuple(unknown)

    @property
    def ids(self) -> list[str]:
        """The item ids alone."""
        return [entry.item for entry in self]


class Profile(dict[str, dict[str, float]]):
    """Attribute -> category -> probability, the most probable first, and the ids of the history that the model does not know."""

    def __init__(self, told: Mapping[str, dict[str, float]], unknown: Sequence[str] = ()) -> None:
        super().__init__(told)
        self.unknown = tuple(unknown)


@dataclass(frozen=True)
class Explained:
    """A reason: the text, "" where the run wrote nothing, the rating that goes with it where one is predicted, the item's title where one is known, and
    whether the user is a stranger."""

    item: str
    text: str
    rating: float | None
    title: str | None
    stranger: bool


@dataclass(eq=False)
class Recommender:
    """A trained system with its vocabularies. Made by `fit` or `load`.

    system     the system with its settled settings
    module     what answers
    items      the catalogue
    users      the users it was trained on, where it has something of their own; else empty
    titles     item id -> title, as far as known
    mask_seen  whether the items of a history are left out of its recommendations, unless told otherwise
    about      where it comes from: data, split, seed, version, metrics; plain values
    sizes      what the module was built for
    """

    system: System[Any]
    module: nn.Module
    items: Vocabulary
    users: Vocabulary
    titles: dict[str, str] = field(default_factory=dict)
    mask_seen: bool = True
    about: dict[str, Any] = field(default_factory=dict)
    sizes: Sizes = field(default_factory=lambda: Sizes(0))

    def __post_init__(self) -> None:
        if not isinstance(self.module, ItemScorer):
            raise TypeError(f"{type(self.module).__name__} has no item_scores and cannot recommend")
        self.module.eval()

    @property
    def name(self) -> str:
        return self.system.card.name

    @property
    def tells_profiles(self) -> bool:
        """Whether it tells what users are; a system that only reads their profiles does not."""
        return bool(self.sizes.profile) and isinstance(self.module, Profiler)

    @property
    def gives_reasons(self) -> bool:
        """Whether it says why a user would like an item."""
        return isinstance(self.module, Explainer)

    @property
    def ranks(self) -> bool:
        """Whether its ranking is an answer of its own, and not what is popular in the place of one."""
        return bool(getattr(self.module, "ranks", True))

    @property
    def remark(self) -> str:
        """What is said in the place of numbers of a ranking, where it has none of its own; else empty."""
        return "" if self.ranks else f"{self.name} gives reasons and ranks nothing: what it recommends is what is popular, which is not measured here."

    @property
    def remarks(self) -> list[str]:
        """Sentences on what must be known of its answers."""
        given = ", ".join(f"{name}={value}" for name, value in self.about.get("asked", {}).items())
        return [f"Asked with {given}, not as the run was fitted."] if given else []

    def asked_by(self, settings: Mapping[str, Any]) -> Recommender:
        """The same run asked in another way, as a p5 by another prompt: `{"ask": "2-13"}`.

        Raises SettingError for a setting that something was learnt by; it names those that can be given.
        """
        made = self.system.asked_by(settings, str(self.about.get("data", {}).get("name", "")))
        module = made.build(self.sizes)
        module.load_state_dict(self.module.state_dict())
        module.to(next((value.device for value in self.module.state_dict().values()), None))
        about = self.about | {"asked": {**self.about.get("asked", {}), **settings}}
        return replace(self, system=made, module=module, about=about)

    def recommend(
        self, history: Sequence[str], k: int = 10, *, user: str | None = None, exclude: Iterable[str] = (), keep_seen: bool | None = None
    ) -> Recommendations:
        """The k items that go best with a history of item ids, oldest first.

        user       id of who asks, for systems that know their users
        exclude    further items to leave out
        keep_seen  rank the items of the history too; by default as in training

        Ids that are not known are skipped and named in `.unknown`. Fewer than k come back where the catalogue ends.
        Raises SettingError if k is not positive or `history` is a single text.
        """
        known, unknown = self._read(history)
        who = self.users.encode([user]) if user is not None else np.full(1, -1, np.int32)
        left_out = self.items.encode(exclude)
        found, scores = self.rank(known, k, users=who, exclude=Sequences.of([left_out[left_out >= 0]]), keep_seen=keep_seen)
        return Recommendations(self._entries(found[0], scores[0]), unknown)

    def recommend_many(self, histories: Iterable[Sequence[str]], k: int = 10, *, users: Sequence[str] | None = None) -> Iterator[Recommendations]:
        """`recommend` for many histories, a block at a time."""
        rows = block_rows(len(self.items))
        block: list[Sequence[str]] = []
        done = 0

        def answer() -> Iterator[Recommendations]:
            codes = [self.items.encode(history) for history in block]
            who = self.users.encode(users[done : done + len(block)]) if users is not None else None
            found, scores = self.rank(Sequences.of([code[code >= 0] for code in codes]), k, users=who)
            for history, code, row, values in zip(block, codes, found, scores, strict=True):
                yield Recommendations(self._entries(row, values), [name for name, known in zip(history, code, strict=True) if known < 0])

        for history in histories:
            block.append(history)
            if len(block) == rows:
                yield from answer()
                done += len(block)
                block.clear()
        if block:
            yield from answer()

    @torch.inference_mode()
    def rank(
        self, histories: Sequences, k: int, *, users: NDArray[np.int32] | None = None, exclude: Sequences | None = None, keep_seen: bool | None = None
    ) -> tuple[NDArray[np.int32], NDArray[np.float32]]:
        """Codes (B, K) and scores (B, K) of the best items for histories of codes, K = min(k, N); -1 where no candidate is left."""
        if k < 1:
            raise SettingError(f"k: {k} is not a number of recommendations; it must be at least 1.")
        found, scores = [], []
        rows = block_rows(len(self.items))
        who = np.full(len(histories), -1, np.int32) if users is None else users
        for at in range(0, len(histories), rows):
            part = np.arange(at, min(at + rows, len(histories)))
            block = self._scores(histories.take(part), who[part])
            if self.mask_seen if keep_seen is None else not keep_seen:
                set_aside(block, histories.take(part))
            if exclude is not None:
                set_aside(block, exclude.take(part))
            codes, values = top_k(block, k)
            found.append(codes)
            scores.append(values)
        width = min(k, len(self.items))
        return np.concatenate([*found, np.empty((0, width), np.int32)]), np.concatenate([*scores, np.empty((0, width), np.float32)])

    @torch.inference_mode()
    def score(self, history: Sequence[str], items: Sequence[str], *, user: str | None = None) -> list[float]:
        """Scores of the given items for a history. Raises SettingError for an unknown item."""
        wanted = self.items.encode(items)
        if (wanted < 0).any():
            raise SettingError(f"item {items[int(np.argmax(wanted < 0))]!r} is not in the catalogue of this run.")
        codes = self.items.encode(history)
        who = self.users.encode([user]) if user is not None else np.full(1, -1, np.int32)
        return [float(value) for value in self._scores(Sequences.of([codes[codes >= 0]]), who)[0, torch.from_numpy(wanted.astype(np.int64))]]

    def profile(self, history: Sequence[str]) -> Profile:
        """What the user of a history of item ids, oldest first, is likely to be.

        Ids that are not known are skipped and named in `.unknown`; without any the answer is how common each category was in training.
        Raises SettingError if the run was not trained for profiles, or `history` is a single text.
        """
        known, unknown = self._read(history)
        found = self.profiles(known)
        told = {
            entry.name: sorted(zip(entry.categories, found[entry.name][0].tolist(), strict=True), key=lambda pair: -pair[1]) for entry in self.sizes.profile
        }
        return Profile({name: dict(pairs) for name, pairs in told.items()}, unknown)

    @torch.inference_mode()
    def profiles(self, histories: Sequences) -> dict[str, NDArray[np.float32]]:
        """Attribute -> (B, categories) probabilities for histories of codes, in the order of `sizes.profile`. Raises SettingError as `profile`."""
        if not self.tells_profiles or not isinstance(self.module, Profiler):
            raise SettingError(
                f"profile: this run of {self.name} was not trained to tell what users are. "
                "Train one that is, on data with a users table: tastelm fit peterrec --set profile=all --data DATA --out RUN"
            )
        found = list[Mapping[str, torch.Tensor]]()
        for at in range(0, max(len(histories), 1), PROFILED_AT_ONCE):
            found.append(self.module.profiles(histories.take(np.arange(at, min(at + PROFILED_AT_ONCE, len(histories))))))
        return {entry.name: torch.cat([block[entry.name] for block in found]).float().cpu().numpy() for entry in self.sizes.profile}

    @torch.inference_mode()
    def explain(self, item: str, *, user: str | None = None, about: str | None = None) -> Explained:
        """Why a user would like an item, or would not. A user who is not known, or not named, is a stranger.

        about  a feature that the reason is to be about, of a run that was trained to be told one

        Raises SettingError if the run gives no reasons, or cannot be told what about, or the item is not in its catalogue.
        """
        if not isinstance(self.module, Explainer):
            raise SettingError(
                f"explain: this run of {self.name} gives no reasons. Train a system that does, on data with reviews: "
                "tastelm fit pepler --data DATA --split random:0.8,0.1 --out RUN"
            )
        guide = self.module if isinstance(self.module, Guided) and self.module.given else None
        if about is not None and guide is None:
            raise SettingError(
                f"about: this run of {self.name} was not trained to be told what a reason is to be about. Leave it out, or train one that is: "
                "tastelm fit peter --set feature=given --data DATA --split random:0.8,0.1 --out RUN"
            )
        code = self.items.encode([item])
        if code[0] < 0:
            raise SettingError(f"item {item!r} is not in the catalogue of this run; {_closest(item, self.items.ids)}")
        who = self.users.encode([user]) if user is not None else np.full(1, -1, np.int32)
        said = self.module.explain(who, code) if guide is None or about is None else guide.explain(who, code, (about.strip().lower(),))
        rating = float(self.module.ratings(who, code)[0]) if isinstance(self.module, Rater) else None
        return Explained(item, said[0], rating, self.titles.get(item), bool(who[0] < 0))

    def save(self, folder: str | Path) -> None:
        """Write the run folder: config.toml, metrics.json, model.safetensors, vocabularies. See `tastelm.runs`."""
        from tastelm.runs import save

        save(self, Path(folder))

    def _read(self, history: Sequence[str]) -> tuple[Sequences, list[str]]:
        """A history of ids as one sequence of codes, and the ids that are not known."""
        if isinstance(history, str):
            raise SettingError(f"history: {history!r} is one text; give a list of item ids.")
        codes = self.items.encode(history)
        return Sequences.of([codes[codes >= 0]]), [name for name, code in zip(history, codes, strict=True) if code < 0]

    def _scores(self, histories: Sequences, users: NDArray[np.int32]) -> torch.Tensor:
        assert isinstance(self.module, ItemScorer)
        scores = self.module.item_scores(histories, users).float().cpu()
        check_scores(scores, self.name)
        return scores

    def _entries(self, codes: NDArray[np.int32], scores: NDArray[np.float32]) -> Iterator[Recommendation]:
        for code, score in zip(codes, scores, strict=True):
            if code >= 0:
                name = self.items.ids[code]
                yield Recommendation(name, float(score), self.titles.get(name))


def _closest(item: str, known: Sequence[str]) -> str:
    """The three known ids that are most like one that is not; where none is, the first three."""
    if close := get_close_matches(item, known, n=3, cutoff=0.6):
        return f"closest to it: {', '.join(close)}."
    return f"it has {len(known):,} items, such as {', '.join(known[:3])}."
