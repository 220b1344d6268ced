"""Items ranked by lists that a model writes: what is named, what is not, and in how many orders."""

from collections.abc import Callable, Sequence

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from tastelm.data.sequences import Sequences
from tastelm.errors import SettingError
from tastelm.plm.endpoint import Client, Endpoint
from tastelm.plm.endpoint_lm import EndpointLM
from tastelm.prompting.shuffles import LOWEST, Shuffled
from tastelm.prompting.titles import Showing
from tastelm.prompting.written_lists import WrittenLists
from tastelm.text.family import family
from tastelm.text.segments import plain
from tastelm.text.template import Template

from .toys import small_causal

TITLES = ["The Matrix", "Alien", "Toy Story", "The Godfather", "Heat\n(director's cut)", "Jaws"]
HISTORIES = Sequences.of([[0, 2], [], [4, 3, 2, 1]])
NOBODY = np.full(3, -1, np.int32)
POPULARITY = np.array([5, 9, 1, 7, 3, 0])
RERANK = family("rerank")


class Says(EndpointLM):
    """Writes what a function says to a prompt, and remembers the prompts."""

    def __init__(self, reply: Callable[[str], str]) -> None:
        super().__init__(Client(Endpoint("http://127.0.0.1:9/v1", "toy", max_tokens=9, seed=0, key_from=None)))
        self.reply, self.asked = reply, list[str]()

    def write(self, texts: Sequence[str]) -> list[str]:
        self.asked += texts
        return [self.reply(text) for text in texts]


def lists(reply: Callable[[str], str], *, window: int = 4, shuffles: int = 2, template: str = "sequential") -> WrittenLists:
    made = WrittenLists(Says(reply), RERANK[template], len(TITLES), showing=Showing(3), batch=2, window=window, shuffles=shuffles)
    made.know(TITLES, POPULARITY)
    return made.eval()


def offered(prompt: str) -> list[str]:
    """The candidates of a prompt as they are shown."""
    return [line.split(". ", 1)[1] for line in prompt.split("items:\n")[1].split("\n\n")[0].split("\n")]


def alphabetical(prompt: str) -> str:
    return "\n".join(f"{place}. {title}" for place, title in enumerate(sorted(offered(prompt)), 1))


def ranking(scores: torch.Tensor) -> list[str]:
    return [TITLES[code] for code in scores.argsort(descending=True).tolist()]


def test_a_list_decides_and_what_is_not_shown_stays_below_in_the_order_of_the_prior() -> None:
    module = lists(alphabetical)
    for row in module.item_scores(HISTORIES, NOBODY):
        assert ranking(row) == ["Alien", "Heat\n(director's cut)", "The Godfather", "The Matrix", "Toy Story", "Jaws"]
        assert (row[[2, 5]] < LOWEST).all() and (row[[0, 1, 3, 4]] > LOWEST / 2).all()
    assert vars(module.parsed) == {"lists": 6, "lines": 24, "invalid": 0, "repeated": 0, "named": 24, "shown": 24}


def test_what_is_not_named_keeps_the_order_of_the_prior_below_what_is() -> None:
    module = lists(lambda prompt: "The Matrix\nToy Story 4\nI cannot say more.")
    for row in module.item_scores(HISTORIES, NOBODY):
        assert ranking(row) == ["The Matrix", "Alien", "The Godfather", "Heat\n(director's cut)", "Toy Story", "Jaws"]
    assert module.parsed.invalid == 12 and module.parsed.named == 6


def test_what_is_named_in_one_order_alone_stands_above_what_never_is() -> None:
    """However low it stood there, and however popular the other is."""

    def once(prompt: str) -> str:
        return "Heat (director's cut)" if offered(prompt)[0] == "The Matrix" else "The Matrix" if offered(prompt)[0] == "Alien" else ""

    found = lists(once, shuffles=40).item_scores(HISTORIES, NOBODY)[0]
    assert ranking(found)[2:] == ["Alien", "The Godfather", "Toy Story", "Jaws"]


@settings(max_examples=30)
@given(st.text(), st.integers(1, 3))
def test_any_text_ranks_the_catalogue(text: str, shuffles: int) -> None:
    scores = lists(lambda prompt: text, shuffles=shuffles).item_scores(HISTORIES, NOBODY)
    assert torch.isfinite(scores).all() and all(len(set(row.tolist())) == len(TITLES) for row in scores)


def test_each_prompt_is_asked_once_whatever_comes_back() -> None:
    for reply in (alphabetical, lambda prompt: "", lambda prompt: "no idea"):
        module = lists(reply, shuffles=3)
        module.candidate_scores(HISTORIES, NOBODY, Sequences.of([[1, 3], [0, 1, 2, 3, 4, 5], [5, 4, 0]]))
        assert isinstance(module.backbone, Says) and len(module.backbone.asked) == 9
        assert sorted({len(offered(prompt)) for prompt in module.backbone.asked}) == [2, 3, 4]


