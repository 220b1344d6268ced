"""p5 and openp5 may go on from a T5: its words are kept, and items get tokens beside them or are spelled in them."""

from pathlib import Path
from typing import Any

import polars as pl
import pytest
import torch
from plm.tiny_t5 import tiny_t5

import tastelm as tl
from tastelm.data.dataset import Dataset
from tastelm.data.split import split
from tastelm.errors import DataError, SettingError
from tastelm.fitting import fit_system
from tastelm.plm.loading import causal_lm, seq2seq_lm
from tastelm.prompting.layout import lay_out
from tastelm.prompting.writer import ItemWriter
from tastelm.systems.catalogue import system
from tastelm.testing import ITEMS, circle
from tastelm.text.segments import Text
from tastelm.train.budget import Budget

from .exhaustive import check_search

PARTS = split(circle(20))
SMALL: dict[str, Any] = {"levels": 2, "codes": 8, "batch": 32, "beams": ITEMS, "lr": 1e-3}


@pytest.fixture(scope="module")
def t5(tmp_path_factory: pytest.TempPathFactory) -> str:
    return f"folder:{tiny_t5(tmp_path_factory.mktemp('t5'), tied=False)}"


def trained(name: str, t5: str, **settings: Any) -> tl.Recommender:
    return fit_system(system(name).create(SMALL | {"model": t5} | settings), PARTS, budget=Budget(steps=2)).recommender


@pytest.mark.parametrize("name", ["p5", "openp5"])
@pytest.mark.parametrize("ids", ["random", "titles"])
def test_it_writes_items_and_nothing_else_and_comes_back(name: str, ids: str, t5: str, tmp_path: Path) -> None:
    model = trained(name, t5, ids=ids)
    module = model.module
    assert isinstance(module, ItemWriter) and module.marked == (ids == "random")
    names = [module.item_text(code) for code in range(ITEMS)]
    assert names[PARTS.items.ids.index("12")] == "Number 12" if ids == "titles" else names[0].startswith("<i")
    ending = [Text("<|end|>", learn=True)] if ids == "titles" else []
    targets = [(Text(text, learn=True), *ending) for text in names]
    if ids == "titles":
        told = module._targets(targets)
        assert [row[:length].tolist() for row, length in zip(told.ids, told.lengths, strict=True)] == [one.tolist() for one in module.codes.sequences()]
    check_search(model, targets, tmp_path)


def test_training_begins_with_its_weights_and_its_words(t5: str) -> None:
    (stage,) = system("p5").create(SMALL | {"model": t5, "ids": "random"}).settle(PARTS).stages(PARTS)
    module, come = stage.module, seq2seq_lm(t5)
    assert isinstance(module, ItemWriter)
    assert module.backbone.vocabulary == come.tokens.size + 16 > come.vocabulary
    torch.testing.assert_close(module.backbone.embed(torch.arange(come.vocabulary)), come.embed(torch.arange(come.vocabulary)))
    for name, value in come.network.named_parameters():
        if "shared" not in name and "lm_head" not in name:
            torch.testing.assert_close(module.backbone.network.get_parameter(name), value)
    assert module.backbone.tokens.encode("Which item follows?") == come.tokens.encode("Which item follows?")


def test_pieces_of_an_item_share_the_number_of_a_word_and_other_items_have_others(t5: str) -> None:
    module = trained("openp5", t5, ids="random").module
    assert isinstance(module, ItemWriter)
    layout = lay_out([(Text(f"taken {module.item_text(3)}, {module.item_text(5)} so far"),)], module.backbone.tokens, start=False)
    numbers = module._numbers(layout)[0].tolist()
    items = [place for place, token in enumerate(layout.ids[0].tolist()) if module.backbone.tokens.word(token).startswith("<i")]
    a, b, c, d = (numbers[place] for place in items)
    assert a == b < c == d and numbers == sorted(numbers) and numbers[items[0] - 1] < a and numbers[-1] > d


def test_sizes_may_be_told_as_elsewhere_and_words_and_items_find_room() -> None:
    made = system("openp5").create({"model": "scratch:dim=8,layers=1,heads=2,vocabulary=300", "ids": "random"}).settle(PARTS)
    backbone = made.build(PARTS.sizes).backbone
    assert backbone.width == 8 and backbone.vocabulary == made.config.vocabulary > 300
    with pytest.raises(SettingError, match=r"openp5\.model: 'layers=0' does not fit; write a size as layers=2"):
        system("openp5").create({"model": "scratch:layers=0"})


def test_a_model_that_only_goes_on_with_a_text_is_refused_before_anything_is_trained(tmp_path: Path) -> None:
    causal_lm("scratch:dim=8,layers=1").network.save_pretrained(tmp_path)
    with pytest.raises(DataError, match=r"it is a model of the kind llama, and no encoder-decoder of the kind of T5"):
        system("p5").create({"model": f"folder:{tmp_path}", "ids": "random"}).settle(PARTS)
    with pytest.raises(SettingError, match="model: 'gpt2' is not known; write folder:PATH"):
        system("p5").create({"model": "gpt2", "ids": "random"}).settle(PARTS)


def test_titles_that_its_words_cannot_tell_apart_are_refused(t5: str) -> None:
    data = circle(20)
    assert data.items is not None
    items = data.items.with_columns(pl.when(pl.col("item").is_in(["3", "7"])).then(pl.lit("Number 3")).otherwise(pl.col("title")).alias("title"))
    parts = split(Dataset.build(data.interactions, items=items, name="twice"))
    with pytest.raises(DataError, match=r"twice: the words of the model cannot spell the title 'Number 3'\. Change it, or take other tokens with --set ids"):
        list(system("openp5").create(SMALL | {"model": t5, "ids": "titles"}).settle(parts).stages(parts))


def test_without_one_nothing_is_as_it_was_not(t5: str) -> None:
    plainly, named = (system("p5").create(given).settle(PARTS) for given in ({"ids": "random"}, {"ids": "random", "model": "scratch"}))
    assert plainly.config == named.config and plainly.build(PARTS.sizes).backbone.network.config.d_model == plainly.config.dim
