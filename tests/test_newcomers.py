"""A run is asked about items of another catalogue, by what their pages say."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
import torch
from cli.running import done, tastelm
from numpy.typing import NDArray
from torch import nn

import tastelm as tl
from tastelm.data.dataset import Dataset
from tastelm.data.sequences import Sequences
from tastelm.data.split import split
from tastelm.data.vocabulary import Vocabulary
from tastelm.errors import DataError, SettingError
from tastelm.fitting import fit_system
from tastelm.newcomers import judge_newcomers, pages_of
from tastelm.recommender import Recommender
from tastelm.systems.catalogue import system
from tastelm.testing import circle
from tastelm.text.segments import plain
from tastelm.train.budget import Budget

SMALL: dict[str, Any] = {"dim": 32, "layers": 1, "heads": 2, "ids": "random", "levels": 1, "codes": 16, "batch": 64, "lr": 1e-2, "direct": 0, "sequential": 1}
COLOURS = ("red", "blue")


def shop(prefix: str, *, users: int = 18, items: int = 12, told: bool = True) -> Dataset:
    """What is red gets five stars and what is blue one; the colour stands in the title, beside a word that says nothing."""
    rows, pages = [], []
    for item in range(items):
        pages.append((f"{prefix}{item}", f"{COLOURS[item % 2]} {prefix}", "Acme" if item else None, item * 1.5))
    for user in range(users):
        for place in range(6):
            item = (user * 5 + place) % items
            rows.append((f"u{user}", f"{prefix}{item}", float(place), (5.0, 1.0)[item % 2], f"the zip is {COLOURS[item % 2]}", "zip"))
    columns = ["user", "item", "time", "rating", "explanation", "feature"]
    table = pl.DataFrame(rows, schema=columns, orient="row")
    page = pl.DataFrame(pages, schema=["item", "title", "brand", "price"], orient="row")
    return Dataset.build(table if told else table.select("user", "item", "time", "rating"), items=page, name=prefix)


class Oracle(nn.Module):
    """Reads the title, and is right; says what it was asked."""

    needs_users, reads_features = True, True

    def __init__(self, turned: bool = False) -> None:
        super().__init__()
        self.turned, self.heard = turned, list[tuple[int, dict[str, str]]]()

    def item_scores(self, histories: Sequences, users: NDArray[np.int32]) -> torch.Tensor:
        return torch.zeros(len(histories), 1)

    def _good(self, users: NDArray[np.int32], pages: Any) -> torch.Tensor:
        self.heard += [(int(user), dict(page)) for user, page in zip(users, pages, strict=True)]
        return torch.tensor([("red" in page["title"]) != self.turned for page in pages])

    def page_stars(self, users: NDArray[np.int32], pages: Any) -> torch.Tensor:
        return 1.0 + 4.0 * self._good(users, pages)

    def page_likings(self, users: NDArray[np.int32], pages: Any) -> torch.Tensor:
        return self._good(users, pages).double() - 0.5

    def page_reasons(self, users: NDArray[np.int32], pages: Any) -> list[str]:
        return [f"the {page['feature']} is {page['title'].split()[0]}" for page in pages]


def oracle(*, turned: bool = False) -> Recommender:
    return Recommender(system("popularity").create(), Oracle(turned), Vocabulary(["other"]), Vocabulary(["u1", "u2"]))


def test_who_reads_the_pages_right_makes_no_error_and_who_turns_them_round_every() -> None:
    data = shop("lamp")
    right, wrong = tl.evaluate(oracle(), data), tl.evaluate(oracle(turned=True), shop("lamp", told=False))
    assert right["new_items"]["metrics"] == {"rmse": 0, "mae": 0, "auc": 1} and "metrics" not in right
    assert wrong["new_items"]["metrics"] == {"rmse": 4, "mae": 4, "auc": 0}
    assert right["new_items"]["cases"] == right["new_items"]["of"] == 18
    assert right["explanation"]["metrics"]["rouge-1"] == 1 and right["explanation"]["metrics"]["fmr"] == 1
    assert right["remarks"][0].startswith("The run knows none of the 12 items, so nothing is ranked")
    assert right["remarks"][1] == "2 of 18 users are known to the run; the others were asked as strangers."
    assert right["remarks"][2:] == ["The reasons were told the feature that they are to be about."]


def test_users_go_by_the_codes_of_the_run_and_pages_say_what_is_missing() -> None:
    model = oracle()
    told = judge_newcomers(model, split(shop("lamp", told=False)), cases=7)
    assert told["new_items"]["cases"] == 7 and told["new_items"]["of"] == 18 and "explanation" not in told
    heard = oracle()
    judge_newcomers(heard, split(shop("lamp")))
    assert isinstance(heard.module, Oracle)
    assert {user for user, _ in heard.module.heard} == {-1, 0, 1}
    pages = {str(sorted(page.items())) for _, page in heard.module.heard}
    assert str(sorted({"title": "red lamp", "brand": "unknown", "price": "0.0"}.items())) in pages
    assert pages_of(split(Dataset.build(shop("lamp").interactions, name="bare"))) == [None] * 12


@pytest.mark.parametrize(
    ("data", "sentence"),
    [
        (Dataset.build(shop("lamp").interactions, name="bare"), "none of the 12 items of bare is known to the run, and none has a title by which"),
        (Dataset.build(shop("lamp").interactions.drop("rating", "explanation", "feature"), items=shop("lamp").items, name="mute"),
         "and the test part of these data has no ratings or reasons to hold its opinions on them against"),
    ],
)  # fmt: skip
def test_what_cannot_be_asked_is_said(data: Dataset, sentence: str) -> None:
    with pytest.raises(DataError, match=sentence):
        tl.evaluate(oracle(), data)


def test_a_run_without_opinions_still_wants_its_own_catalogue() -> None:
    with pytest.raises(DataError, match=r"none of the 12 items of lamp is known to the run\. Give data of the catalogue that it was trained on\."):
        tl.evaluate(fit_system(system("popularity").create(), split(circle(20))).recommender, shop("lamp"))


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """p5 that has seen what is red and what is blue."""
    folder = tmp_path_factory.mktemp("p5")
    fit_system(system("p5").create(SMALL | {"words": 400}), split(shop("coat")), budget=Budget(steps=8)).recommender.save(folder)
    return folder


def test_p5_is_asked_about_another_shop_from_the_command_line(trained: Path, tmp_path: Path) -> None:
    data = shop("lamp")
    data.interactions.write_csv(tmp_path / "interactions.csv")
    assert data.items is not None
    data.items.write_csv(tmp_path / "items.csv")
    said = done("evaluate", trained, "--data", tmp_path)
    assert (
        all(word in said.out for word in ("Opinions on new items for 18 of 18", "rmse", "auc", "Reasons for 18 of 18")) and "knows none of the 12" in said.err
    )
    found = json.loads(done("evaluate", trained, "--data", tmp_path, "--cases", "9", "--json").out)
    assert found["new_items"]["cases"] == 9 and set(found["new_items"]["metrics"]) >= {"rmse", "mae"}
    assert tastelm("evaluate", trained, "--data", tmp_path, "--judge", "folder:/nowhere/at/all").code == 2


def test_the_prompts_are_those_of_the_family_that_nothing_is_trained_on(trained: Path) -> None:
    model = tl.load(trained)
    module: Any = model.module
    users, pages = np.array([0, -1], np.int32), [{"title": "red lamp", "brand": "Acme", "price": "9"}, {"title": "blue lamp", "brand": "Acme", "price": "9"}]
    asked = list[str]()
    stars, likelihoods = module.stars, module.likelihoods
    module.stars = lambda prompts, template: asked.extend(map(plain, prompts)) or stars(prompts, template)
    module.likelihoods = lambda prompts, targets: asked.extend(map(plain, prompts)) or likelihoods(prompts, targets)
    assert ((module.page_stars(users, pages) > 1) & (module.page_stars(users, pages) < 5)).all()
    likings = module.page_likings(users, pages)
    assert "New item: red lamp; brand: Acme; price: 9. Stars from user_0:" in asked
    assert "New item: blue lamp; brand: Acme; price: 9. Say like or dislike for somebody." in asked
    assert likings.shape == (2,) and not module.reads_features and len(module.page_reasons(users, pages)) == 2


@pytest.mark.parametrize(
    ("settings", "sentence"),
    [
        ({"ask_new_stars": "Z-1"}, r"p5: the prompt Z-1 does not ask for stars of a new item\. Choose one that does, such as Z-3\."),
        ({"ask_new_liking": "Z-3"}, r"p5: the prompt Z-3 does not ask for like or dislike of a new item\. Choose one that does, such as Z-1\."),
        ({"ask_new_reason": "Z-8"}, r"family 'p5-zero' has no template 'Z-8'"),
    ],
)
def test_prompts_that_ask_for_something_else_are_refused(settings: dict[str, str], sentence: str) -> None:
    parts = split(shop("coat"))
    with pytest.raises(SettingError, match=sentence):
        system("p5").create(SMALL | settings).settle(parts).build(parts.sizes)


def test_a_held_out_prompt_may_ask_for_reasons_about_a_feature() -> None:
    made = fit_system(system("p5").create(SMALL | {"ask_new_reason": "Z-7"}), split(shop("coat")), budget=Budget(steps=1)).recommender
    found = tl.evaluate(made, shop("lamp"), cases=5)
    assert found["explanation"]["cases"] == 5 and "The reasons were told the feature that they are to be about." in found["remarks"]
