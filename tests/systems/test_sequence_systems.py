"""The sequence systems on toys where what they read beside the items decides; what the contract cannot know of them."""

from typing import Any

import numpy as np
import polars as pl
import pytest
import torch

from tastelm.data.dataset import Dataset
from tastelm.data.sequences import Sequences
from tastelm.data.split import Split, split
from tastelm.errors import DataError, SettingError
from tastelm.evaluation import evaluate, protocol
from tastelm.fitting import Fitted, fit_system
from tastelm.metrics import parse_metrics
from tastelm.nn.associations import Associations
from tastelm.nn.gaps import GapFiller
from tastelm.runs import load
from tastelm.similarity import transitions
from tastelm.strategies import Partial, prepare
from tastelm.systems.catalogue import system
from tastelm.testing import CHECKS, SMALL, circle
from tastelm.train.budget import Budget

CIRCLE = split(circle(200))


def described(made: Dataset) -> Dataset:
    """The circle with a parity, a number and users' data."""
    items = pl.DataFrame({"item": made.interactions["item"].unique().sort()})
    number = pl.col("item").cast(pl.Int64)
    items = items.with_columns(kinds=pl.concat_list((number % 2).cast(pl.String), (number // 5).cast(pl.String)), size=number.cast(pl.Float64))
    users = pl.DataFrame({"user": made.interactions["user"].unique().sort()}).with_row_index()
    users = users.select("user", sex=(pl.col("index") % 2).cast(pl.String), friends=pl.concat_list(pl.format("u{}", (pl.col("index") + 1) % 200)))
    return Dataset.build(made.interactions, items=items, users=users, name="described circle")


DESCRIBED = split(described(circle(200)))


def fit(name: str, made: Split, budget: str = "150steps", **settings: Any) -> Fitted:
    found = system(name)
    small = {key: value for key, value in SMALL.items() if key in vars(found.create({}).config)}
    return fit_system(found.create(small | settings), made, budget=Budget.parse(budget))


def hits(fitted: Fitted, made: Split) -> float:
    question = protocol(made, metrics=parse_metrics("hr@1"), seen="keep")
    return evaluate(fitted.recommender.module, question).metrics["hr@1"]  # type: ignore[arg-type]


@pytest.mark.parametrize("objective", ["clm", "mlm", "plm", "rtd"])
@pytest.mark.parametrize("columns", ["none", "all"])
def test_every_objective_of_transformers4rec_learns_with_and_without_columns(objective: str, columns: str) -> None:
    # Detection takes most of the descent of rtd, so the generator, which answers, gets its share of a longer training.
    steps, more = ("600steps", {"rtd_weight": 1.0}) if objective == "rtd" else ("300steps", {})
    fitted = fit("transformers4rec", DESCRIBED, steps, objective=objective, columns=columns, **more)
    assert hits(fitted, DESCRIBED) > 0.7


@pytest.mark.parametrize("objective", ["mlm", "rtd"])
def test_masks_by_chance_reach_the_objective(objective: str) -> None:
    stage: Any = next(iter(system("transformers4rec").create({"objective": objective, "count": "bernoulli"}).settle(CIRCLE).stages(CIRCLE)))
    assert stage.objective.count == "bernoulli" and stage.name == objective


def test_an_item_that_nobody_met_is_found_by_its_columns() -> None:
    """After an `a` comes a `b`. Nothing is trained on a-new and b-new, of which only their kind is known."""
    rng = np.random.default_rng(0)
    rows = [(f"u{user}", f"{'ab'[at % 2]}{rng.integers(5)}", float(at)) for user in range(120) for at in range(7)]
    rows += [("new", item, float(at)) for at, item in enumerate(["a0", "b0", "a-new", "b-new"])]
    items = pl.DataFrame({"item": sorted({row[1] for row in rows})}).with_columns(kind=pl.concat_list(pl.col("item").str.slice(0, 1)))
    made = split(Dataset.build(pl.DataFrame(rows, schema=["user", "item", "time"], orient="row"), items=items, name="kinds"))
    model = fit("transformers4rec", made, objective="clm", fusion="sum", answer="fused").recommender
    for history, new, other in ((["a1"], "b-new", "a-new"), (["a2", "b1"], "a-new", "b-new")):
        right, wrong = model.score(history, [new, other])
        assert right > wrong + 0.3, f"{new} is no likelier than {other} after {history}"


@pytest.mark.parametrize("objective", ["clm", "mlm", "plm", "rtd"])
def test_neither_a_target_nor_its_columns_reach_its_own_prediction(objective: str) -> None:
    """Another hidden item with other columns in its place changes no state that is asked for it."""
    made = system("transformers4rec").create({"objective": objective, "dim": 8, "max_len": 8}).settle(DESCRIBED)
    torch.manual_seed(0)
    module: Any = made.build(DESCRIBED.sizes).eval()
    module.items.fill(DESCRIBED.features)
    for value in module.parameters():
        torch.nn.init.normal_(value, std=0.3) if value.ndim > 1 else None
    one, other = Sequences.of([[3, 8, 1, 5]]), Sequences.of([[3, 8, 14, 5]])
    if objective == "clm":  # the state that predicts the third item stands at the second
        states, moved = (module(batch)[1] for batch in (one, other))
    elif objective == "plm":
        turns = torch.tensor([0, 0, 1, 2])
        states, moved = (module(batch, turns)[2] for batch in (one, other))
    else:
        masked = [batch.replaced(np.where(np.arange(4) == 2, module.items.n_items, batch.values)) for batch in (one, other)]
        states, moved = (module(batch)[2] for batch in masked)
    torch.testing.assert_close(states, moved, rtol=0, atol=0)
    assert not torch.allclose(module(one), module(other)), "it is seen where it may be"


def test_gaps_do_not_see_their_own_item_but_those_behind_them() -> None:
    torch.manual_seed(0)
    module: Any = system("grec").create({"dim": 8, "max_len": 8}).settle(CIRCLE).build(CIRCLE.sizes).eval()
    assert isinstance(module, GapFiller)
    clean = Sequences.of([[3, 8, 1, 5]])
    masked = clean.replaced(np.array([3, 8, module.items.n_items, 5]))
    state = module(masked, clean)[2]
    own = Sequences.of([[3, 8, 14, 5]])
    torch.testing.assert_close(module(masked, own)[2], state, rtol=0, atol=0)
    behind = module(masked.replaced(np.array([3, 8, module.items.n_items, 6])), Sequences.of([[3, 8, 1, 6]]))[2]
    assert not torch.allclose(behind, state)


def test_s3rec_starts_its_second_stage_from_the_first_and_turns_causal() -> None:
    made = system("s3rec").create({"dim": 8, "heads": 2, "pretrain_epochs": 2}).settle(DESCRIBED)
    stages = made.stages(DESCRIBED)
    first = next(stages)
    assert isinstance(first.module, Associations) and first.module.table is not None and not first.module.backbone.causal
    assert first.module.table.weight.shape == (4, 8), "four words for parity and fifth; the number is no category"
    assert "sequence_attribute" in dict(first.module.named_children())
    for value in first.module.parameters():
        torch.nn.init.normal_(value)
    second = next(stages)
    assert second.module.backbone.causal  # type: ignore[union-attr]
    for name, value in second.module.state_dict().items():
        assert name == "prior" or torch.equal(value, first.module.state_dict()[name])
    assert fit("s3rec", DESCRIBED, pretrain_epochs=2).stages[0].steps > 0
    assert len(fit("s3rec", CIRCLE, pretrain_epochs=0).stages) == 1
    pairs = fit("s3rec", DESCRIBED, pretrain_epochs=2, item_attribute=1.0, sequence_item=0, sequence_attribute=0, sequence_segment=0)
    assert pairs.stages[0].trained_parameters < pairs.stages[0].parameters, "pairs of items and attributes leave the encoder as it is"
    with pytest.raises(SettingError, match=r"s3rec.pretrain_epochs: all weights of the first stage are 0\."):
        system("s3rec").create({"item_attribute": 0, "sequence_item": 0, "sequence_attribute": 0, "sequence_segment": 0})
    with pytest.raises(DataError, match=r"circle: no attributes of items, .* Set sequence_item=1 or pretrain_epochs=0"):
        fit("s3rec", CIRCLE, pretrain_epochs=2, sequence_item=0, sequence_segment=0)


@pytest.mark.parametrize("name", ["s3rec", "uprec"])
def test_columns_with_one_value_teach_nothing_and_stop_nothing(name: str) -> None:
    data = circle(60)
    tables = {key: pl.DataFrame({key: data.interactions[key].unique().sort()}).with_columns(colour=pl.lit("red")) for key in ("item", "user")}
    assert fit(name, split(Dataset.build(data.interactions, items=tables["item"], users=tables["user"], name="red")), "12steps").stages[0].steps > 0


def test_permuted_modelling_of_single_items_says_that_there_is_nothing_to_learn() -> None:
    with pytest.raises(SettingError, match="no history is long enough"):
        fit("transformers4rec", CIRCLE, objective="plm", max_len=1)
    rows = [(f"u{user}", str((user + at) % 7), float(at)) for user in range(40) for at in range(3)]  # one is left to train on
    long = [("long", str(at % 7), float(at)) for at in range(12)]
    mixed = split(Dataset.build(pl.DataFrame(rows + long, schema=["user", "item", "time"], orient="row"), name="mixed"))
    assert fit("transformers4rec", mixed, "20steps", objective="plm").stages[0].steps == 20


def test_s3rec_has_its_norms_behind_each_part_in_both_stages_where_it_is_told_to() -> None:
    stages = system("s3rec").create({"dim": 8, "block": "post", "pretrain_epochs": 2, "dropout": 0.0}).settle(DESCRIBED).stages(DESCRIBED)
    for stage in stages:
        module: Any = stage.module.eval()
        states = module.backbone(module.items(torch.arange(4)), np.array([4]))
        torch.testing.assert_close(states.mean(1), torch.zeros(4), atol=1e-5, rtol=0)
        assert module.backbone.shape.norm == "post" and torch.equal(module.backbone.norm.weight, torch.ones(8))
    assert hits(fit("s3rec", DESCRIBED, "150steps", block="post", pretrain_epochs=2), DESCRIBED) > 0.7


def test_pre_training_sees_nothing_of_valid_and_test() -> None:
    first = next(system("s3rec").create({"max_len": 5}).settle(DESCRIBED).stages(DESCRIBED))
    assert first.view is not None
    batches = first.view.batches(0, 0)
    seen = sum(np.bincount(batches[index].values, minlength=20) for index in range(len(batches)))
    assert (seen <= DESCRIBED.popularity).all()


def test_peterrec_trains_its_patches_alone() -> None:
    fitted = fit("peterrec", CIRCLE, "200steps", bottleneck=2, dim=32)
    assert fitted.stages[1].trained_parameters < 0.1 * fitted.stages[1].parameters
    plan = prepare(fitted.recommender.module, Partial(frozenset({"patches"})), stage="tune")
    assert all(name.startswith("patches") for name in plan.trained)
    assert hits(fitted, CIRCLE) > 0.7
    assert hits(fit("peterrec", CIRCLE, "200steps", tune="all"), CIRCLE) > 0.7


def test_a_cloze_of_peterrec_looks_both_ways_and_its_patches_are_tuned_for_the_last_item() -> None:
    fitted = fit("peterrec", CIRCLE, "400steps", network="cloze", insert="parallel", bottleneck=2, dim=32)
    assert hits(fitted, CIRCLE) > 0.7 and fitted.stages[1].trained_parameters < 0.1 * fitted.stages[1].parameters
    stages: list[Any] = list(system("peterrec").create({"network": "cloze", "mask": 0.4, "dim": 8}).settle(CIRCLE).stages(CIRCLE))
    assert [(stage.objective.rate, stage.objective.last, stage.view.windows) for stage in stages] == [(0.4, 0.2, "all"), (0.4, 1.0, "last")]
    module, batch = stages[0].module.eval(), Sequences.of([[3, 8, 1, 5]])
    ahead = module(batch.replaced(np.array([3, 8, 1, 6])))[0]
    assert not torch.allclose(ahead, module(batch)[0]), "what comes later is seen"
    alone: Any = next(iter(system("peterrec").create({"network": "cloze", "tune": "all", "pretrain": False}).settle(CIRCLE).stages(CIRCLE)))
    assert alone.objective.last == 0.2, "without pre-training all places are learnt from"


def test_a_profile_is_told_from_a_cloze_too() -> None:
    fitted = fit("peterrec", DESCRIBED, "100steps", network="cloze", profile="sex")
    assert [stage.name for stage in fitted.stages] == ["pre-train", "tune"] and set(fitted.recommender.profile(["1", "2"])["sex"]) == {"0", "1"}


def test_uprec_learns_from_users_where_they_are_described() -> None:
    fitted = fit("uprec", DESCRIBED, "500steps")
    assert hits(fitted, DESCRIBED) > 0.7 and [stage.name for stage in fitted.stages] == ["pre-train", "tune"]
    stages = system("uprec").create({"dim": 8}).settle(DESCRIBED).stages(DESCRIBED)
    objective: Any = next(stages).objective
    assert [name for _, name, _ in objective.terms] == ["cloze", "attributes", "relations"]
    _, _, relations = objective.terms[2]
    assert relations.friends.lengths.tolist() == [1] * 200 and DESCRIBED.users.decode(relations.friends[0])[0] == "u1"
    plain: Any = next(system("uprec").create({}).settle(CIRCLE).stages(CIRCLE)).objective
    assert [name for _, name, _ in plain.terms] == ["cloze"]


def test_uprec_tells_numbers_of_users_where_it_is_told_to() -> None:
    users = DESCRIBED.dataset.users
    assert users is not None
    aged = users.with_columns(age=pl.when(pl.col("sex") == "0").then(20).otherwise(60))
    made = split(Dataset.build(DESCRIBED.dataset.interactions, users=aged, name="aged"))
    left, told = (next(system("uprec").create({"dim": 8, "numbers": which}).settle(made).stages(made)) for which in (False, True))
    names: list[Any] = [[name for _, name, _ in stage.objective.terms] for stage in (left, told)]  # type: ignore[union-attr]
    assert names == [["cloze", "attributes", "relations"], ["cloze", "attributes", "numbers", "relations"]]
    history = fit("uprec", made, "40steps", numbers=True).stages[0].history
    assert 0.5 < history[-1]["loss/numbers"] < 3, "about the deviation of what the items do not tell"
    with pytest.raises(SettingError, match=r"uprec\.numbers: described circle has no column of numbers of its users that differ\. Leave numbers out"):
        fit("uprec", DESCRIBED, numbers=True)


def test_a_run_with_columns_loads_without_the_data(tmp_path: Any) -> None:
    for name in ("fdsa", "transformers4rec", "sknn"):
        fitted = fit(name, DESCRIBED, "20steps")
        fitted.recommender.save(tmp_path / name)
        history = ["3", "4", "5"]
        assert load(tmp_path / name).recommend(history, 5).ids == fitted.recommender.recommend(history, 5).ids


def test_fdsa_without_columns_is_one_stack() -> None:
    assert "feature_backbone" not in dict(fit("fdsa", DESCRIBED, "5steps", columns="none").recommender.module.named_children())
    assert hits(fit("fdsa", DESCRIBED, "200steps"), DESCRIBED) > 0.7


def test_a_contrast_puts_in_items_that_the_same_users_met_where_it_is_told_to() -> None:
    def changes(which: str) -> Any:
        stage: Any = next(iter(system("cl4srec").create({"changes": which, "similar": 0.4}).settle(CIRCLE).stages(CIRCLE)))
        return stage.objective.terms[1][2].augment.changes

    assert [[type(change).__name__ for change in changes(which)] for which in ("random", "informative", "all")] == [
        ["Crop", "Mask", "Reorder"], ["Substitute", "Insert"], ["Crop", "Mask", "Reorder", "Substitute", "Insert"],
    ]  # fmt: skip
    substitute, insert = changes("informative")
    assert substitute.rate == insert.rate == 0.4 and insert.longest == 20
    nearest = substitute.alike[:, 0]
    assert (np.minimum((nearest - np.arange(20)) % 20, (np.arange(20) - nearest) % 20) <= 2).mean() > 0.8, "on a circle of walkers, the items beside"
    assert hits(fit("cl4srec", CIRCLE, "150steps", changes="all"), CIRCLE) > 0.7


def test_a_contrast_with_a_queue_learns() -> None:
    fitted = fit("cl4srec", CIRCLE, "200steps", queue=64)
    assert hits(fitted, CIRCLE) > 0.7 and int(fitted.recommender.module.queue.filled) == 64  # type: ignore[union-attr]


@pytest.mark.parametrize("check", CHECKS)
@pytest.mark.parametrize(("name", "settings"), [
    ("gru4rec", {"loss": "bpr-max", "alpha": 0.5, "negatives": 16}), ("caser", {"user_vector": True}), ("resetbert4rec", {"times": True}),
    ("transformers4rec", {"smoothing": 0.2}), ("peterrec", {"network": "cloze", "insert": "parallel"}),
])  # fmt: skip
def test_a_variant_keeps_the_contract(name: str, settings: dict[str, Any], check: str) -> None:
    CHECKS[check](system(name), settings)


def test_gru4rec_draws_by_popularity_where_it_is_told_to() -> None:
    plain, popular = (system("gru4rec").create({"loss": "bpr-max", "alpha": alpha, "bpreg": 0.5}).settle(CIRCLE) for alpha in (0.0, 0.5))
    losses: list[Any] = [next(iter(made.stages(CIRCLE))).objective.item_loss for made in (plain, popular)]  # type: ignore[union-attr]
    assert losses[0].negatives.popularity is None
    np.testing.assert_array_equal(losses[1].negatives.popularity, CIRCLE.popularity)
    assert losses[1].negatives.power == 0.5 and losses[1].bpreg == 0.5


def test_a_user_vector_learns_what_the_history_does_not_say() -> None:
    """Every user alternates between the common item and one of the user's own: after the common item only the user tells what comes."""
    rows = [(f"u{user}", str(1 + user % 8) if at % 2 else "0", float(at)) for user in range(80) for at in range(11)]
    made = split(Dataset.build(pl.DataFrame(rows, schema=["user", "item", "time"], orient="row"), name="habits"))
    asked = Sequences.of([[made.items.encode(["0"])[0]]] * 80)
    own = made.items.encode([str(1 + int(user[1:]) % 8) for user in made.users.ids])
    known, stranger = np.arange(80, dtype=np.int32), np.full(80, -1, np.int32)
    fitted = fit("caser", made, "200steps", user_vector=True)
    module: Any = fitted.recommender.module
    assert (module.item_scores(asked, known).argmax(1).numpy() == own).mean() > 0.9
    assert (module.item_scores(asked, stranger).argmax(1).numpy() == own).mean() == pytest.approx(1 / 8), "a stranger is nobody in particular"
    assert len(fitted.recommender.users) == 80 and fitted.recommender.recommend(["0"], 1, user="u3").ids == ["4"]
    without: Any = fit("caser", made, "5steps").recommender
    assert len(without.users) == 0 and torch.equal(without.module.item_scores(asked, known), without.module.item_scores(asked, stranger))


def test_rearranged_histories_are_judged_without_their_times_and_a_cloze_with_them() -> None:
    made = system("resetbert4rec").create({"dim": 8, "times": True, "max_len": 8, "dropout": 0.0}).settle(CIRCLE)
    torch.manual_seed(0)
    stage: Any = next(made.stages(CIRCLE))
    torch.nn.init.normal_(stage.module.times.hours)
    torch.nn.init.normal_(stage.module.times.gaps)
    batch = stage.view.batches(0, 0)[0]
    later = Sequences(batch.values, batch.offsets, batch.times[::-1] * 9e3)
    (_, _, cloze), (_, _, rearranged) = stage.objective.terms

    def loss(objective: Any, shown: Sequences) -> float:
        return float(objective(stage.module, shown, np.random.default_rng(0)).loss.detach())

    assert loss(rearranged, batch) == loss(rearranged, later)
    assert loss(cloze, batch) != loss(cloze, later)


def test_both_stages_of_resetbert4rec_share_their_times() -> None:
    stages = system("resetbert4rec").create({"dim": 8, "times": True}).settle(CIRCLE).stages(CIRCLE)
    first: Any = next(stages).module
    second: Any = next(stages).module
    assert first.times is second.times and hasattr(first, "judge") and not hasattr(second, "judge")


def test_times_are_refused_where_there_are_none() -> None:
    untimed = split(Dataset.build(CIRCLE.dataset.interactions.select("user", "item"), name="untimed", order="file"))
    with pytest.raises(SettingError, match=r"resetbert4rec\.times: untimed has no times\. Set times=false, or give data with a time column\."):
        system("resetbert4rec").create({"times": True}).settle(untimed)


def test_transitions_are_counted_by_hand() -> None:
    codes, weights = transitions(Sequences.of([[0, 1, 2], [0, 1], [2, 0]]), 3, 2, reach=2, shrink=1.0)
    # 0 -> 1 twice, 0 -> 2 at distance two: 2.5 in all, and one for shrinkage.
    assert codes[0].tolist() == [1, 2]
    torch.testing.assert_close(weights[0], torch.tensor([2 / 3.5, 0.5 / 3.5]))
    torch.testing.assert_close(weights[1], torch.tensor([1 / 2.0, 0]))
    assert transitions(Sequences.of([[0, 1, 2]]), 3, 2, reach=1, shrink=0.0)[1][0].tolist() == [1, 0]


def test_sessions_like_this_one_vote() -> None:
    data = Dataset.build(
        pl.DataFrame([("a", "1"), ("a", "2"), ("a", "3"), ("b", "1"), ("b", "4"), ("c", "5"), ("c", "6")], schema=["user", "item"], orient="row"), order="file"
    )
    fitted = fit_system(system("sknn").create({"neighbours": 1}), split(data, "all"))
    module: Any = fitted.recommender.module
    stored = [set(row.tolist()) for row in module.sessions.sequences()]
    nobody, items = np.full(1, -1, np.int32), fitted.recommender.items
    scores = module.item_scores(Sequences.of([items.encode(["5"])]), nobody)[0]
    assert set(torch.nonzero(scores).flatten().tolist()) in stored
    assert (module.item_scores(Sequences.of([[]]), nobody) == 0).all()
    # The newer item weighs more: of [4, 2] the session with 2 is nearer than that with 4.
    near = fitted.recommender.recommend(["4", "2"], 1, keep_seen=True).ids
    assert near[0] in ("1", "2", "3")
