"""Texts in a blank: every score is that of a loop over items and places, and nothing but what is asked is learnt."""

import json

import numpy as np
import pytest
import torch
from torch.nn import functional as F

from tastelm.data.sequences import Sequences
from tastelm.errors import DataError, SettingError
from tastelm.plm.loading import masked_lm
from tastelm.plm.masked import MaskedLM
from tastelm.plm.tokens import MASK, from_json, trained_on
from tastelm.prompting.cloze import InBlank, blank_logits, mask_of, open_end, pad_of, pseudo_likelihoods
from tastelm.prompting.cloze_lessons import HiddenWords, NextTitle, Prefixes
from tastelm.prompting.title_cloze import Blank, Sentences, TitleCloze
from tastelm.text.family import family
from tastelm.text.segments import Text, plain
from tastelm.text.template import Template

TITLES = ["The Matrix", "Alien", "Toy Story", "The Godfather", "Aliens", "Toy Story 2"]
HISTORIES = Sequences.of([[0, 2], [], [4, 3, 2, 1, 0, 1]])
NOBODY = np.full(3, -1, np.int32)
ASKS = family("lmrecsys")
SENTENCES = Sentences(ASKS["sentence"], ASKS["no-history"], shown=3)


def small_masked(seed: int = 0, *, context: int = 64) -> MaskedLM:
    torch.manual_seed(seed)  # the first weights of a module follow torch's generator
    model = masked_lm(f"scratch:dim=32,layers=2,heads=2,context={context},vocabulary=320")
    model.write_with(trained_on([f" {title}" for title in TITLES], size=300))
    # Weights as they come are so small that any two texts are nearly alike.
    with torch.no_grad():
        for value in model.parameters():
            value.mul_(4)
    return model.eval()


MODEL = small_masked()


def scorer(blank: Blank = Blank(4), *, batch: int = 2, titles: list[str] = TITLES, model: MaskedLM = MODEL) -> TitleCloze:  # noqa: B008
    module = TitleCloze(model, SENTENCES, blank, batch=batch)
    module.titles.write(titles)
    return module.eval()


@torch.no_grad()
def by_hand(before: str, behind: list[str], places: int, padding: str) -> list[tuple[float, int]]:
    """Of each text the sum of its log-probabilities, item by item and place by place, and how many there are."""
    tokens = MODEL.tokens
    assert tokens.mask is not None
    read = tokens.encode(before)
    ids = torch.tensor([[tokens.start, *read, *[tokens.mask] * places, tokens.end]])
    logits = MODEL.network(input_ids=ids).logits[0]
    found = []
    for text in behind:
        wanted = tokens.encode(text)[:places]
        wanted += [tokens.end] * (places - len(wanted)) if padding == "paper" else []
        found.append((sum(float(logits[1 + len(read) + place].log_softmax(0)[token]) for place, token in enumerate(wanted)), len(wanted)))
    return found


@pytest.mark.parametrize("padding", ["skip", "paper"])
def test_scores_are_those_of_a_loop_over_items_and_places(padding: str) -> None:
    asked = ["After The Matrix, Toy Story this person goes on with", "The next choice is", "After Alien, The Matrix, Alien this person goes on with"]
    loops = [by_hand(text, [f" {title}" for title in TITLES], 4, padding) for text in asked]
    sums, counts = np.array(loops)[..., 0], np.array(loops)[..., 1]
    assert counts.min() < 4 or padding == "paper"
    for normaliser, expected in {"sum": sums, "mean": sums / counts, "prior": sums - sums[1]}.items():
        found = scorer(Blank(4, padding, normaliser)).item_scores(HISTORIES, NOBODY)  # type: ignore[arg-type]
        np.testing.assert_allclose(found.numpy(), expected, atol=1e-4, rtol=1e-5)


def test_permuting_the_items_permutes_the_scores_and_batches_change_nothing() -> None:
    order = [3, 0, 5, 1, 4, 2]
    where = np.argsort(order)
    found = scorer().item_scores(HISTORIES, NOBODY)
    turned = scorer(titles=[TITLES[code] for code in order]).item_scores(HISTORIES.replaced(where[HISTORIES.values]), NOBODY)
    torch.testing.assert_close(turned, found[:, order])
    torch.testing.assert_close(scorer(batch=1).item_scores(HISTORIES, NOBODY), found, atol=1e-4, rtol=1e-4)
    assert scorer().item_scores(Sequences.of([]), NOBODY[:0]).shape == (0, 6)


def test_a_title_that_is_longer_than_the_blank_counts_with_its_beginning() -> None:
    scores = scorer(Blank(2)).item_scores(HISTORIES, NOBODY)
    short = len(MODEL.tokens.encode(" Toy Story"))
    assert short >= 2 and torch.equal(scores[:, 2], scores[:, 5]), "Toy Story and Toy Story 2 begin alike"


