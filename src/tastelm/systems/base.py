"""What a system is: a card, a config and its stages."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, ClassVar, Generic, Protocol, TypeVar, runtime_checkable

import numpy as np
from numpy.typing import NDArray
from torch import Tensor, nn

from tastelm.card import Card
from tastelm.data.features import Sizes
from tastelm.data.sequences import Sequences
from tastelm.data.split import Split
from tastelm.plm.tokens import Tokens
from tastelm.settings import asked_otherwise, configure, search_space
from tastelm.text.segments import Asked, Prompt
from tastelm.train.stage import Stage

C = TypeVar("C")


@runtime_checkable
class ItemScorer(Protocol):
    """A module that can say how well every item would go with a history. Answering is separate from training."""

    def item_scores(self, histories: Sequences, users: NDArray[np.int32]) -> Tensor:
        """A fresh (B, N) tensor of scores, higher is better, for B histories of item codes (any length, also none) and who asks (-1: a stranger)."""


@runtime_checkable
class CandidateScorer(Protocol):
    """A module that can score a few candidates for much less than the whole catalogue."""

    def candidate_scores(self, histories: Sequences, users: NDArray[np.int32], candidates: Sequences) -> Tensor:
        """(T,) scores, on the scale of `item_scores`, of the candidates of each of B histories, end to end; each at least one."""


@dataclass(frozen=True)
class Judging:
    """How a run is judged, where answers are costly: what is not full says so in the protocol that the numbers carry.

    ranking  where its fit ends, as `tastelm evaluate` takes it
    cases    how many questions it is asked there at most, None for all
    looks    how many it is asked at each look in between: enough for a steady choice of the best weights; more would cost more than it tells
    """

    ranking: str = "full"
    cases: int | None = None
    looks: int = 10_000


@runtime_checkable
class Profiler(Protocol):
    """A module that can say what the user of a history is likely to be."""

    def profiles(self, histories: Sequences) -> Mapping[str, Tensor]:
        """Attribute -> (B, categories) probabilities, for B histories of item codes (any length, also none)."""


@runtime_checkable
class Explainer(Protocol):
    """A module that gives reasons."""

    def explain(self, users: NDArray[np.int32], items: NDArray[np.int32]) -> list[str]:
        """Why each of B users would like the item beside, or would not, in a sentence; codes of strangers are -1."""


@runtime_checkable
class Foresees(Protocol):
    """A module that can say how likely it is to give a reason.

    learnt_from  what its tokenizer was learnt from, where it comes with no model
    """

    learnt_from: str

    @property
    def tokens(self) -> Tokens:
        """Its tokenizer."""

    def foresee(self, users: NDArray[np.int32], items: NDArray[np.int32], texts: Sequence[str]) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
        """Of each of B sentences about pairs of codes (-1: a stranger) its negative log-likelihood in nats, NaN where it is longer than the module reads,
        and its tokens, the one that ends it among them."""


@runtime_checkable
class Guided(Protocol):
    """A module that may be told what a reason is to be about.

    given  it was trained so, and is judged so: with the feature of the true reason
    """

    given: bool

    def explain(self, users: NDArray[np.int32], items: NDArray[np.int32], about: Sequence[str] = ()) -> list[str]:
        """As `Explainer`, about a feature each, "" for none."""


@runtime_checkable
class Rater(Protocol):
    """A module that predicts ratings."""

    def ratings(self, users: NDArray[np.int32], items: NDArray[np.int32]) -> Tensor:
        """(B,) the rating that each user would give, on the scale of the data; codes of strangers are -1."""


@runtime_checkable
class Summariser(Protocol):
    """A module that says reviews in a line."""

    def summaries(self, users: NDArray[np.int32], reviews: Sequence[str]) -> list[str]:
        """What each of B users wrote, in a line; codes of strangers are -1."""


# What the page of an item says: `title`, `brand` and `price`, and with them the `feature` that a reason is to be about.
Page = Mapping[str, str]


@runtime_checkable
class NewcomerRater(Protocol):
    """A module that says what users would think of items that it has never met, by what their pages say."""

    def page_stars(self, users: NDArray[np.int32], pages: Sequence[Page]) -> Tensor:
        """(B,) one to five stars that each of B users would give to the item beside; codes of strangers are -1."""

    def page_likings(self, users: NDArray[np.int32], pages: Sequence[Page]) -> Tensor:
        """(B,) how much likelier it is that the user likes the item than that not; above 0 for likelier."""


@runtime_checkable
class NewcomerExplainer(Protocol):
    """A module that gives reasons for opinions on items that it has never met. `reads_features`: it must be told what a reason is to be about."""

    @property
    def reads_features(self) -> bool: ...

    def page_reasons(self, users: NDArray[np.int32], pages: Sequence[Page]) -> list[str]:
        """What each of B users would say of the item beside, in a sentence; codes of strangers are -1."""


@runtime_checkable
class Prompted(Protocol):
    """A module that asks a language model."""

    def prompts(self, histories: Sequences, users: NDArray[np.int32]) -> list[Prompt]:
        """What the model is given for each of B histories of item codes (any length, also none) and who asks (-1: a stranger)."""


@runtime_checkable
class Asking(Protocol):
    """A module whose prompts are about candidates.

    together  whether a prompt holds several, and not one
    """

    together: bool

    def asked(self, history: NDArray[np.integer], candidates: NDArray[np.integer]) -> Asked:
        """What the model is given about these candidates of a history; what holds one candidate is about the first."""


class System(ABC, Generic[C]):
    """One row of Table 1. A subclass brings `card`, a frozen dataclass `Config` of settings, and the two methods below.

    It has no training loop, no metric, no loader and no `requires_grad` of its own: it composes parts.
    """

    card: ClassVar[Card]
    Config: ClassVar[type]
    judging: ClassVar[Judging] = Judging()

    def __init_subclass__(cls, **options: Any) -> None:
        super().__init_subclass__(**options)
        if hasattr(cls, "card") and hasattr(cls, "Config"):
            cls.card = replace(cls.card, space=search_space(cls.Config))

    def __init__(self, config: C) -> None:
        self.config = config

    @classmethod
    def create(cls, settings: Mapping[str, Any] | None = None) -> System[Any]:
        """The system with `settings` over its defaults. Raises SettingError."""
        return cls(configure(cls.Config, settings or {}, owner=cls.card.name))

    def settle(self, split: Split) -> System[C]:
        """The same system with the settings that follow the data filled in. Those are stored with the run, so loading needs no data."""
        return self

    def asked_by(self, values: Mapping[str, Any], data: str) -> System[C]:
        """The same system, trained on data of this name, with other values of the settings that decide how it is asked. Raises SettingError."""
        return type(self)(asked_otherwise(self.config, values, owner=self.card.name))

    def from_scratch(self) -> System[C]:
        """The same system without its pre-training, so that its last stage learns everything; as it is where the last stage cannot stand alone."""
        return self

    def sizes(self, split: Split) -> Sizes:
        """What `build` needs to know of `split`; a run folder stores it."""
        return split.sizes

    @abstractmethod
    def build(self, sizes: Sizes) -> nn.Module:
        """The module that answers (an ItemScorer), not yet trained, from settled settings and sizes alone: a run folder stores both."""

    @abstractmethod
    def stages(self, split: Split) -> Iterator[Stage]:
        """The phases of training, in order; the module of the last one answers. Each is run before the next is asked for."""
