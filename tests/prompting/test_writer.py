"""Recommending by writing: what is learnt is what is searched for, and what is shown lies before what is written."""

import numpy as np
import pytest
import torch

from tastelm.data.sequences import Sequences
from tastelm.item_tokens.random import random_tokens
from tastelm.plm.loading import seq2seq_lm
from tastelm.plm.tokens import trained_on
from tastelm.prompting.lessons import ItemLesson, asks_next
from tastelm.prompting.teaching import Lessons, WriteTargets, Written
from tastelm.prompting.writer import Asking, ItemWriter, mark
from tastelm.text.family import family
from tastelm.text.segments import Text, plain
from tastelm.text.template import Template

ITEMS = 30
NEXT = Template("next", "{user} had {history}, then", "{item}", {"user": "user", "history": "history", "item": "item"})
CHOICE = Template("choice", "{user} may have {candidates}:", "{item}", {"user": "user", "candidates": "candidates", "item": "item"})
TRAIN = Sequences.of([[3, 1, 4, 1, 5], [9], [2, 6, 5, 3], []])


def writer(*, whole_words: bool = True, beams: int = ITEMS) -> ItemWriter:
    torch.manual_seed(0)
    tokens = random_tokens(ITEMS, width=2, base=8, seed=0)
    model = seq2seq_lm(f"scratch:dim=16,layers=1,heads=2,vocabulary={300 + tokens.vocabulary}")
    module = ItemWriter(model, ITEMS, Asking(NEXT, "history", "user", 3, beams, 4), whole_words=whole_words)
    module.backbone.write_with(trained_on(["user_1 had , then"], size=300, marks=[mark(token) for token in range(tokens.vocabulary)]))
    module.spell(tokens.tokens, np.arange(ITEMS))
    with torch.no_grad():
        for value in module.parameters():
            value.mul_(3)  # so that items differ by more than rounding
    return module.eval()


@torch.no_grad()
def test_scores_are_the_likelihoods_that_are_learnt() -> None:
    module = writer()
    histories, users = Sequences.of([[3, 4], [], [7, 8, 9, 10, 11]]), np.array([0, -1, 2], np.int32)
    scores = module.item_scores(histories, users)
    sources = module.prompts(histories, users)
    for row, source in enumerate(sources):
        targets = [(Text(module.item_text(code), learn=True),) for code in range(ITEMS)]
        nll = module.nll(Written([source] * ITEMS, targets))
        np.testing.assert_allclose(scores[row].numpy(), -2 * nll.numpy(), rtol=1e-4, atol=1e-4)


@torch.no_grad()
def test_what_a_narrow_search_does_not_find_stands_below_by_popularity() -> None:
    module = writer(beams=4)
    scores = module.item_scores(Sequences.of([[3, 4]]), np.array([0], np.int32))[0]
    found, _ = module.search(module.prompts(Sequences.of([[3, 4]]), np.array([0], np.int32)), 4)
    assert set(scores.topk(4).indices.tolist()) == set(found[0].tolist())
    rest = [code for code in scores.argsort(descending=True).tolist() if code not in found[0].tolist()]
    assert rest == sorted(rest, reverse=True), "the prior of this toy rises with the code"


@torch.no_grad()
def test_the_loss_is_that_of_the_network_and_each_example_counts_alike() -> None:
    module = writer(whole_words=False)
    source, short, long = (Text("user_1 had"),), (Text("a", learn=True),), (Text("a longer text", learn=True),)
    tokens = module.backbone.tokens
    ids = torch.tensor([[tokens.start, *tokens.encode("user_1 had"), tokens.end]])
    for target in (short, long):
        expected = module.backbone.network(input_ids=ids, labels=torch.tensor([tokens.encode(plain(target))])).loss
        torch.testing.assert_close(module.nll(Written([source], [target]))[0], expected)
    both = Written([source, source], [short, long])
    assert float(WriteTargets()(module, both, np.random.default_rng(0)).loss) == pytest.approx(float(module.nll(both).mean()))
    assert module.nll(both)[0] == pytest.approx(float(module.nll(Written([source], [short]))), abs=1e-5)


def test_pieces_of_a_word_share_its_number() -> None:
    module = writer()
    from tastelm.prompting.layout import lay_out

    layout = lay_out([(Text(f"user_12 had {module.item_text(3)}, {module.item_text(5)}"),)], module.backbone.tokens, start=False)
    numbers = module._numbers(layout)[0].tolist()
    items = [place for place, token in enumerate(layout.ids[0].tolist()) if module.backbone.tokens.word(token).startswith("<i")]
    assert len(items) == 4 and numbers[items[0]] == numbers[items[1]] < numbers[items[2]] == numbers[items[3]]
    assert numbers == sorted(numbers) and numbers[0] == 0


