"""From one domain to another: what the encoder has learnt of one catalogue holds for another, and of the items nothing goes over."""

from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
import torch

import tastelm as tl
from tastelm.data.dataset import Dataset
from tastelm.data.sequences import Sequences
from tastelm.data.split import Part, Split, split
from tastelm.encoders import Encoder
from tastelm.errors import OutputError, SettingError
from tastelm.fitting import Fitted, fit_system
from tastelm.runs import load, read_config
from tastelm.systems.catalogue import system
from tastelm.train.budget import Budget
from tastelm.transfer import across

SMALL = {"dim": 32, "layers": 1, "heads": 2, "dropout": 0.1, "max_len": 8, "batch": 512, "lr": 1e-2, "tune_lr": 1e-2}
QUICK = Budget.parse("10steps")


def alternating(users: int, items: int, *, domain: str, protocol: str = "leave-one-out", seed: int = 0) -> Split:
    """Users who go back and forth between two items of their own: what comes is what came two steps before, whatever the items are."""
    rng = np.random.default_rng(seed)
    rows = list[tuple[str, str, float]]()
    for user in range(users):
        pair = rng.choice(items, 2, replace=False)
        rows += [(f"{domain} u{user}", f"{domain} {pair[at % 2]}", float(at)) for at in range(7)]
    people = pl.DataFrame({"user": [f"{domain} u{user}" for user in range(users)], "team": [f"team {user % 3}" for user in range(users)]})
    return split(Dataset.build(pl.DataFrame(rows, schema=["user", "item", "time"], orient="row"), users=people, name=domain), protocol)


@pytest.fixture(scope="module")
def domains() -> tuple[Split, Split]:
    """Of the readers 20 are trained on, and 40 asked who are strangers to the training."""
    return alternating(800, 500, domain="films"), alternating(100, 80, domain="books", protocol="cold-users:0.4", seed=1)


def ppr(**settings: Any) -> Any:
    return system("ppr").create(SMALL | {"tune": "items"} | settings)


def hits(fitted: Fitted, made: Split) -> float:
    """Share of the strangers of whom the next item is found, which is the last but one of their history."""
    cases = made.cases(Part.TEST)
    with torch.no_grad():
        scores = fitted.recommender.module.item_scores(cases.histories, cases.users)  # type: ignore[operator]
    return float(np.mean(scores.argmax(1).numpy() == [history[-2] for history in cases.histories]))


@pytest.fixture(scope="module")
def moved(domains: tuple[Split, Split]) -> Fitted:
    return across(ppr(), *domains, budget=QUICK)


@pytest.mark.slow
def test_an_encoder_goes_over_to_items_it_has_never_met(domains: tuple[Split, Split]) -> None:
    budget = Budget.parse("300steps")
    found, alone = (hits(fitted, domains[1]) for fitted in (across(ppr(), *domains, budget=budget), fit_system(ppr(), domains[1], budget=budget)))
    assert found > 0.2 > 2 * alone, f"{found:.2f} with the films, {alone:.2f} from the readers alone"


def test_only_the_encoder_goes_over_and_it_stays_as_it_came(domains: tuple[Split, Split], moved: Fitted) -> None:
    source = fit_system(ppr(), domains[0], budget=QUICK, run=[0]).recommender.module.state_dict()
    state = moved.recommender.module.state_dict()
    assert all(torch.equal(value, source[name]) for name, value in state.items() if name.startswith("backbone."))
    assert len(state["prior"]) == len(domains[1].items) and state["known"].shape[0] == len(domains[1].users)
    assert [stage.name for stage in moved.stages] == ["tune"] and moved.stages[0].trained_parameters < moved.stages[0].parameters
    assert moved.recommender.items.ids == domains[1].items.ids and not any("films" in item for item in moved.recommender.items.ids)


def test_what_the_source_says_beside_its_encoder_changes_nothing(domains: tuple[Split, Split]) -> None:
    """Other names of the same items and users: nothing of them is remembered."""
    twin = alternating(800, 500, domain="plays")
    one, other = (across(ppr(), source, domains[1], budget=QUICK).recommender.module.state_dict() for source in (domains[0], twin))
    assert all(torch.equal(value, other[name]) for name, value in one.items())