def test_without_its_end_no_title_outscores_what_it_begins_with() -> None:
    scores = scorer(Blank(8, "skip")).item_scores(HISTORIES, NOBODY)
    assert (scores[:, 2] > scores[:, 5]).all()
    ids = MODEL.tokens.encode(" Toy Story 2")
    texts = InBlank.of([ids[:-1], ids], 8, pad=pad_of(MODEL.tokens))
    logits = torch.zeros(1, 8, 320)
    logits[0, len(ids) - 1, ids[-1]] = 5.0
    assert texts.scores(logits)[0, 1] > texts.scores(logits)[0, 0]


def test_a_blank_shares_cells_and_may_be_empty() -> None:
    texts = InBlank.of([[7, 8, 9], [7, 8], [8, 7]], 2)
    assert sorted(zip(texts.places.tolist(), texts.tokens.tolist(), strict=True)) == [(0, 7), (0, 8), (1, 7), (1, 8)]
    logits = torch.arange(2 * 10, dtype=torch.float).view(1, 2, 10).sin()
    steps = logits.log_softmax(2)[0]
    torch.testing.assert_close(texts.scores(logits)[0], torch.stack([steps[0, 7] + steps[1, 8]] * 2 + [steps[0, 8] + steps[1, 7]]))
    torch.testing.assert_close(texts.scores(logits + 3), texts.scores(logits))
    assert InBlank.of([], 2).scores(logits).shape == (1, 0)


@torch.no_grad()
def test_a_pseudo_likelihood_hides_each_token_in_turn() -> None:
    prompts = [
        (Text("The Matrix, then"), Text(" Toy Story", learn=True)),
        (Text(" Alien", learn=True), Text(" and more of the same")),
        (Text(" Aliens 2", learn=True),),
    ]
    tokens, expected = MODEL.tokens, []
    for prompt in prompts:
        ids, learnt = [tokens.start], []
        for segment in prompt:
            learnt += [len(ids) + at for at in range(len(tokens.encode(segment.text)))] if segment.learn else []
            ids += tokens.encode(segment.text)
        ids, own = [*ids, tokens.end], []
        for place in learnt:
            hidden = torch.tensor([[*ids[:place], tokens.mask, *ids[place + 1 :]]])
            own.append(float(MODEL.network(input_ids=hidden).logits[0, place].log_softmax(0)[ids[place]]))
        expected.append((sum(own), sum(own) / len(own)))
    for batch in (1, 3, 64):
        np.testing.assert_allclose(pseudo_likelihoods(MODEL, prompts, batch=batch).numpy(), [value for value, _ in expected], atol=1e-4)
    np.testing.assert_allclose(pseudo_likelihoods(MODEL, prompts, mean=True).numpy(), [value for _, value in expected], atol=1e-4)


def test_a_history_that_does_not_fit_is_shown_in_part() -> None:
    long = Sequences.of([[0, 1, 2, 3, 4, 5] * 3])
    wide = TitleCloze(small_masked(context=64), Sentences(ASKS["sentence"], ASKS["no-history"], shown=18), Blank(4), batch=1)
    wide.titles.write(TITLES)
    asked = plain(wide.prompts(long, NOBODY[:1])[0])
    assert asked.count(",") < 17 and "Toy Story 2 this person goes on with" in asked
    assert wide.item_scores(long, NOBODY[:1]).isfinite().all()
    assert HiddenWords()(wide, long, np.random.default_rng(0)).targets > 0


def test_every_item_is_foreseen_once_from_what_came_before_it() -> None:
    train = Sequences.of([[3, 1, 4, 1, 5], [], [2], [0, 5, 3]])
    view = Prefixes(train, shown=2, batch=4).batches(0, seed=1)
    batches = [view[index] for index in range(len(view))]
    assert [len(batch) for batch in batches] in ([4, 4, 1], [4, 1, 4], [1, 4, 4])
    assert sorted(tuple(row.tolist()) for batch in batches for row in batch) == sorted(
        [(3,), (3, 1), (3, 1, 4), (1, 4, 1), (4, 1, 5), (2,), (0,), (0, 5), (0, 5, 3)]
    )  # fmt: skip
    again, other = Prefixes(train, 2, 4).batches(0, seed=1), Prefixes(train, 2, 4).batches(1, seed=1)
    assert again[0].values.tolist() == batches[0].values.tolist()
    assert any(other[index].values.tolist() != batches[index].values.tolist() for index in range(3))


