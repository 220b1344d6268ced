"""What a transfer curve asks: which system, from whom to whom, over which shares, and the trainings that answer it.

| arm         | is trained on                                  | says                                              |
|-------------|------------------------------------------------|---------------------------------------------------|
| scratch     | the share alone                                | what must be beaten                               |
| pre-trained | the source, then tuned on the share            | what pre-training brings                          |
| joint       | source and share together, without pre-training | whether it is pre-training or only more data      |
| zero-shot   | the source; nothing is tuned                   | where the curve begins                            |

`scratch` and `joint` train the system as `System.from_scratch` makes it, without pre-training. One whose last stage cannot stand alone, as
patches on a network that knows nothing, takes all its stages there: the same recipe on other data.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from tastelm.card import Paradigm
from tastelm.data.shares import Shares
from tastelm.data.split import Split
from tastelm.errors import SettingError, nearest
from tastelm.evaluation import Protocol, protocol
from tastelm.jobs import Job, describe_data
from tastelm.metrics import parse_metrics
from tastelm.settings import decisive
from tastelm.systems.base import System
from tastelm.systems.catalogue import names
from tastelm.systems.catalogue import system as find_system
from tastelm.train.budget import Budget
from tastelm.transfer.curve import FORMAT, Place
from tastelm.tuning import ranks

ARMS = ("scratch", "pre-trained", "joint", "zero-shot")
# Those that begin with the weights of the source.
PRETRAINED = ("pre-trained", "zero-shot")
SHARES = (0.01, 0.05, 0.1, 0.5, 1.0)
METRICS = parse_metrics("hr@10 ndcg@10")
# Whose first stage is a pre-training; the others begin from what was trained elsewhere, or from nothing.
TRANSFERRED = (Paradigm.PRETRAIN_ONLY, Paradigm.HOLISTIC, Paradigm.PARTIAL, Paradigm.EXTERNAL, Paradigm.PROMPT_TUNING)


@dataclass(frozen=True, eq=False)
class Transfer:
    """A curve to be drawn.

    base    a split of all users; settings that follow the data follow its histories, which are read when asked whatever is trained on,
            so that all points have the same module
    source  share of the users that is pre-trained on
    seeds   each trains everything once, on its own draw of the shares
    budget  longest training of a point: of `pre-trained` both halves together, of the others the one they have

    Raises SettingError for a system without pre-training and for shares, arms, seeds or a budget that are none, DataError for too few users.
    """

    system: System[Any]
    base: Split
    shares: tuple[float, ...] = SHARES
    arms: tuple[str, ...] = ARMS
    seeds: tuple[int, ...] = (0, 1, 2)
    budget: str | None = None
    source: float = 0.5

    def __post_init__(self) -> None:
        _check_shares(self.shares)
        for what, chosen in (("arms", self.arms), ("seeds", self.seeds)):
            if not chosen or len(set(chosen)) < len(chosen):
                raise SettingError(f"{what}: {', '.join(map(str, chosen)) or 'nothing'} does not fit; give each once, and at least one.")
        for arm in self.arms:
            if arm not in ARMS:
                raise SettingError(f"arms: '{arm}' is not known; {nearest(arm, ARMS)}")
        if not ranks(self.system, self.base):
            raise SettingError(
                f"{self.system.card.name} gives reasons and ranks nothing, so no metric of rankings tells what its pre-training is worth. "
                "Take a system that ranks items."
            )
        if self.n_stages == 1 and self.system.card.paradigm is not Paradigm.PRETRAIN_ONLY:
            able = [name for name in names() if find_system(name).card.paradigm in TRANSFERRED]
            raise SettingError(f"{self.system.card.name} has no pre-training stage as it is set, so nothing can be transferred; {', '.join(able)} have one.")
        for seed in self.seeds:
            Job(self.system, self.base, self.budget, seed)
            for share in self.shares:
                self.users.drawn(share, seed)

    @cached_property
    def users(self) -> Shares:
        """Who is source and who is target."""
        return Shares(self.base, self.source)

    @cached_property
    def settled(self) -> System[Any]:
        """The system with the settings that follow the data."""
        return self.system.settle(self.base)

    @cached_property
    def untaught(self) -> System[Any]:
        """The same without its pre-training, or as it is where it cannot do without."""
        return self.settled.from_scratch()

    @cached_property
    def n_stages(self) -> int:
        """Stages of the system. Those before the last pre-train, the last one tunes; one alone does both, on other data."""
        return sum(1 for _ in self.settled.stages(self.pretraining))

    @cached_property
    def pretraining(self) -> Split:
        """What is pre-trained on."""
        return self.users.split(source=True)

    @cached_property
    def question(self) -> Protocol:
        """The test questions of all target users: the same for every point."""
        return protocol(self.pretraining, metrics=METRICS, seed=self.base.seed)

    def limit(self, arm: str) -> Budget | None:
        """Of a training. Where one stage both pre-trains and tunes, it gets half of the budget each time, as two stages would."""
        whole = None if self.budget is None else Budget.parse(self.budget)
        return whole.share(0.5) if whole is not None and self.n_stages == 1 and arm in PRETRAINED else whole

    def places(self) -> list[Place]:
        """The points, seed by seed and from the smallest share on, so that what is interrupted has a whole curve first."""
        tuned = [arm for arm in self.arms if arm != "zero-shot"]
        first = [0.0] if "zero-shot" in self.arms else []
        return [Place(arm, share, seed) for seed in self.seeds for share in (*first, *self.shares) for arm in (tuned if share else ["zero-shot"])]

    def split(self, place: Place) -> Split:
        """What the last training of a point sees."""
        return self.pretraining if place.arm == "zero-shot" else self.users.split(place.share, place.seed, source=place.arm == "joint")

    def key(self, place: Place) -> str:
        """16 hex digits over all that decides a point."""
        parts = [FORMAT, place.arm, self.question.describe()["split_fingerprint"]]
        if place.arm in PRETRAINED:
            parts.append(self.pretraining_key(place.seed))
        if place.arm != "zero-shot":
            system = self.settled if place.arm == "pre-trained" else self.untaught
            parts.append(Job(system, self.split(place), self.budget, place.seed).key)
        return hashlib.sha256(json.dumps(parts).encode()).hexdigest()[:16]

    def pretraining_key(self, seed: int) -> str:
        """The same for the pre-trained weights."""
        return Job(self.settled, self.pretraining, self.budget, seed).key

    def about(self) -> dict[str, Any]:
        """What must be alike for points to stand on one curve."""
        return {
            "system": self.system.card.name,
            "config": decisive(self.settled.config),
            "without_pretraining": {name: value for name, value in vars(self.untaught.config).items() if value != vars(self.settled.config)[name]},
            "data": describe_data(self.base),
            "split": self.base.protocol,
            "split_seed": self.base.seed,
            "source": self.source,
            "budget": self.budget,
            "users": {"source": len(self.users.source), "target": len(self.users.targets)},
            "questions": self.question.describe(),
        }

    def counts(self) -> Mapping[str, int]:
        """How many target users each share holds."""
        return {f"{share:g}": len(self.users.drawn(share, self.seeds[0])) for share in self.shares}


def parse_shares(text: str) -> tuple[float, ...]:
    """`1,5,10,50,100`, in percent -> (0.01, 0.05, 0.1, 0.5, 1.0). Raises SettingError."""
    try:
        shares = tuple(float(word) / 100 for word in text.split(","))
    except ValueError:
        raise SettingError(f"shares: '{text}' is no list of percentages; write it like 1,5,10,50,100.") from None
    _check_shares(shares)
    return shares


def parse_seeds(text: str) -> tuple[int, ...]:
    """`0,1,2` -> (0, 1, 2). Raises SettingError."""
    try:
        return tuple(int(word) for word in text.split(","))
    except ValueError:
        raise SettingError(f"seeds: '{text}' is no list of whole numbers; write it like 0,1,2.") from None


def _check_shares(shares: Sequence[float]) -> None:
    if not shares or not all(0 < share <= 1 for share in shares) or list(shares) != sorted(set(shares)):
        said = ", ".join(f"{100 * share:g} %" for share in shares) or "nothing"
        raise SettingError(f"shares: {said} does not fit; they rise from above 0 to 100 % at most, as in --shares 1,5,10,50,100.")
