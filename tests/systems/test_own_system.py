"""A system of one's own touches one file: this one."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
import torch

import tastelm
from tastelm.card import Card, DataType, Paradigm, Question, Target
from tastelm.data.features import Sizes
from tastelm.data.split import Split, split
from tastelm.errors import SettingError
from tastelm.fitting import fit_system
from tastelm.nn.linear import ItemPrior
from tastelm.settings import setting
from tastelm.systems import catalogue
from tastelm.systems.base import System
from tastelm.testing import check_system, circle
from tastelm.train.stage import Stage


class Unpopular(System["Unpopular.Config"]):
    """Items by how seldom they were met."""

    card = Card("unpopular", "-", "The opposite of the floor.", Paradigm.BASELINE, (Target.COUNT,), Question.TOP_N, (DataType.INTERACTION,))

    @dataclass(frozen=True)
    class Config:
        power: float = setting(1.0, "exponent of the count", above=0)

    def build(self, sizes: Sizes) -> ItemPrior:
        return ItemPrior(sizes.items)

    def stages(self, split: Split) -> Iterator[Stage]:
        module = self.build(split.sizes)
        yield Stage("count", module, solve=lambda: module.scores.copy_(-(torch.from_numpy(split.popularity) ** self.config.power)))


@pytest.fixture
def known() -> Iterator[None]:
    catalogue.add(Unpopular)
    yield
    del catalogue._ADDED["unpopular"]


@pytest.mark.usefixtures("known")
def test_a_system_of_ones_own_is_fitted_compared_and_loaded(tmp_path: Path) -> None:
    data = circle(60)
    model = tastelm.fit("unpopular", data, set={"power": 2.0}, out=tmp_path / "run")
    assert tastelm.load(tmp_path / "run").recommend(["1"], 5) == model.recommend(["1"], 5) and model.system.config.power == 2
    board = tastelm.compare(data, ["popularity", "unpopular"], out=tmp_path / "board")
    assert board.rows[0]["system"] == "popularity" and board.row("unpopular")["metrics"]["ndcg@10"] > 0
    assert "unpopular" in [row["system"] for row in tastelm.taxonomy()]
    assert tastelm.settings_of("unpopular")[0]["meaning"] == "exponent of the count"


@pytest.mark.usefixtures("known")
def test_a_name_is_taken_once() -> None:
    assert catalogue.add(Unpopular) is Unpopular, "the same class again is no conflict"

    class Other(Unpopular):
        pass

    with pytest.raises(SettingError, match="system 'unpopular' is already known; give the card another name"):
        catalogue.add(Other)


def test_names_of_the_library_are_taken() -> None:
    class Mine(Unpopular):
        card = Card("sasrec", "-", "-", Paradigm.BASELINE, (Target.COUNT,), Question.TOP_N, (DataType.INTERACTION,))

    with pytest.raises(SettingError, match="system 'sasrec' is already known"):
        catalogue.add(Mine)


def test_an_unknown_system_is_named_with_its_neighbour() -> None:
    with pytest.raises(SettingError, match=r"system 'sasrek' is not known; did you mean 'sasrec'\?"):
        catalogue.system("sasrek")
    assert "unpopular" not in catalogue.names()


def test_a_module_that_cannot_answer_is_refused_when_it_is_made() -> None:
    """Without `item_scores` a system would fail at its first question; it is told when its training ends."""

    class Mute(Unpopular):
        def stages(self, split: Split) -> Iterator[Stage]:
            yield Stage("nothing", torch.nn.Linear(2, 2), solve=lambda: None)

    with pytest.raises(TypeError, match="Linear has no item_scores and cannot recommend"):
        fit_system(Mute.create(), split(circle(10)))


@pytest.mark.slow
def test_the_contract_finds_what_it_says() -> None:
    """A system that keeps nothing of its promises fails: here the opposite of the popular cannot reach the floor."""
    with pytest.raises(AssertionError, match="Unpopular finds"):
        catalogue.add(Unpopular)
        try:
            check_system(Unpopular)
        finally:
            del catalogue._ADDED["unpopular"]
