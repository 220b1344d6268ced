"""Items ranked by answers: what is read once changes nothing, and what is learnt is what is asked."""

import numpy as np
import pytest
import torch

from tastelm.data.sequences import Sequences
from tastelm.errors import SettingError
from tastelm.plm.adapters import add_lora
from tastelm.plm.deep_prefix import DeepPrefix
from tastelm.plm.loading import causal_lm, masked_lm
from tastelm.prompting.answers import Letters, YesOrNo
from tastelm.prompting.lessons import ItemLesson
from tastelm.prompting.shuffles import LOWEST
from tastelm.prompting.teaching import Written
from tastelm.prompting.titles import Showing
from tastelm.strategies import ADAPTER, Partial, prepare
from tastelm.text.family import family
from tastelm.text.segments import Text, plain

from .toys import small_causal

TITLES = ["The Matrix", "Alien", "Toy Story", "The Godfather", "Aliens", "Heat"]
HISTORIES = Sequences.of([[0, 2], [], [4, 3, 2, 1]])
NOBODY = np.full(3, -1, np.int32)
POPULARITY = np.array([5, 9, 1, 7, 3, 0])
INSTRUCT = family("instruct")


def yes_or_no(batch: int = 2, places: int = 0) -> YesOrNo:
    model = small_causal(context=512)
    prompt = DeepPrefix(model.kv_shape, places) if places else None
    if prompt is not None:
        prompt.begin(model, "what somebody likes")
    module = YesOrNo(model, INSTRUCT["pointwise"], len(TITLES), showing=Showing(3), batch=batch, prompt=prompt)
    module.know(TITLES, POPULARITY)
    return module.eval()


def letters(*, window: int = 4, shuffles: int = 2, batch: int = 3) -> Letters:
    made = Letters(small_causal(context=512), INSTRUCT["listwise"], len(TITLES), showing=Showing(3), batch=batch, window=window, shuffles=shuffles)
    made.know(TITLES, POPULARITY)
    return made.eval()


@pytest.mark.parametrize("places", [0, 7])
@torch.no_grad()
def test_the_score_of_an_item_is_what_yes_has_over_no_behind_the_whole_prompt(places: int) -> None:
    module = yes_or_no(places=places)
    found = module.item_scores(HISTORIES, NOBODY)
    for row, history in enumerate(HISTORIES):
        shown = [TITLES[code] for code in history[-3:]]
        prompts = [INSTRUCT["pointwise"].render_source({"liked": shown, "title": title}) for title in TITLES]
        yes, no = (module.nll(Written(prompts, [(Text(word, learn=True),)] * len(TITLES))) for word in (" Yes", " No"))
        tokens = [len(module.backbone.tokens.encode(word)) for word in (" Yes", " No")]
        np.testing.assert_allclose(found[row].numpy(), (no * tokens[1] - yes * tokens[0]).numpy(), atol=2e-4)


@torch.no_grad()
def test_keys_and_values_before_every_prompt_count() -> None:
    assert (yes_or_no(places=7).item_scores(HISTORIES, NOBODY) - yes_or_no().item_scores(HISTORIES, NOBODY)).abs().max() > 1e-3


@torch.no_grad()
def test_candidates_score_as_they_do_among_all_and_in_any_batch() -> None:
    candidates = Sequences.of([[1, 3], [5], [4, 2, 1]])
    places = torch.from_numpy(candidates.owners), torch.from_numpy(candidates.values.astype(np.int64))
    torch.testing.assert_close(
        yes_or_no().candidate_scores(HISTORIES, NOBODY, candidates), yes_or_no().item_scores(HISTORIES, NOBODY)[places], atol=1e-4, rtol=1e-4
    )
    torch.testing.assert_close(letters(batch=1).item_scores(HISTORIES, NOBODY), letters(batch=9).item_scores(HISTORIES, NOBODY), atol=1e-4, rtol=1e-4)


@torch.no_grad()
def test_letters_stand_for_the_popular_candidates_and_the_rest_stays_below_in_the_order_of_the_prior() -> None:
    scores = letters().item_scores(HISTORIES, NOBODY)
    assert (scores[:, [0, 1, 3, 4]] > -50).all() and (scores[:, [2, 5]] < LOWEST).all() and (scores[:, 2] > scores[:, 5]).all()
    np.testing.assert_allclose(letters(shuffles=1).item_scores(HISTORIES, NOBODY)[:, [0, 1, 3, 4]].exp().sum(1).numpy(), 1, rtol=1e-4)


