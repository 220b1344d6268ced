"""Queries that a language model writes: what is learnt is the whole title, and what is asked for is the best continuation."""

import numpy as np
import pytest
import torch

from tastelm.data.sequences import Sequences
from tastelm.prompting.lessons import ItemLesson
from tastelm.prompting.query_writer import Querying, QueryWriter, WriteQueries
from tastelm.prompting.teaching import Written
from tastelm.prompting.title_search import Searching
from tastelm.prompting.titles import Showing
from tastelm.text.bm25 import words_of
from tastelm.text.family import family
from tastelm.text.segments import Text, plain

from .toys import small_causal

TITLES = ["the matrix", "toy story", "alien", "aliens"]


@pytest.fixture(scope="module")
def module() -> QueryWriter:
    made = QueryWriter(small_causal(), family("gpt4rec")["query"], 4, Searching(1.2, 0.75, 4, "paper", 2), Querying(Showing(2), beams=20, longest=4))
    made.know(TITLES, np.arange(4))
    return made.eval()


def test_a_lesson_asks_for_the_title_of_the_next_item(module: QueryWriter) -> None:
    lesson = ItemLesson(Sequences.of([[0, 1, 2, 3]]), TITLES, [module.template], shown=2)
    source, target = lesson.render(3, np.random.default_rng(0))
    assert (plain(source), plain(target)) == ("This person has chosen toy story, alien. Their next search will be for", " aliens")
    assert source == module.prompts(Sequences.of([[0, 1, 2]]), np.full(1, -1, np.int32))[0]


@torch.no_grad()
def test_the_loss_is_that_of_the_network_over_title_and_end(module: QueryWriter) -> None:
    tokens, pairs = module.backbone.tokens, [("you liked alien, and", " aliens"), ("you liked", " toy story")]
    batch = Written([(Text(source),) for source, _ in pairs], [(Text(target, learn=True),) for _, target in pairs])
    expected = []
    for source, target in pairs:
        read, wanted = [tokens.start, *tokens.encode(source)], [*tokens.encode(target), tokens.end]
        likely = module.backbone.network(input_ids=torch.tensor([read + wanted])).logits[0].log_softmax(1)
        expected.append(-sum(float(likely[len(read) - 1 + at, token]) for at, token in enumerate(wanted)))
    outcome = WriteQueries()(module, batch, np.random.default_rng(0))
    assert float(outcome.loss) == pytest.approx(np.mean(expected), rel=1e-4) and outcome.targets == 2
    sizes = [len(tokens.encode(target)) + 1 for _, target in pairs]
    np.testing.assert_allclose(module.nll(batch).numpy(), np.array(expected) / sizes, rtol=1e-4)


def test_queries_are_texts_and_strangers_have_none(module: QueryWriter) -> None:
    histories = Sequences.of([[0, 1], [], [2]])
    asked = module.queries(histories)
    assert asked[1] == [] and asked[0] != asked[2] and all(1 <= len(asked[row]) <= 20 for row in (0, 2))
    assert all(words_of(text) for row in asked for text in row), "a query without a word asks for nothing"
    alone = module.queries(histories.take(np.array([2])))
    assert alone[0] == asked[2] and all(text == text.strip() for text in asked[0])


def test_what_is_found_is_what_the_queries_name(module: QueryWriter, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "written", lambda prompts: [["aliens", "matrix"] for _ in prompts])
    scores = module.item_scores(Sequences.of([[1], []]), np.full(2, -1, np.int32))
    assert scores[0].argsort(descending=True).tolist() == [3, 0, 2, 1] and scores[1].argsort(descending=True).tolist() == [3, 2, 1, 0]