def test_the_run_is_one_like_any_other(domains: tuple[Split, Split], moved: Fitted, tmp_path: Any) -> None:
    moved.recommender.save(tmp_path)
    again: Any = load(tmp_path).module
    history, nobody = Sequences.of([domains[1].items.encode(["books 1", "books 2"])]), np.full(1, -1, np.int32)
    with torch.no_grad():
        torch.testing.assert_close(again.item_scores(history, nobody), moved.recommender.module.item_scores(history, nobody))  # type: ignore[operator]


def test_a_finished_run_lends_its_encoder_and_its_settings(domains: tuple[Split, Split], tmp_path: Path) -> None:
    """The encoder of ppr is frozen where prompts are tuned, so the whole fit has the one that `across` takes."""
    films, books = (made.dataset for made in domains)
    whole = tl.fit("ppr", films, set=SMALL, budget="20steps", out=tmp_path / "films")
    begun = tl.fit("ppr", books, encoder=tmp_path / "films", set={"tune": "items"}, budget="10steps", split=domains[1].protocol, out=tmp_path / "books")
    state, source = begun.module.state_dict(), whole.module.state_dict()
    assert all(torch.equal(value, source[name]) for name, value in state.items() if name.startswith("backbone."))
    assert [stage["name"] for stage in begun.about["metrics"]["fit"]["stages"]] == ["tune"] and begun.items.ids == domains[1].items.ids
    assert vars(begun.system.config) == vars(whole.system.config) | {"tune": "items"}
    assert read_config(tmp_path / "books")["run"]["encoder"] == Encoder.of(whole).digest
    with pytest.raises(OutputError, match="holds a run of ppr on books with other settings"):
        tl.fit("ppr", books, set=vars(begun.system.config), budget="10steps", split=domains[1].protocol, out=tmp_path / "books")


def test_a_run_that_does_not_fit_lends_nothing(domains: tuple[Split, Split], tmp_path: Path) -> None:
    _, books = (made.dataset for made in domains)
    lender = tl.fit("sasrec", books, set={"dim": 8, "layers": 1, "heads": 1}, budget="1steps")
    with pytest.raises(SettingError, match=r"^encoder: it comes of a run of sasrec, but ppr is to be trained\. Give a run of ppr\."):
        tl.fit("ppr", books, encoder=lender)
    with pytest.raises(SettingError, match=r"'backbone\..* has the shape .* but sasrec's stage .* needs"):
        tl.fit("sasrec", books, encoder=lender, set={"dim": 16}, budget="1steps")
    with pytest.raises(SettingError, match=r"popularity has no encoder beside the vectors of its items"):
        tl.fit("sasrec", books, encoder=tl.fit("popularity", books))


@pytest.mark.parametrize(("name", "settings"), [("sasrec", {}), ("peterrec", {"tune": "all"}), ("ppr", {"tune": "full", "prompt": "deep"})])
def test_other_systems_go_over_too(name: str, settings: dict[str, Any], domains: tuple[Split, Split]) -> None:
    small = {key: value for key, value in SMALL.items() if key in vars(system(name).create().config)}  # type: ignore[attr-defined]
    fitted = across(system(name).create(small | settings), *domains, budget=QUICK)
    assert len(fitted.stages) == 1 and fitted.recommender.items.ids == domains[1].items.ids


@pytest.mark.parametrize(
    ("name", "settings", "said"),
    [
        ("ppr", {}, r"ppr leaves the vectors of items as they are .* Set what it tunes so that they are learnt, as ppr's tune=items\."),
        ("bpr-mf", {}, r"bpr-mf has no encoder beside the vectors of its items, so nothing of it goes over to other items\. Take ppr, peterrec or sasrec\."),
    ],
)
def test_what_cannot_go_over_is_refused(name: str, settings: dict[str, Any], said: str, domains: tuple[Split, Split]) -> None:
    with pytest.raises(SettingError, match=said):
        across(system(name).create(settings), *domains)