@torch.no_grad()
def test_the_order_in_which_candidates_come_does_not_matter() -> None:
    module = letters(window=6)
    order = np.array([3, 5, 0, 4, 1, 2])
    one = module.candidate_scores(HISTORIES.take(np.array([0])), NOBODY[:1], Sequences.of([np.arange(6)]))
    other = module.candidate_scores(HISTORIES.take(np.array([0])), NOBODY[:1], Sequences.of([order]))
    np.testing.assert_allclose(other.numpy(), one.numpy()[order], atol=1e-5)


@torch.no_grad()
def test_a_love_of_the_first_letter_is_shared_out_by_shuffles(monkeypatch: pytest.MonkeyPatch) -> None:
    def first(model: object, reading: object, continuations: list[list[list[int]]]) -> list[torch.Tensor]:
        return [torch.tensor([5.0] + [0.0] * (len(row) - 1)) for row in continuations]

    monkeypatch.setattr("tastelm.prompting.answers.log_likelihoods", first)
    spread = [float(letters(window=6, shuffles=shuffles).item_scores(HISTORIES, NOBODY)[0].std()) for shuffles in (1, 64)]
    assert spread[1] < 0.4 * spread[0]


@torch.no_grad()
def test_of_equally_popular_candidates_neither_code_nor_place_decides_which_are_shown() -> None:
    module = letters(window=3)
    module.know(TITLES, np.zeros(6, np.int64))

    def asked(order: list[int]) -> set[int]:
        scores = module.candidate_scores(HISTORIES.take(np.array([0])), NOBODY[:1], Sequences.of([order]))
        return {code for code, score in zip(order, scores.tolist(), strict=True) if score > LOWEST}

    first, second = asked([0, 1, 2, 3, 4, 5]), asked([5, 3, 1, 0, 2, 4])
    assert first == second and len(first) == 3 and first != {0, 1, 2}


def test_lessons_of_both_forms_name_the_right_answer() -> None:
    train, rng = Sequences.of([[0, 1, 2], [3, 4]]), np.random.default_rng(0)
    listwise = ItemLesson(train, TITLES, [INSTRUCT["listwise"]], 3, candidates=3)
    for example in (1, 2, 4):
        source, target = map(plain, listwise.render(example, rng))
        letter = target.strip()[0]
        assert f"{letter}. {TITLES[train.values[example]]}" in source and source.count(". ") >= 3
    pointwise = ItemLesson(train, TITLES, [INSTRUCT["pointwise"]], 3, answers={True: "Yes", False: "No"})
    told = {(plain(source).split("Item: ")[1].split("\n")[0], plain(target)[1:3]) for source, target in (pointwise.render(2, rng) for _ in range(60))}
    assert (TITLES[2], "Ye") in told and {title for title, word in told if word == "No"} == {TITLES[3], TITLES[4], TITLES[5]}


def test_an_adapter_changes_nothing_at_first_and_is_a_group_of_its_own() -> None:
    model, ids = small_causal(), torch.tensor([[5, 6, 7]])
    before = model(model.embed(ids), torch.ones(1, 3, dtype=torch.bool))
    add_lora(model, rank=2, alpha=4, dropout=0.0)
    torch.testing.assert_close(model(model.embed(ids), torch.ones(1, 3, dtype=torch.bool)), before)
    holder = torch.nn.Module()
    holder.backbone = model
    plan = prepare(holder, Partial(frozenset({ADAPTER})), stage="toy")
    assert plan.trained and all("lora_" in name for name in plan.trained) and not any("lora_" in name for name in plan.frozen)
    assert sum(value.numel() for value in model.parameters() if value.requires_grad) < 0.1 * sum(value.numel() for value in model.parameters())
    add_lora(masked_lm("scratch:dim=8,layers=1"), rank=1, alpha=1, dropout=0.0)


def test_what_does_not_fit_is_refused() -> None:
    wrong = YesOrNo(small_causal(), INSTRUCT["listwise"], 3, showing=Showing(1), batch=1)
    wrong.know(TITLES[:3], POPULARITY[:3])
    with pytest.raises(SettingError, match="template 'listwise' does not fit: its source must hold one slot of the kind item, not 0"):
        wrong.item_scores(HISTORIES, NOBODY)
    model = causal_lm("scratch:dim=8,layers=1")
    for name, module in list(model.network.named_modules()):
        if name.endswith("self_attn"):
            module.other, module.another = module.q_proj, module.v_proj
            del module.q_proj, module.v_proj
    with pytest.raises(SettingError, match="has no matrices called q_proj"):
        add_lora(model, rank=1, alpha=1, dropout=0.0)
