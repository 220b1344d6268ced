"""Items spelled as their titles: what is written is the title of an item, and of one item only."""

from typing import Any

import numpy as np
import polars as pl
import pytest

import tastelm as tl
from tastelm.data.dataset import Dataset
from tastelm.data.sequences import Sequences
from tastelm.data.split import split
from tastelm.errors import DataError, SettingError
from tastelm.fitting import fit_system
from tastelm.prompting.teaching import Lessons
from tastelm.prompting.writer import ItemWriter
from tastelm.systems.catalogue import system
from tastelm.testing import ITEMS, circle
from tastelm.text.segments import Text, plain
from tastelm.train.budget import Budget

from .exhaustive import check_search

SMALL: dict[str, Any] = {"dim": 16, "layers": 1, "heads": 2, "ids": "titles", "title_words": 40, "batch": 32, "beams": ITEMS}


def catalogue() -> Dataset:
    """The circle, where one title begins another, and three items share theirs."""
    data = circle(20)
    assert data.items is not None
    odd = {"3": "Alien", "7": "Alien", "9": "Alien", "11": "Alien Nation, part 2"}
    items = data.items.with_columns(pl.col("item").replace_strict(odd, default=pl.col("title")).alias("title"))
    return Dataset.build(data.interactions, items=items, name="circle")


PARTS = split(catalogue())


def trained(name: str, **settings: Any) -> tl.Recommender:
    return fit_system(system(name).create(SMALL | settings), PARTS, budget=Budget(steps=2)).recommender


@pytest.mark.parametrize("name", ["p5", "openp5", "tiger"])
def test_only_titles_of_items_are_written_each_with_its_own_likelihood(name: str, tmp_path: Any) -> None:
    model = trained(name)
    module = model.module
    assert isinstance(module, ItemWriter)
    names = [module.item_text(code) for code in range(ITEMS)]
    assert len(set(names)) == ITEMS and sum(text in ("Alien", "Alien (2)", "Alien (3)") for text in names) == 3
    assert names[PARTS.items.ids.index("12")] == "Number 12"
    tokens = module.backbone.tokens
    assert [[*tokens.encode(text), tokens.end] for text in names] == [sequence.tolist() for sequence in module.codes.sequences()]
    check_search(model, [(Text(f"{text}<|end|>", learn=True),) for text in names], tmp_path)


def test_a_narrow_search_names_items_and_none_twice() -> None:
    module = trained("openp5", beams=3).module
    assert isinstance(module, ItemWriter)
    items, totals = module.search(module.prompts(Sequences.of([[3], [5, 6]]), np.array([0, 1], np.int32)), 3)
    assert all(len(set(row)) == 3 and min(row) >= 0 for row in items.tolist()) and (totals.diff(dim=1) <= 0).all()
    named = module.unguided(module.prompts(Sequences.of([[3]]), np.array([0], np.int32)))
    assert named[0] in range(-1, ITEMS)


def test_what_is_learnt_ends_and_is_read_as_titles() -> None:
    (stage,) = system("openp5").create(SMALL).settle(PARTS).stages(PARTS)
    assert isinstance(stage.view, Lessons)
    batch = stage.view.batches(0, 0)[0]
    for source, target in zip(batch.sources, batch.targets, strict=True):
        assert plain(target).endswith("<|end|>") and "<i" not in plain(source)
    assert any("Alien" in plain(source) for source in batch.sources)
    shown = plain(tl.show_prompt("p5", catalogue(), "u3", set=SMALL | {"ask": "5-1"}).prompt)
    assert shown.startswith("Should user_") and ("Number" in shown or "Alien" in shown)


def test_items_without_titles_and_titles_without_a_model_are_refused() -> None:
    bare = split(Dataset.build(catalogue().interactions, name="bare"))
    with pytest.raises(DataError, match=r"bare: ids=titles reads the titles of items, but 20 of 20 have none, .* or take other tokens with --set ids=random"):
        list(system("tiger").create(SMALL).settle(bare).stages(bare))
    with pytest.raises(SettingError, match="ids: titles are spelled in the words of a model, so they have no tokens of their own"):
        system("tiger").create(SMALL).config.tokens(PARTS)
