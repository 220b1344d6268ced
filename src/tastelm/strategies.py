"""Who may change in a stage: the eight training strategies of the survey's section 4. Nothing else sets `requires_grad`.

A strategy is a rule over named parameter groups. The group of a parameter is the first part of its name in the assembled
module, so a module with the children `items`, `backbone` and `head` has these three groups; low-rank adapters are the group `adapter`.

| strategy      | pre-trained model           | prompt  | the rest |
|---------------|-----------------------------|---------|----------|
| PretrainOnly  | trained on the domain       | none    | trained  |
| Holistic      | trained                     | none    | trained  |
| Partial       | the groups named            | none    | as named |
| External      | frozen                      | none    | trained  |
| PromptTuning  | frozen                      | trained | trained  |
| PLMTuning     | trained                     | frozen  | trained  |
| TuningFree    | frozen                      | frozen  | frozen   |
| PromptAndPLM  | trained                     | trained | trained  |
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from torch import nn

from tastelm.errors import StrategyError

# The groups that a pre-trained model brings along; a prompt and everything else come on top.
PRETRAINED = frozenset({"backbone", "items"})
PROMPT = frozenset({"prompt"})
ADAPTER = "adapter"


@dataclass(frozen=True)
class Strategy:
    """Base of the eight: which groups train, and which must be there."""

    def trains(self, group: str) -> bool:
        """Whether the parameters of `group` may change."""
        return True

    def needs(self) -> frozenset[str]:
        """Groups without which the strategy would mean something else."""
        return frozenset()

    @property
    def name(self) -> str:
        return type(self).__name__


class PretrainOnly(Strategy):
    """Trained on the domain and used as it is (survey 4.1, pre-training without fine-tuning)."""


class Holistic(Strategy):
    """The whole pre-trained model is tuned."""


@dataclass(frozen=True)
class Partial(Strategy):
    """Only the named groups of the pre-trained model are tuned, the rest stays."""

    groups: frozenset[str]

    def trains(self, group: str) -> bool:
        return group in self.groups

    def needs(self) -> frozenset[str]:
        return self.groups


@dataclass(frozen=True)
class External(Strategy):
    """The pre-trained model is frozen and what was built on it is tuned; or it was only a `starting_point`, and all is tuned."""

    starting_point: bool = False

    def trains(self, group: str) -> bool:
        return self.starting_point or group not in PRETRAINED

    def needs(self) -> frozenset[str]:
        return frozenset({"backbone"})


class PromptTuning(Strategy):
    """The pre-trained model is frozen; the prompt, and a head if there is one, are tuned (survey 4.2)."""

    def trains(self, group: str) -> bool:
        return group not in PRETRAINED

    def needs(self) -> frozenset[str]:
        return PROMPT


class PLMTuning(Strategy):
    """The prompt is fixed and the pre-trained model is tuned to it."""

    def trains(self, group: str) -> bool:
        return group not in PROMPT


class TuningFree(Strategy):
    """Nothing is tuned."""

    def trains(self, group: str) -> bool:
        return False


class PromptAndPLM(Strategy):
    """Prompt and pre-trained model are tuned together."""

    def needs(self) -> frozenset[str]:
        return PROMPT


STRATEGIES: tuple[type[Strategy], ...] = (PretrainOnly, Holistic, Partial, External, PromptTuning, PLMTuning, TuningFree, PromptAndPLM)


def group_of(parameter: str) -> str:
    """`backbone.blocks.0.up.weight` -> `backbone`. What was put into a matrix of a pre-trained model (`lora_A`, `lora_B`) is a group of its own."""
    return ADAPTER if ".lora_" in parameter else parameter.split(".", 1)[0]


@dataclass(frozen=True)
class Plan:
    """Names of the parameters that a stage trains and of those it must leave alone."""

    trained: tuple[str, ...]
    frozen: tuple[str, ...]


def prepare(module: nn.Module, strategy: Strategy, *, stage: str) -> Plan:
    """Set `requires_grad` by the strategy and say what will move.

    Raises StrategyError if a group the strategy needs is missing, or if a strategy that trains would train nothing.
    """
    names = [name for name, _ in module.named_parameters()]
    groups = {group_of(name) for name in names}
    missing = strategy.needs() - groups
    if missing:
        raise StrategyError(
            f"stage '{stage}': {strategy.name} needs the parameter group {_list(missing)}, but the module has {_list(groups)}. "
            "Name the module's children after the groups, or choose another strategy."
        )
    trained = tuple(name for name in names if strategy.trains(group_of(name)))
    if not trained and not isinstance(strategy, TuningFree):
        raise StrategyError(f"stage '{stage}': {strategy.name} would train nothing of the groups {_list(groups)}.")
    for name, parameter in module.named_parameters():
        parameter.requires_grad_(name in set(trained))
    return Plan(trained, tuple(name for name in names if name not in set(trained)))


def snapshot(module: nn.Module) -> dict[str, str]:
    """Parameter name -> hash of its values, to see later what moved."""
    return {name: hashlib.sha256(value.detach().cpu().contiguous().numpy().tobytes()).hexdigest() for name, value in module.named_parameters()}


def check_moved(plan: Plan, before: Mapping[str, str], module: nn.Module, *, stage: str) -> None:
    """Raises StrategyError if a frozen parameter moved, or if no parameter of a trained group did."""
    after = snapshot(module)
    moved = {name for name in after if after[name] != before[name]}
    wrong = moved & set(plan.frozen)
    if wrong:
        raise StrategyError(f"stage '{stage}': frozen parameters moved: {_list(wrong)}. Only strategies.py may decide what trains.")
    still = {group_of(name) for name in plan.trained} - {group_of(name) for name in moved}
    if still:
        hint = "Does the objective use it, is the rate above 0, and do the data differ in what it reads (a column with one value teaches nothing)?"
        raise StrategyError(f"stage '{stage}': nothing moved in the trained group {_list(still)}. {hint}")


def _list(names: Iterable[str]) -> str:
    return ", ".join(sorted(names)) or "none"
