"""VIP5 (Geng et al. 2023) is left open by the slots: pictures beside a history, and adapters in a model that stays as it is, in a class of forty lines."""

import inspect
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
import torch
from torch import Tensor, nn

from tastelm.card import Card, DataType, Paradigm, Question, Target
from tastelm.data.dataset import Dataset
from tastelm.data.features import Sizes
from tastelm.data.split import Part, Split, split
from tastelm.errors import SettingError
from tastelm.fitting import fit_system
from tastelm.plm.adapters import add_lora
from tastelm.prompting.writer import PICTURES, ItemWriter
from tastelm.runs import load
from tastelm.settings import setting
from tastelm.strategies import Partial
from tastelm.systems import catalogue
from tastelm.systems.many_prompts import Course, ManyPrompts, ManyPromptsConfig
from tastelm.text.template import Template
from tastelm.train.budget import Budget
from tastelm.train.stage import Stage

SEEN = Template("seen", "{user} had {history} that look like {look}, then", "{item}", {"user": "user", "history": "history", "look": "image", "item": "item"})
BLIND = Template("blind", "{user} had {history}, then", "{item}", {"user": "user", "history": "history", "item": "item"})
KINDS, WIDE = 4, 8


class Pictures(nn.Module):
    """(...) codes of items -> (..., D) their pictures, as a model reads them."""

    def __init__(self, items: int, width: int) -> None:
        super().__init__()
        self.register_buffer("seen", torch.zeros(items, WIDE))
        self.project = nn.Sequential(nn.Linear(WIDE, width), nn.GELU(), nn.Linear(width, width))

    def forward(self, rows: Tensor) -> Tensor:
        found: Tensor = self.project(self.get_buffer("seen")[rows])
        return found


class Vip(ManyPrompts["Vip.Config"]):
    """Pre-trained on words; then adapters learn to look at pictures, and the model stays as it is."""

    card = Card(
        name="vip",
        paper="Geng et al. 2023",
        summary="Looks at pictures.",
        paradigm=Paradigm.PROMPT_TUNING,
        objectives=(Target.AUTOREGRESSIVE,),
        task=Question.SEQUENTIAL,
        data=(DataType.SEQUENCE,),
    )

    @dataclass(frozen=True)
    class Config(ManyPromptsConfig):
        look: bool = setting(True, "whether pictures are seen")

    def asked(self, data: str) -> Template:
        return SEEN if self.config.look else BLIND

    def courses(self, data: str) -> list[Course]:
        return [Course([self.asked(data)], self.config.sequential)]

    def build(self, sizes: Sizes) -> ItemWriter:
        module = super().build(sizes)
        module.sources[PICTURES] = Pictures(sizes.items, module.backbone.width)
        add_lora(module.backbone, rank=8, alpha=16, dropout=0.0)
        return module

    def stages(self, split: Split) -> Iterator[Stage]:
        (stage,) = super().stages(split)
        yield replace(stage, share=0.3, strategy=Partial(frozenset({"backbone"})))
        stage.module.get_submodule(f"sources.{PICTURES}").get_buffer("seen").copy_(looks(split.items.ids))
        yield replace(
            stage,
            name="adapt",
            share=0.7,
            strategy=Partial(frozenset({"adapter", "sources"} if self.config.look else {"adapter"})),
            descent=replace(stage.descent, lr=1e-2),
        )


def looks(ids: list[str]) -> Tensor:
    """(N, WIDE) a picture of each item, which shows its kind: the last digit of its id."""
    kinds = torch.tensor([int(name[-1]) for name in ids])
    return nn.functional.one_hot(kinds, WIDE).float() + 0.1 * torch.randn(len(ids), WIDE, generator=torch.Generator().manual_seed(0))


@pytest.fixture(scope="module")
def parts() -> Split:
    """After an item that nobody else has comes the common one of its kind, which its picture alone tells."""
    rng = np.random.default_rng(0)
    rows = list[tuple[str, str, float]]()
    for user in range(300):
        for turn, kind in enumerate(rng.integers(KINDS, size=2).tolist()):
            rows += [(f"u{user}", f"rare {user} {turn} {kind}", 2.0 * turn), (f"u{user}", f"common {kind}", 2.0 * turn + 1)]
    return split(Dataset.build(pl.DataFrame(rows, schema=["user", "item", "time"], orient="row"), name="shop"), "cold-users:0.3")


SETTINGS = {"ids": "random", "codes": 20, "levels": 2, "dim": 32, "layers": 1, "heads": 2, "batch": 64, "whole_words": False, "lr": 5e-3}


def fitted(parts: Split, budget: str = "300steps", **settings: Any) -> Any:
    return fit_system(Vip.create(SETTINGS | settings), parts, budget=Budget.parse(budget)).recommender


def hits(recommender: Any, parts: Split) -> float:
    cases = parts.cases(Part.TEST)
    best = recommender.module.eval().item_scores(cases.histories, cases.users).argmax(1).numpy()
    return float(np.mean(best == np.array([target[0] for target in cases.targets])))


def test_it_takes_no_more_than_forty_lines() -> None:
    assert len(inspect.getsource(Vip).splitlines()) <= 40


def test_what_only_pictures_show_is_found_through_adapters_and_noise_shows_nothing(parts: Split, monkeypatch: pytest.MonkeyPatch) -> None:
    seeing, blind = (hits(fitted(parts, look=look), parts) for look in (True, False))
    monkeypatch.setitem(globals(), "looks", lambda ids: torch.randn(len(ids), WIDE, generator=torch.Generator().manual_seed(1)))
    noisy = hits(fitted(parts), parts)
    assert seeing > 0.55 and max(blind, noisy) < 0.4, f"a quarter is chance: {seeing:.2f}, {blind:.2f} without pictures, {noisy:.2f} with noise"


def test_the_model_stays_as_it_is_while_adapters_and_pictures_are_learnt_and_all_of_it_is_kept(parts: Split, tmp_path: Path) -> None:
    first, whole = (fit_system(Vip.create(SETTINGS), parts, budget=Budget.parse("20steps"), run=stages).recommender for stages in ([0], None))
    before, after = (dict(recommender.module.named_parameters()) for recommender in (first, whole))
    moved = {name for name, value in after.items() if not torch.equal(value, before[name])}
    assert moved and all(".lora_" in name or name.startswith("sources.") for name in moved)
    catalogue.add(Vip)
    try:
        whole.save(tmp_path)
        assert load(tmp_path).recommend(["common 1"], 3) == whole.recommend(["common 1"], 3)
        assert load(tmp_path).recommend([], 3) == whole.recommend([], 3), "no history, no picture"
    finally:
        del catalogue._ADDED["vip"]


def test_pictures_that_nobody_has_are_refused_in_a_sentence(parts: Split) -> None:
    module: Any = fitted(parts, "2steps").module
    del module.sources[PICTURES]
    cases = parts.cases(Part.TEST)
    with pytest.raises(SettingError, match=r"a prompt asks for vectors of 'pictures', but there are only those of none"):
        module.item_scores(cases.histories, cases.users)
