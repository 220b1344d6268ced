"""The contract of a system, as checks anybody can run on a system of their own.

    from tastelm.testing import check_system
    check_system(MySystem)

Each check trains the system on a toy of a few hundred events and raises AssertionError, with a sentence, where a promise is
broken. `CHECKS` holds them one by one, for a test runner that wants to name them.
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Mapping
from dataclasses import fields
from typing import Any

import numpy as np
import polars as pl
import torch

from tastelm.card import Paradigm, Question, Target
from tastelm.data.dataset import Dataset
from tastelm.data.sequences import Sequences
from tastelm.data.split import Split, split
from tastelm.evaluation import evaluate, protocol
from tastelm.explaining import give_reasons
from tastelm.fitting import Fitted, fit_system
from tastelm.metrics import parse_metrics
from tastelm.prompting.writer import ItemWriter
from tastelm.recommender import Recommender
from tastelm.runs import load
from tastelm.settings import describe
from tastelm.systems.base import System
from tastelm.train.budget import Budget

# Small enough for seconds; a system takes those of them that it has.
SMALL: dict[str, Any] = {
    "dim": 16, "layers": 1, "heads": 2, "dropout": 0.1, "max_len": 10, "batch": 512, "lr": 1e-2,
    "model": "scratch:dim=16,layers=1,heads=2,context=512,vocabulary=300", "ids": "random", "levels": 2, "codes": 8, "shown": 1,
}  # fmt: skip
ITEMS = 20
NOUNS = ("zip", "collar", "sleeve", "hem")
# Of the steps on the noisy circle this share goes to the next item; the others go anywhere.
FAITHFUL = 0.8


def circle(users: int = 150, *, seed: int = 0, faithful: float = FAITHFUL) -> Dataset:
    """Users who walk a circle of items, item i to i + 1, but jump anywhere now and then: only the order tells what comes next.

    The best that can be done is known: `faithful` + (1 - faithful) / ITEMS of the steps can be foreseen.
    """
    rng = np.random.default_rng(seed)
    rows = []
    for user in range(users):
        item = int(rng.integers(ITEMS))
        for at in range(int(rng.integers(6, 14))):
            rows.append((f"u{user}", str(item), float(at)))
            item = (item + 1) % ITEMS if rng.random() < faithful else int(rng.integers(ITEMS))
    return _toy(rows, "circle")


def tastes(users: int = 150, *, seed: int = 0) -> Dataset:
    """Users of two tastes, each for one half of the items and within it for the popular: the order tells nothing."""
    rng = np.random.default_rng(seed)
    half = ITEMS // 2
    weight = 1.0 / np.arange(1, half + 1) ** 1.5
    rows = []
    for user in range(users):
        chosen = rng.choice(half, size=4, replace=False, p=weight / weight.sum()) + half * (user % 2)
        rows += [(f"u{user}", str(item), float(at)) for at, item in enumerate(chosen)]
    return _toy(rows, "tastes")


def reasons(users: int = 60, *, seed: int = 0, faithful: float = FAITHFUL) -> Dataset:
    """Users who tell what they think of items: an item has a noun, and half of the items are fine; now and then somebody says otherwise.

    The best that can be done is known: `faithful` of the words, and all nouns, can be foreseen.
    """
    rng = np.random.default_rng(seed)
    rows = []
    for user in range(users):
        for at, item in enumerate(rng.permutation(ITEMS)[: int(rng.integers(6, 14))].tolist()):
            fine = (item < ITEMS // 2) == (rng.random() < faithful)
            noun = NOUNS[item % len(NOUNS)]
            rows.append((f"u{user}", str(item), float(at), 5.0 if fine else 1.0, f"the {noun} is {'fine' if fine else 'poor'}", noun))
    names = ["user", "item", "time", "rating", "explanation", "feature"]
    return Dataset.build(pl.DataFrame(rows, schema=names, orient="row"), name="reasons")


def _toy(rows: list[tuple[str, str, float]], name: str) -> Dataset:
    """Items are called by name, for systems that read."""
    items = pl.DataFrame({"item": [str(item) for item in range(ITEMS)], "title": [f"Number {item}" for item in range(ITEMS)]})
    return Dataset.build(pl.DataFrame(rows, schema=["user", "item", "time"], orient="row"), items=items, name=name)


def train(system: type[System[Any]], data: Dataset, settings: Mapping[str, Any] | None = None, *, budget: str = "300steps") -> Fitted:
    """Train `system` with small settings on `data`."""
    # A system that begins from scratch anyway takes its size from its own settings.
    known = {entry.name for entry in fields(system.Config) if entry.default != "scratch"}
    small = {name: value for name, value in SMALL.items() if name in known} | dict(settings or {})
    return fit_system(system.create(small), _split(system, data), budget=Budget.parse(budget))


def _split(system: type[System[Any]], data: Dataset) -> Split:
    return split(data, "random:0.7,0.1" if _explains(system) else "leave-one-out")


def _explains(system: type[System[Any]]) -> bool:
    return system.card.task is Question.EXPLANATION


def _model(system: type[System[Any]], settings: Mapping[str, Any] | None, users: int = 60) -> Recommender:
    return train(system, (reasons if _explains(system) else circle)(users), settings, budget="3epochs").recommender


def tells_what_it_is(system: type[System[Any]], settings: Mapping[str, Any] | None = None) -> None:
    """The card is complete, and every setting has a meaning and a source."""
    row = system.card.row()
    assert all(row.values()), f"{system.__name__}: the card leaves {[name for name, text in row.items() if not text]} empty"
    for line in describe(system.Config):
        assert line.meaning and line.source, f"{system.__name__}.{line.name}: say what it means and where the default comes from"
    assert system.__doc__, f"{system.__name__} has no docstring"


def is_deterministic(system: type[System[Any]], settings: Mapping[str, Any] | None = None) -> None:
    """The same seed gives the same weights, to the bit."""
    first, second = (_model(system, settings).module.state_dict() for _ in range(2))
    for name, value in first.items():
        assert torch.equal(value, second[name]), f"{system.__name__}: {name} differs between two trainings with the same seed"


def survives_saving(system: type[System[Any]], settings: Mapping[str, Any] | None = None) -> None:
    """What is loaded from the run folder, without the data, recommends the same."""
    model = _model(system, settings)
    with tempfile.TemporaryDirectory() as folder:
        model.save(folder)
        again = load(folder)
    for history in (["3", "4"], ["7"], []):
        assert model.recommend(history, 5) == again.recommend(history, 5), f"{system.__name__}: other lists after loading, for {history}"


def bears_odd_histories(system: type[System[Any]], settings: Mapping[str, Any] | None = None) -> None:
    """Unknown ids, no history, one item, more than the window: k items each time, no repeats, no numbers that are none."""
    model = _model(system, settings)
    for history in ([], ["5"], ["nobody", "5", "knows"], ["nobody"], [str(at % ITEMS) for at in range(300)]):
        found = model.recommend(history, 5, keep_seen=True)
        assert len(found) == 5, f"{system.__name__}: {len(found)} items instead of 5 for a history of {len(history)}"
        assert len(set(found.ids)) == 5, f"{system.__name__} recommends an item twice"
        assert all(np.isfinite(entry.score) for entry in found), f"{system.__name__}: a score is not a number"
    assert model.recommend(["nobody", "5"], 3).unknown == ("nobody",), "unknown ids are to be named"


def ends_with_the_catalogue(system: type[System[Any]], settings: Mapping[str, Any] | None = None) -> None:
    """k beyond the catalogue gives all that may be recommended, each once."""
    model = _model(system, settings)
    found = model.recommend(["1", "2"], 10 * ITEMS, keep_seen=False)
    assert sorted(found.ids) == sorted(set(model.items.ids) - {"1", "2"}), f"{system.__name__}: not the whole catalogue less the history"


def leaves_out(system: type[System[Any]], settings: Mapping[str, Any] | None = None) -> None:
    """Excluded items, and seen ones unless they are to be kept, are not recommended."""
    model = _model(system, settings)
    for place in range(3):
        first = model.recommend(["1", "2"], 3, keep_seen=True).ids[place]
        assert first not in model.recommend(["1", "2"], ITEMS, exclude=[first], keep_seen=True).ids, f"{system.__name__} recommends an excluded item"
    assert not {"1", "2"} & set(model.recommend(["1", "2"], ITEMS, keep_seen=False).ids), f"{system.__name__} recommends a seen item"


def trains_on_one_user(system: type[System[Any]], settings: Mapping[str, Any] | None = None) -> None:
    """A single user is enough to train on and to ask; for reasons two, since one alone has nothing to hold them against."""
    model = _model(system, settings, 2 if _explains(system) else 1)
    assert model.recommend([model.items.ids[0]], 2), f"{system.__name__}: nothing to recommend after one user"


def ignores_the_batch(system: type[System[Any]], settings: Mapping[str, Any] | None = None) -> None:
    """A history gets the same list alone and in company."""
    model = _model(system, settings)
    rng = np.random.default_rng(0)
    histories = Sequences.of([rng.integers(ITEMS, size=size) for size in rng.integers(0, 15, size=40)])
    together, scores = model.rank(histories, 5)
    for index in range(len(histories)):
        alone, score = model.rank(histories.take(np.array([index])), 5)
        close = np.allclose(scores[index], score[0], rtol=1e-4, atol=1e-5)
        assert close, f"{system.__name__}: history {index} scores {score[0]} alone and {scores[index]} in a batch"
        gaps = np.abs(np.diff(score[0])).min(initial=1.0)
        assert gaps < 1e-5 or (together[index] == alone[0]).all(), f"{system.__name__}: another list alone than in a batch"


def learns(system: type[System[Any]], settings: Mapping[str, Any] | None = None) -> None:
    """The toy is learnt, and not better than it can be: fails if the step, the shift or the mask is broken.

    A tuning-free system that trains no weight at all has nothing to learn. What answers from what its language model has read elsewhere
    cannot learn a circle from scratch; its loss must fall.
    """
    if _explains(system):
        _learns_reasons(system, settings)
        return
    ordered = bool({Target.AUTOREGRESSIVE, Target.MASKED} & set(system.card.objectives)) or system.card.objectives == (Target.NONE,)
    data = circle(400) if ordered else tastes(400)
    fitted = train(system, data, settings)
    if not sum(stage.trained_parameters for stage in fitted.stages) and system.card.paradigm is Paradigm.TUNING_FREE:
        return
    if system.card.task is Question.ZERO_SHOT:
        losses = [look["loss"] for look in fitted.stages[-1].history]
        assert losses[-1] < losses[0], f"{system.__name__}: the loss of its last stage does not fall: {losses}"
        return
    question = protocol(split(data), metrics=parse_metrics("hr@1 hr@4"), seen="keep" if ordered else "mask")
    found = evaluate(fitted.recommender.module, question).metrics  # type: ignore[arg-type]
    if ordered:
        best = FAITHFUL + (1 - FAITHFUL) / ITEMS
        assert found["hr@1"] > best - 0.08, f"{system.__name__} finds {found['hr@1']:.3f} of the next items on the circle; {best:.2f} can be found"
        assert found["hr@1"] < best + 0.06, f"{system.__name__} finds {found['hr@1']:.3f} of the next items, but only {best:.2f} can be known: it peeks"
        _does_not_peek(system, fitted)
        return
    # Seven items are left in the user's half and seventeen in all: four at random find .24, four popular ones of the right half
    # about .77, and nobody can do better but by seeing the answer.
    floor = 0.3 if system.card.objectives == (Target.COUNT,) else 0.55
    assert floor < found["hr@4"] < 0.88, f"{system.__name__} finds {found['hr@4']:.3f} of the test items in 4, not between {floor} and 0.88"


def _learns_reasons(system: type[System[Any]], settings: Mapping[str, Any] | None) -> None:
    """The noun of an item is named, and what is said of it is right as often as it can be known, and not more often."""
    data = reasons(200)
    parts = _split(system, data)
    said = give_reasons(train(system, data, settings, budget="600steps").recommender, parts)
    assert said is not None and len(said.texts) == len(said.asked), f"{system.__name__} gives no reasons"
    named = np.mean([noun in text for text, noun in zip(said.texts, said.asked.features, strict=True)])
    assert named > 0.9, f"{system.__name__} names the noun of the item in {named:.2f} of its reasons; chance is {1 / len(NOUNS):.2f}"
    right = np.mean([text == truth for text, truth in zip(said.texts, said.asked.texts, strict=True)])
    # Who reads the rating in training has to guess it afterwards, and may then be right about the noun alone: the word is one of two.
    assert 0.45 < right < FAITHFUL + 0.08, f"{system.__name__} gives {right:.2f} of the true sentences, where {FAITHFUL} can be known"


def _does_not_peek(system: type[System[Any]], fitted: Fitted) -> None:
    """On walks it has not learnt by heart the loss of the next item cannot be below what the noise leaves open, unless the target is seen."""
    others = split(circle(400, seed=1))  # as many users as in training, so that the weights of a module that knows its users fit
    stage = list(fitted.recommender.system.stages(others))[-1]
    next_item = Target.AUTOREGRESSIVE in system.card.objectives and Target.MASKED not in system.card.objectives
    softmax = getattr(fitted.recommender.system.config, "loss", "full") == "full"
    if not next_item or not softmax or stage.view is None or stage.objective is None:
        return
    stage.module.load_state_dict(fitted.recommender.module.state_dict())
    stage.module.eval()
    batches = stage.view.batches(0, 0)
    with torch.no_grad():
        outcomes = [stage.objective(stage.module, batches[index], np.random.default_rng(index)) for index in range(len(batches))]
    loss = sum(float(outcome.loss) * outcome.targets for outcome in outcomes) / sum(outcome.targets for outcome in outcomes)
    if isinstance(stage.module, ItemWriter):  # its loss is that of a token, and an item has several
        loss *= float(stage.module.codes.sequences().lengths.mean())
    jump = (1 - FAITHFUL) / ITEMS
    entropy = -(FAITHFUL + jump) * np.log(FAITHFUL + jump) - (ITEMS - 1) * jump * np.log(jump)
    assert loss > 0.75 * entropy, f"{system.__name__}: the loss {loss:.3f} is below the entropy of the toy, {entropy:.3f}: the target is seen"


Check = Callable[[type[System[Any]], Mapping[str, Any] | None], None]
CHECKS: dict[str, Check] = {
    check.__name__: check
    for check in (
        tells_what_it_is, is_deterministic, survives_saving, bears_odd_histories, ends_with_the_catalogue, leaves_out, trains_on_one_user,
        ignores_the_batch, learns,
    )
}  # fmt: skip


def check_system(system: type[System[Any]], settings: Mapping[str, Any] | None = None) -> None:
    """Run every check. Raises AssertionError at the first broken promise."""
    for check in CHECKS.values():
        check(system, settings)
