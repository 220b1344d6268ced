"""Explanations by a language model: what a prompt holds, what is learnt, and whose it is; features as words; batches of reasons."""

import numpy as np
import pytest
import torch

from tastelm.data.explanations import Explanations
from tastelm.errors import DataError, SettingError
from tastelm.nn.ratings import DotRating
from tastelm.prompting.explainer import Writing
from tastelm.prompting.feature_words import FeatureWords
from tastelm.prompting.layout import UNLEARNT, lay_out
from tastelm.prompting.lm_explainer import FeaturePrompted, LMExplainer, RatingVectorPrompted, VectorPrompted
from tastelm.prompting.reasons import Reasons, reasoned
from tastelm.text.family import family
from tastelm.text.segments import Text, Vectors

from .toys import small_causal

USERS, ITEMS, WRITING = 3, 4, Writing(longest=12, batch=2)
TOLD = Explanations(
    np.array([0, 0, 1, 1, 2], np.int32),
    np.array([0, 1, 0, 2, 3], np.int32),
    np.array([1.0, 5.0, 3.0, np.nan, 4.0]),
    ("a great plot", "the plot is thin", "fine cast", "the cast", "good"),
    ("plot", "plot", "cast", "sound", ""),
    ("great", "thin", "fine", "", ""),
)
CONTINUOUS, DISCRETE = (family("pepler")[name] for name in ("continuous", "discrete"))


def vectors() -> VectorPrompted:
    return VectorPrompted(small_causal(), CONTINUOUS, USERS, ITEMS, WRITING)


def features(room: int = 20) -> FeaturePrompted:
    module = FeaturePrompted(small_causal(), DISCRETE, USERS, ITEMS, WRITING, room=room)
    module.know(TOLD, np.ones(ITEMS, np.int64))
    return module


def test_vectors_stand_first_and_nothing_is_learnt_at_them() -> None:
    module = vectors()
    (source,) = module.sources(np.array([1], np.int32), np.array([-1], np.int32))
    assert source == (Vectors("user", (2,)), Vectors("item", (0,)))
    layout = lay_out([(*source, *module.targets(["fine cast"])[0])], module.tokens, end=True)
    ids = module.tokens.encode("fine cast")
    assert layout.labels[0].tolist() == [UNLEARNT] * 3 + [*ids, module.tokens.end]
    assert module.lengths(["fine cast"]).tolist() == [len(ids) + 1]


def test_the_loss_is_that_of_the_sentence_and_its_end_alone_and_reaches_the_vectors_of_the_pair() -> None:
    module, batch = vectors(), reasoned(TOLD.take(np.array([2])))
    loss = module.nll(batch)[0]
    network, ids = module.backbone, [*module.tokens.encode("fine cast"), module.tokens.end]
    before = torch.tensor([[module.tokens.start]])
    prompt = torch.stack([module.prompt["user"].weight[1], module.prompt["item"].weight[0]])[None]
    embeds = torch.cat([network.embed(before), prompt, network.embed(torch.tensor([ids[:-1]]))], 1)
    likely = network.logits(network(embeds, torch.ones(embeds.shape[:2], dtype=torch.bool)))[0, 2:].log_softmax(1)
    torch.testing.assert_close(loss, -likely[torch.arange(len(ids)), torch.tensor(ids)].mean())
    loss.backward()
    for name, row in (("user", 1), ("item", 0)):
        gradient = module.prompt[name].weight.grad
        assert gradient[row].any() and not gradient[torch.arange(len(gradient)) != row].any()


@torch.no_grad()
def test_vectors_may_begin_where_the_model_has_the_words_of_their_features() -> None:
    module = vectors()
    module.begin_with_words(TOLD)
    plot, cast, sound = (module.backbone.embed(torch.tensor(module.tokens.encode(f" {name}"))).mean(0) for name in ("plot", "cast", "sound"))
    user, item = module.prompt["user"].weight, module.prompt["item"].weight
    assert isinstance(user, torch.Tensor) and isinstance(item, torch.Tensor)
    everybody = (2 * plot + cast + sound) / 4
    expected = [(user[0], plot), (user[1], cast + sound), (user[2], everybody), (item[0], plot + cast), (item[1], plot), (item[2], sound), (item[3], everybody)]
    for vector, direction in expected:
        assert float(torch.cosine_similarity(vector, direction, dim=0)) == pytest.approx(1.0, abs=1e-5)
        assert float(vector.norm()) == pytest.approx(float(2 * plot.norm() + cast.norm() + sound.norm()) / 4, rel=1e-4)
    with pytest.raises(DataError, match="no explanation of the training part is about a feature"):
        module.begin_with_words(TOLD.take(np.array([4])))


def test_the_same_text_is_likelier_for_some_users_and_items_than_for_others() -> None:
    module = vectors()
    same = Explanations(np.array([0, 1, 0, -1], np.int32), np.array([0, 0, 1, -1], np.int32), np.full(4, np.nan), ("fine cast",) * 4, ("",) * 4, ("",) * 4)
    losses = module.nll(reasoned(same)).tolist()
    assert len({round(loss, 6) for loss in losses}) == 4
    alike = module.bare().nll(reasoned(same)).tolist()
    assert alike == pytest.approx([alike[0]] * 4) and not dict(module.bare().prompt.named_parameters())