def lesson(**more: int) -> ItemLesson:
    return ItemLesson(TRAIN, [f"<i{code}>" for code in range(10)], [NEXT], **{"shown": 3, **more})


def test_every_prefix_is_an_example_once_and_shows_only_what_came_before() -> None:
    rng = np.random.default_rng(0)
    found = {tuple(map(plain, lesson().render(int(example), rng))) for example in lesson().draw(rng)}
    assert found == {
        ("user_0 had <i3>, then", "<i1>"), ("user_0 had <i3>, <i1>, then", "<i4>"), ("user_0 had <i3>, <i1>, <i4>, then", "<i1>"),
        ("user_0 had <i1>, <i4>, <i1>, then", "<i5>"),
        ("user_2 had <i2>, then", "<i6>"), ("user_2 had <i2>, <i6>, then", "<i5>"), ("user_2 had <i2>, <i6>, <i5>, then", "<i3>"),
    }  # fmt: skip


def test_so_many_prefixes_of_each_user() -> None:
    drawn = lesson(per_user=50).draw(np.random.default_rng(0))
    assert sorted(set(drawn.tolist())) == [1, 2, 3, 4, 7, 8, 9] and len(drawn) == 100
    assert np.diff(lesson().lengths(np.array([1, 2, 3, 4]))).tolist() == [4, 4, 0], "an item is four characters"


def test_templates_are_drawn_alike_and_the_length_of_each_counts() -> None:
    many = ItemLesson(TRAIN, [f"<i{code}>" for code in range(10)], [NEXT, CHOICE], shown=3, per_user=200, candidates=5)
    drawn = many.draw(np.random.default_rng(0))
    assert abs(np.mean(drawn % 2) - 0.5) < 0.06
    read = [len(plain(many.render(int(example), np.random.default_rng(1))[0])) for example in drawn]
    assert np.corrcoef(read, many.lengths(drawn))[0, 1] > 0.95


def test_an_epoch_holds_every_example_in_batches_of_like_length() -> None:
    rng = np.random.default_rng(0)
    long = Sequences.of([rng.integers(10, size=size) for size in rng.integers(2, 40, size=60)])
    view = Lessons([ItemLesson(long, [f"<i{code}>" for code in range(10)], [NEXT], shown=40)], batch=16)
    batches = view.batches(0, seed=1)
    told = [batches[index] for index in range(len(batches))]
    assert sum(len(batch.sources) for batch in told) == int((long.lengths - 1).sum())
    spread = np.mean([np.ptp([len(plain(source)) for source in batch.sources]) for batch in told])
    assert spread < 60, "in any order a batch would span nearly all lengths, 4 to 200"
    again = view.batches(0, seed=1)
    assert again[3] == told[3] and view.batches(1, seed=1)[3] != told[3]


def test_templates_that_ask_for_the_next_item() -> None:
    names = [template.name for template in family("p5-sequential").templates if asks_next(template)]
    assert names == ["2-1", "2-2", "2-3", "2-4", "2-5", "2-6", "2-13"]


def test_without_the_tree_it_names_what_the_library_generates_and_at_first_nothing() -> None:
    module = writer(whole_words=False)
    tokens, network = module.backbone.tokens, module.backbone.network
    prompts = module.prompts(Sequences.of([[code, (code + 3) % ITEMS] for code in range(ITEMS)]), np.arange(ITEMS, dtype=np.int32))
    targets = [(Text(module.item_text(code), learn=True),) for code in range(ITEMS)]
    spelled = {module.item_text(code): code for code in range(ITEMS)}

    def generated(prompt: tuple[Text, ...]) -> int:
        ids = torch.tensor([[tokens.start, *tokens.encode(plain(prompt)), tokens.end]])
        written = network.generate(input_ids=ids, max_new_tokens=2, min_new_tokens=2, do_sample=False, num_beams=1)[0, 1:].tolist()
        return spelled.get("".join(tokens.word(word) for word in written if word < tokens.size), -1)

    shares = []
    optimizer = torch.optim.Adam(module.parameters(), lr=1e-2)
    for steps in (0, 20, 150):
        for _ in range(steps):
            optimizer.zero_grad()
            module.nll(Written(prompts, targets)).mean().backward()
            optimizer.step()
        named = module.unguided(prompts)
        assert named.tolist() == [generated(prompt) for prompt in prompts]
        shares.append((named >= 0).mean())
    assert shares[0] < 0.1 and shares[-1] > 0.9