def test_the_loss_is_that_of_the_catalogue_and_reaches_the_model() -> None:
    module = scorer(Blank(4, "paper"), model=small_masked())
    outcome = NextTitle()(module, Sequences.of([[0, 2, 1], [5], [4, 3, 2, 1, 0]]), np.random.default_rng(0))
    scores = module.item_scores(Sequences.of([[0, 2], [], [4, 3, 2, 1]]), NOBODY)
    torch.testing.assert_close(outcome.loss, F.cross_entropy(scores, torch.tensor([1, 5, 0])))
    assert outcome.targets == 3
    outcome.loss.backward()
    moved = [name for name, value in module.backbone.named_parameters() if value.grad is not None and value.grad.abs().sum() > 0]
    assert any("layer.0" in name for name in moved) and any("word_embeddings" in name for name in moved)


def test_some_words_are_hidden_and_at_least_one_of_each_text(monkeypatch: pytest.MonkeyPatch) -> None:
    module = scorer()
    seen: list[torch.Tensor] = []
    embed = module.backbone.embed
    monkeypatch.setattr(module.backbone, "embed", lambda ids: (seen.append(ids), embed(ids))[1])
    batch = Sequences.of([[0, 2, 1], [5], [4, 3, 2]])
    rare = HiddenWords(rate=0.0, masked=1.0)(module, batch, np.random.default_rng(0))
    assert rare.targets == 3 and (seen[-1] == module.backbone.tokens.mask).sum(1).tolist() == [1, 1, 1]
    every = HiddenWords(rate=1.0, masked=1.0)(module, batch, np.random.default_rng(0))
    assert set(seen[-1].flatten().tolist()) == {0, module.backbone.tokens.start, module.backbone.tokens.end, module.backbone.tokens.mask}
    stories = [plain(story) for story in module.stories(batch)]
    assert stories == [
        "After The Matrix, Toy Story this person goes on with Alien",
        "The next choice is Toy Story 2",
        "After Aliens, The Godfather this person goes on with Toy Story",
    ]
    assert every.targets == sum(len(tokens) for tokens in MODEL.tokens.encode_all(stories))
    many = Sequences.of([[0, 2, 1]] * 200)
    usual = HiddenWords()(module, many, np.random.default_rng(0))
    assert usual.targets / 200 == pytest.approx(0.15 * len(MODEL.tokens.encode(stories[0])), rel=0.15)
    masked = int((seen[-1] == module.backbone.tokens.mask).sum())
    assert masked / usual.targets == pytest.approx(0.8, abs=0.06)
    assert torch.equal(HiddenWords()(module, many, np.random.default_rng(0)).loss, usual.loss)


def test_what_cannot_be_filled_is_refused() -> None:
    with pytest.raises(DataError, match="text 2 of 2 has no token, so no blank can hold it"):
        InBlank.of([[5], []], 4)
    with pytest.raises(SettingError, match="template 'shut' has no places for a blank: its target must hold one slot"):
        open_end(Template("shut", "after {history}", " the end", {"history": "history"}), 4)
    with pytest.raises(SettingError, match="template 'two' has 2 places for a blank"):
        open_end(Template("two", "so", "{a} or {b}", {"a": "item", "b": "item"}), 4)
    with pytest.raises(SettingError, match="template 'sentence' does not fit: it is for somebody without a history"):
        Sentences(ASKS["sentence"], ASKS["sentence"], shown=3)
    with pytest.raises(SettingError, match="template 'no-history' does not fit: its source must hold one slot, of the kind history"):
        Sentences(ASKS["no-history"], ASKS["no-history"], shown=3)
    with pytest.raises(SettingError, match="template 'genre' does not fit: its target must hold one slot, of the kind item"):
        Sentences(Template("genre", "after {history}", " {genre}", {"history": "history", "genre": "feature"}), ASKS["no-history"], shown=3)
    blank = open_end(ASKS["sentence"], 4)[1]
    with pytest.raises(DataError, match="each prompt must have a blank, and all of them as many places"):
        blank_logits(MODEL, [blank, (Text("none"),)])
    with pytest.raises(DataError, match="prompt 2 has no learnt words"):
        pseudo_likelihoods(MODEL, [(Text("a", learn=True),), (Text("b"),)])


def test_a_model_without_a_mask_is_refused() -> None:
    model = small_masked()
    content = json.loads(MODEL.tokens.to_json().replace(MASK, "<|gap|>"))
    model.write_with(from_json(json.dumps(content)))
    with pytest.raises(SettingError, match="the model's tokenizer has no token that hides others"):
        mask_of(model.tokens)
    with pytest.raises(SettingError, match="Take a masked language model"):
        scorer(model=model).item_scores(HISTORIES, NOBODY)