def test_sentences_come_pair_by_pair_however_they_are_batched() -> None:
    module = vectors()
    users, items = np.array([0, 1, 2, -1, 1], np.int32), np.array([3, 0, -1, -1, 0], np.int32)
    together = module.explain(users, items)
    assert together == [module.explain(users[at : at + 1], items[at : at + 1])[0] for at in range(5)]
    assert together[1] == together[4] and len(set(together)) > 1
    assert module.explain(users[:0], items[:0]) == []
    assert all(len(ids) <= WRITING.longest for ids in module.write(users, items))


def test_long_sentences_are_cut() -> None:
    module, text = vectors(), "the matrix, the godfather, toy story, toy soldiers, alien, aliens"
    (target,) = module.targets([text])
    assert isinstance(target[0], Text) and text.startswith(target[0].text) and target[0].learn
    assert module.lengths([text, "a"]).tolist() == [13, 2]


def test_vectors_multiply_to_a_rating_on_the_scale_of_the_data() -> None:
    module = RatingVectorPrompted(small_causal(), CONTINUOUS, USERS, ITEMS, WRITING, rater=DotRating())
    module.know(TOLD, np.ones(ITEMS, np.int64))
    users, items = TOLD.users, TOLD.items
    product = (module.prompt["user"].weight[users] * module.prompt["item"].weight[items]).sum(1).detach()
    torch.testing.assert_close(module.rated(users, items).detach(), product)
    known = TOLD.ratings[~np.isnan(TOLD.ratings)]
    torch.testing.assert_close(module.ratings(users, items), (known.mean() + known.std() * product).clamp(1, 5).float())


def test_features_are_those_of_both_then_the_others_by_how_often_and_a_sentence_does_not_count_for_itself() -> None:
    words = FeatureWords()
    words.know(TOLD, USERS, ITEMS)
    assert words.chosen(1, 0) == ["cast", "plot", "sound"]  # cast is shared; plot and sound were told of once
    assert words.chosen(1, 0, without="cast") == ["plot", "sound"]
    assert words.chosen(0, 2) == ["plot", "sound"]
    assert words.chosen(2, 3) == words.chosen(-1, -1) == ["plot", "cast", "sound"], "of whom nothing is known, what is told most"


def test_features_come_back_with_the_weights() -> None:
    words, again = FeatureWords(), FeatureWords()
    words.know(TOLD, USERS, ITEMS)
    again.load_state_dict(words.state_dict())
    assert [again.chosen(user, 1) for user in range(USERS)] == [words.chosen(user, 1) for user in range(USERS)]


def test_a_discrete_prompt_is_words_as_far_as_there_is_room() -> None:
    module, pair = features(), (np.array([1], np.int32), np.array([0], np.int32))
    assert module.sources(*pair) == [(Text("cast plot sound"),)]
    assert module.sources(*pair, ["cast"]) == [(Text("plot sound"),)]
    room = len(module.tokens.encode(" cast")) + len(module.tokens.encode(" plot"))
    assert features(room).sources(*pair) == [(Text("cast plot"),)]
    assert features(1).sources(*pair) == [(Text("cast"),)], "the first in any case"
    training, asked = (module.nll(reasoned(TOLD.take(np.array([2])), counted=counted)) for counted in (True, False))
    assert float(training.detach()) != float(asked.detach())


def test_what_does_not_fit_is_refused() -> None:
    with pytest.raises(SettingError, match="must hold slots of the kinds user, item and no other"):
        VectorPrompted(small_causal(), DISCRETE, USERS, ITEMS, WRITING)
    with pytest.raises(SettingError, match="must hold slots of the kinds feature and no other"):
        FeaturePrompted(small_causal(), CONTINUOUS, USERS, ITEMS, WRITING, room=5)
    with pytest.raises(SettingError, match="target must hold one slot, of the kind text"):
        LMExplainer(small_causal(), family("sileo")["0"], ITEMS, WRITING)
    with pytest.raises(DataError, match="Use prompt=continuous"):
        FeatureWords().know(TOLD.take(np.array([4])), USERS, ITEMS)


def test_every_reason_comes_once_an_epoch_with_its_pair() -> None:
    for counted in (True, False):
        batches = Reasons(TOLD, 2, counted).batches(3, 0)
        rows = [row for at in range(len(batches)) for row in zip(batches[at].users, batches[at].items, batches[at].texts, batches[at].own, strict=True)]
        expected = zip(TOLD.users, TOLD.items, TOLD.texts, TOLD.features if counted else ("",) * 5, strict=True)
        assert len(batches) == 3 and sorted(rows) == sorted(expected)
    orders = [[batches[at].texts for at in range(3)] for batches in (Reasons(TOLD, 2, True).batches(epoch, 0) for epoch in (0, 0, 1, 2, 3))]
    assert orders[0] == orders[1] and any(order != orders[0] for order in orders[2:])
