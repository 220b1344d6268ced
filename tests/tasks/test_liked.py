"""The question of what was liked: who is asked, what is shown, and what may be learnt from."""

import numpy as np
import polars as pl
import pytest

from tastelm.data.dataset import Dataset
from tastelm.data.protocols import Part
from tastelm.errors import DataError, SettingError
from tastelm.evaluation import evaluate
from tastelm.fitting import fit_system
from tastelm.systems.catalogue import system
from tastelm.tasks.liked import DISLIKED, LIKED, Liked

TASK = Liked(users=6, shown=3, disliked=2, likes_at_least=5, dislikes_at_least=2, others=4)


@pytest.fixture(scope="module")
def data() -> Dataset:
    rng = np.random.default_rng(0)
    rows = [(f"u{user}", str(item), float(rng.integers(1, 6)), float(place)) for user in range(20) for place, item in enumerate(rng.permutation(40)[:30])]
    return Dataset.build(pl.DataFrame(rows, schema=["user", "item", "rating", "time"], orient="row"), name="rated")


def rated(data: Dataset) -> dict[tuple[str, str], tuple[float, float]]:
    return {(user, item): (rating, time) for user, item, rating, time in data.interactions.select("user", "item", "rating", "time").iter_rows()}


def test_one_liked_item_stands_among_disliked_ones_and_later_than_what_is_shown(data: Dataset) -> None:
    question, known = TASK.question(data), rated(data)
    items, users = question.split.items, question.split.users
    assert len(question.cases) == 6 and str(question.ranking) == "disliked-2" and question.negatives is not None and question.negatives.shape == (6, 2)
    for row, user in enumerate(users.decode(question.cases.users)):
        shown, target = items.decode(question.cases.histories[row]), items.decode(question.cases.targets[row])
        assert len(shown) == 3 and len(target) == 1
        assert all(known[user, item][0] > LIKED and known[user, item][1] < known[user, target[0]][1] for item in shown)
        assert known[user, target[0]][0] > LIKED
        drawn = items.decode(question.negatives[row])
        assert len(set(drawn)) == 2 and all(known[user, item][0] < DISLIKED for item in drawn)


def test_only_what_is_shown_and_the_likes_of_so_many_others_may_be_learnt_from(data: Dataset) -> None:
    for others in (0, 4, 9):
        split = Liked(users=6, shown=3, disliked=2, likes_at_least=5, dislikes_at_least=2, others=others).question(data).split
        asked = set(split.rows.user[split.part == Part.TEST])
        trained = split.rows.user[split.part == Part.TRAIN]
        assert np.bincount(trained)[list(asked)].tolist() == [3] * 6 and len(set(trained) - asked) == others
        assert len(set(split.rows.user[split.part == Part.VALID])) == others and not set(split.rows.user[split.part == Part.VALID]) & asked


def test_more_others_are_the_fewer_and_further_ones_and_the_same_seed_asks_the_same(data: Dataset) -> None:
    few, many, again = (TASK.question(data), Liked(**{**vars(TASK), "others": 9}).question(data), TASK.question(data))
    trained = [set(one.split.rows.user[one.split.part == Part.TRAIN]) for one in (few, many)]
    assert trained[0] < trained[1]
    assert few.describe() == again.describe() and (few.negatives == again.negatives).all() and (few.negatives == many.negatives).all()
    assert TASK.question(data, seed=1).describe() != few.describe()


def test_an_item_that_was_rated_again_is_asked_about_once_and_by_the_last_rating(data: Dataset) -> None:
    table = data.interactions
    changed = table.with_columns(pl.col("time") + 100, rating=6 - pl.col("rating"))
    question = TASK.question(Dataset.build(pl.concat([table, changed]), name="rated twice"))
    first, rating = rated(data), rated(Dataset.build(changed, name="the second time"))
    items, users = question.split.items, question.split.users
    for row, user in enumerate(users.decode(question.cases.users)):
        shown, drawn = items.decode(question.cases.histories[row]), items.decode(question.negatives[row])  # type: ignore[index]
        assert len(set(shown)) == 3 and all(rating[user, item][0] > LIKED > first[user, item][0] for item in shown)
        assert len(set(drawn)) == 2 and all(rating[user, item][0] < DISLIKED < first[user, item][0] for item in drawn)


def test_some_may_be_kept_out(data: Dataset) -> None:
    first = TASK.question(data)
    asked = first.split.users.decode(first.cases.users)
    second = Liked(**{**vars(TASK), "without": tuple(asked), "others": None}).question(data).split
    assert not set(second.users.decode(np.unique(second.rows.user[second.part != Part.UNUSED]))) & set(asked)


def test_systems_answer_it(data: Dataset) -> None:
    question = TASK.question(data)
    fitted = fit_system(system("popularity").create(), question.split)
    found = evaluate(fitted.recommender.module, question).metrics  # type: ignore[arg-type]
    assert 0 <= found["hr@1"] <= found["hr@2"] <= found["hr@3"] == 1, "of three candidates one is always within three"


def test_what_cannot_be_asked_is_refused(data: Dataset) -> None:
    with pytest.raises(DataError, match="rated: no user has 60 likes"):
        Liked(likes_at_least=60).question(data)
    with pytest.raises(DataError, match="bare has no ratings"):
        TASK.question(Dataset.build(data.interactions.drop("rating"), name="bare"))
    with pytest.raises(SettingError, match="users with 5 likes and 5 dislikes cannot be shown 5"):
        Liked(likes_at_least=5)
    with pytest.raises(SettingError, match="users: 0 does not fit"):
        Liked(users=0)


@pytest.mark.parametrize(
    ("name", "made"),
    [
        ("liked", Liked()),
        ("liked:others=all", Liked(others=None)),
        ("liked:users=6,shown=3,disliked=2,others=4,likes=5,dislikes=2", TASK),
        ("liked:above=8,below=4.5", Liked(above=8.0, below=4.5)),
    ],
)
def test_its_name_says_what_is_otherwise_and_is_read_back(name: str, made: Liked) -> None:
    assert Liked.parse(name) == made == Liked.parse(made.name)
    assert made.name.split(":")[0] == "liked" and set(made.name.replace(":", ",").split(",")) == set(name.replace(":", ",").split(","))


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("liked:user=3", "protocol: 'liked:user=3' says 'user'; did you mean 'users'"),
        ("liked:others=some", "liked:others=some does not fit; others takes a whole number, or all"),
        ("liked:shown=", "liked:shown= does not fit; shown takes a whole number"),
        ("liked:above=high", "above takes a number"),
        ("liked:others=-1", "others: -1 does not fit"),
        ("liked:above=2,below=3", "a like begins above 2, which is not higher than 3"),
        ("likes", "'likes' is not the task liked"),
    ],
)
def test_names_that_say_nothing_are_refused(name: str, message: str) -> None:
    with pytest.raises(SettingError, match=message):
        Liked.parse(name)


def test_ratings_on_another_scale_need_a_word(data: Dataset) -> None:
    tens = Dataset.build(data.interactions.with_columns(pl.col("rating") * 2), name="tens")
    with pytest.raises(DataError, match=r"tens: ratings reach 10, but a like is above 4.1 of 5. Say where .*, as in liked:above=8,below=5"):
        TASK.question(tens)
    found = Liked(**{**vars(TASK), "above": 8.2, "below": 4.8}).question(tens)
    assert (found.cases.targets.values == TASK.question(data).cases.targets.values).all()