def test_every_shuffle_is_another_order_of_the_same() -> None:
    module = lists(alphabetical, shuffles=6)
    module.item_scores(HISTORIES.take(np.array([0])), NOBODY[:1])
    assert isinstance(module.backbone, Says)
    orders = [offered(prompt) for prompt in module.backbone.asked]
    assert len({tuple(order) for order in orders}) > 3 and len({frozenset(order) for order in orders}) == 1


def test_turned_orders_put_each_candidate_at_each_place_once() -> None:
    codes, places = np.array([7, 3, 9, 4]), np.arange(4)
    orders = np.stack(list(Shuffled(4, 4, "cyclic").permuted(codes, places, 8)))
    for group in (orders[:4], orders[4:]):
        assert all(sorted(column) == [0, 1, 2, 3] for column in group.T.tolist())
    assert not (orders[:4] == orders[4:]).all(), "the next round begins with another order"
    assert sorted(map(sorted, Shuffled(4, 2, "cyclic").permuted(codes, places, 2))) == [[0, 1, 2, 3]] * 2


@pytest.mark.parametrize(
    ("template", "holds", "lacks"),
    [
        ("sequential", "oldest first:\nThe Godfather\nToy Story\nAlien\n\n", "latest"),
        ("recency", "oldest first:\nThe Godfather\nToy Story\nAlien\n\nMind above all the latest of them: Alien\n", "taken"),
        (
            "in-context", "oldest first:\nHeat (director's cut)\nThe Godfather\nToy Story\n\nThe right suggestion after them was: Alien\nIt has been taken",
            "latest",
        ),
    ],
)  # fmt: skip
def test_the_variants_of_the_prompt(template: str, holds: str, lacks: str) -> None:
    prompts = [plain(prompt) for prompt in lists(alphabetical, template=template).prompts(HISTORIES, NOBODY)]
    assert holds in prompts[2] and lacks not in prompts[2]
    assert offered(prompts[1]) == ["Alien", "The Godfather", "The Matrix", "Heat (director's cut)"]
    assert ("nothing yet" in prompts[1]) == (template != "sequential"), "who has no newest item"


@torch.no_grad()
def test_a_model_that_is_read_here_writes_greedily_and_in_any_batch() -> None:
    def local(batch: int) -> WrittenLists:
        made = WrittenLists(small_causal(context=512), RERANK["sequential"], len(TITLES), showing=Showing(3), batch=batch, window=3, shuffles=2)
        made.know(TITLES, POPULARITY)
        return made.eval()

    one, many = local(1), local(9)
    scores = one.item_scores(HISTORIES, NOBODY)
    torch.testing.assert_close(many.item_scores(HISTORIES, NOBODY), scores)
    assert torch.isfinite(scores).all() and one.parsed == many.parsed and one.parsed.lists == 6
    spent = one.backbone.spent()
    assert spent is not None and spent.tokens > sum(len(one.backbone.tokens.encode(plain(prompt))) for prompt in one.prompts(HISTORIES, NOBODY))


def test_what_a_model_writes_is_what_is_parsed(monkeypatch: pytest.MonkeyPatch) -> None:
    """The tokens of a list that the model would write perfectly."""
    module = WrittenLists(small_causal(context=512), RERANK["sequential"], len(TITLES), showing=Showing(3), batch=4, window=4, shuffles=1)
    module.know(TITLES, POPULARITY)
    told = "1. Heat (director's cut)\n2. The Matrix\n3. Alien\n4. The Godfather"

    def write(model: object, embeds: torch.Tensor, mask: torch.Tensor, *, longest: int) -> list[list[int]]:
        tokens = module.backbone.tokens.encode(told)  # type: ignore[union-attr]
        assert len(tokens) < longest, "there is room for a whole list"
        return [tokens] * len(embeds)

    monkeypatch.setattr("tastelm.prompting.written_lists.write_greedily", write)
    assert [ranking(row)[:4] for row in module.item_scores(HISTORIES, NOBODY)] == [["Heat\n(director's cut)", "The Matrix", "Alien", "The Godfather"]] * 3


def test_a_prompt_without_room_for_a_list_is_refused() -> None:
    module = WrittenLists(small_causal(context=128), RERANK["sequential"], len(TITLES), showing=Showing(3), batch=4, window=4, shuffles=1)
    module.know(TITLES, POPULARITY)
    with pytest.raises(ValueError, match=r"takes? \d+( tokens)?, but the model reads 128"):
        module.item_scores(HISTORIES, NOBODY)


@pytest.mark.parametrize(
    ("template", "message"),
    [
        (family("instruct")["listwise"], "template 'listwise' does not fit: its target must hold one slot, of the kind candidates"),
        (family("sileo")["3"], "template '3' does not fit: its source must hold one slot of the kind candidates, not 0"),
        (
            Template("t", "{user} {history} {candidates}", "{list}", {"user": "user", "history": "history", "candidates": "candidates", "list": "candidates"}),
            "template 't' does not fit: nothing is known for its slot 'user'",
        ),
    ],
)
def test_templates_of_another_form_are_refused(template: Template, message: str) -> None:
    with pytest.raises(SettingError, match=message):
        WrittenLists(Says(alphabetical), template, 3, showing=Showing(1), batch=1, window=2, shuffles=1)
