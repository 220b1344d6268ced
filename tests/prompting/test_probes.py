"""Probes: alike titles by hand, pairs as the network judges them, and genres that only a model which is told the item can know."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from tastelm.data.sequences import Sequences
from tastelm.errors import DataError, SettingError
from tastelm.plm.masked import MaskedLM
from tastelm.plm.pairs import NextSentenceLM, next_sentence_lm
from tastelm.plm.port import Prefix
from tastelm.plm.tokens import trained_on
from tastelm.prompting.probes import SENTENCES, PairJudge, TitleSimilarity, genre_probe
from tastelm.text.family import family
from tastelm.text.template import Template

from .test_cloze import MODEL

ASKS = family("probes")
TITLES = ["Alien", "Toy Story", "The Matrix"]
GENRES = [["Horror", "Space opera"], ["Comedy"], ["Space opera"]]
HISTORIES = Sequences.of([[0, 2], [], [1, 2, 0]])
NOBODY = np.full(3, -1, np.int32)


class Bystander(MaskedLM):
    """Foresees, at every place, tokens that have been seen beside those of the sentence: a model that knows just that."""

    def __init__(self, told: list[tuple[str, str]]) -> None:
        tokens = trained_on([text for pair in told for text in pair], size=300)
        super().__init__(nn.Linear(1, 1), tokens)
        self.beside = torch.zeros(tokens.size, tokens.size)
        for item, genre in told:
            for one in tokens.encode(item):
                self.beside[one, tokens.encode(f" {genre}")] += 1.0

    vocabulary, context = 300, 100  # type: ignore[assignment]

    def embed(self, ids: Tensor) -> Tensor:
        return torch.nn.functional.one_hot(ids, self.tokens.size).float()

    def forward(self, embeds: Tensor, mask: Tensor, prefix: Prefix | None = None) -> Tensor:
        return (embeds * mask[..., None]).sum(1, keepdim=True).expand_as(embeds)

    def logits(self, states: Tensor) -> Tensor:
        return states @ self.beside


@torch.no_grad()
def test_similarity_is_the_mean_cosine_to_the_newest() -> None:
    vectors = np.array([[1, 0], [0.6, 0.8], [0, 1]], np.float32)
    module = TitleSimilarity(3, shown=2)
    module.fill(vectors)
    found = module.item_scores(HISTORIES, NOBODY)
    expected = [[(1 + 0) / 2, (0.6 + 0.8) / 2, (0 + 1) / 2], [0, 0, 0], [(0 + 1) / 2, (0.8 + 0.6) / 2, (1 + 0) / 2]]
    np.testing.assert_allclose(found.numpy(), expected, atol=1e-6)
    again = TitleSimilarity(3, shown=2)
    again.load_state_dict(module.state_dict())
    assert torch.equal(again.item_scores(HISTORIES, NOBODY), found)


@pytest.fixture(scope="module")
def judge(tmp_path_factory: pytest.TempPathFactory) -> NextSentenceLM:
    return next_sentence_lm(f"folder:{saved('BertForNextSentencePrediction', tmp_path_factory.mktemp('nsp'))}").eval()


def saved(kind: str, folder: Path) -> Path:
    """A small BERT of a kind with random weights."""
    import transformers

    torch.manual_seed(0)
    library: Any = transformers
    config = library.BertConfig(vocab_size=320, hidden_size=16, intermediate_size=32, num_hidden_layers=1, num_attention_heads=2, max_position_embeddings=64)
    network = getattr(library, kind)(config)
    with torch.no_grad():
        for value in network.parameters():
            value.mul_(6)
    network.save_pretrained(folder)
    (folder / "tokenizer.json").write_text(MODEL.tokens.to_json())
    return folder


@torch.no_grad()
def test_pairs_are_judged_as_the_network_does(judge: NextSentenceLM) -> None:
    module = PairJudge(judge, ASKS["pair-two-sentences"], shown=2, batch=2)
    module.titles.write(TITLES)
    tokens = judge.tokens

    def by_hand(first: str, second: str) -> float:
        one, two = tokens.encode(f"I was very fond of {first}."), tokens.encode(f"So I should try {second}")
        ids = torch.tensor([[tokens.start, *one, tokens.end, *two, tokens.end]])
        kinds = torch.tensor([[0] * (len(one) + 2) + [1] * (len(two) + 1)])
        return float(judge.network(input_ids=ids, token_type_ids=kinds).logits.log_softmax(1)[0, 0])

    met = [[0, 2], [], [2, 0]]
    expected = [[np.mean([by_hand(TITLES[code], title) for code in codes]) if codes else 0.0 for title in TITLES] for codes in met]
    everything = module.item_scores(HISTORIES, NOBODY)
    np.testing.assert_allclose(everything.numpy(), expected, atol=1e-5)
    assert np.ptp(expected[0]) > 1e-3, "the titles must tell"
    few = module.candidate_scores(HISTORIES, NOBODY, Sequences.of([[1], [0], [2, 1]]))
    np.testing.assert_allclose(few.numpy(), [expected[0][1], 0.0, expected[2][2], expected[2][1]], atol=1e-5)


def test_a_model_without_the_head_for_pairs_is_refused(tmp_path: Path, judge: NextSentenceLM) -> None:
    with pytest.raises(
        SettingError, match=r"4 of the weights that a NextSentenceLM needs are not in it, such as bert\.pooler\.dense\.bias; they would be random"
    ):
        next_sentence_lm(f"folder:{saved('BertForMaskedLM', tmp_path)}")
    with pytest.raises(SettingError, match="has random weights, so it cannot tell what follows"):
        next_sentence_lm("scratch:dim=16")
    with pytest.raises(DataError, match=r"a pair of sentences takes \d+ tokens, but the model reads 64"):
        judge.follows([("Alien " * 60, "Aliens")])
    with pytest.raises(SettingError, match="its source must hold one slot, of the kind item"):
        PairJudge(judge, Template("empty", "so", " {other}", {"other": "item"}), shown=1, batch=1)


def test_who_knows_the_item_beats_the_control() -> None:
    told = [(title, genre) for title, own in zip(TITLES, GENRES, strict=True) for genre in own]
    found = genre_probe(Bystander(told), ASKS, TITLES, GENRES, k=1)
    assert tuple(found) == SENTENCES
    first, last, control = (found[name] for name in SENTENCES)
    for ranking in (first, last):
        assert ranking.mrr.tolist() == [1.0, 1.0, 1.0] and set(ranking.recall[1:]) == {1.0} and ranking.recall[0] == 0.5
    assert (control.scores == control.scores[0]).all(), "who is not told of an item ranks alike for all"
    assert control.mrr.mean() < 1 and control.recall.mean() < first.recall.mean()


def test_genres_of_several_tokens_are_scored_in_blanks_of_their_own_length() -> None:
    labels = sorted({genre for own in GENRES for genre in own})
    spelled = MODEL.tokens.encode_all([f" {label}" for label in labels])
    assert len({len(tokens) for tokens in spelled}) > 1
    for mean in (True, False):
        found = genre_probe(MODEL, ASKS, TITLES, GENRES, mean=mean, batch=2)["genre-item-first"]
        for row, title in enumerate(TITLES):
            expected = []
            for wanted in spelled:
                read = MODEL.tokens.encode(f"{title} belongs to the genre")
                ids = torch.tensor([[MODEL.tokens.start, *read, *[MODEL.tokens.mask] * len(wanted), MODEL.tokens.end]])
                with torch.no_grad():
                    steps = MODEL.network(input_ids=ids).logits[0].log_softmax(1)
                own = [float(steps[1 + len(read) + place, token]) for place, token in enumerate(wanted)]
                expected.append(sum(own) / (len(own) if mean else 1))
            np.testing.assert_allclose(found.scores[row], expected, atol=1e-4)
            places = {label: 1 + sum(value > own for value in expected) for label, own in zip(labels, expected, strict=True)}
            assert found.mrr[row] == pytest.approx(1 / min(places[genre] for genre in GENRES[row]))
            assert found.recall[row] == np.mean([places[genre] == 1 for genre in GENRES[row]])


def test_items_that_cannot_be_asked_about_are_refused() -> None:
    with pytest.raises(DataError, match="item 2 of 2, 'Alien', has no genre, or one without a name"):
        genre_probe(MODEL, ASKS, ["Toy Story", "Alien"], [["Comedy"], []])
    with pytest.raises(DataError, match="an item without text"):
        genre_probe(MODEL, ASKS, [" "], [["Comedy"]])
    with pytest.raises(DataError, match="there are 1 titles, but genres of 2 items"):
        genre_probe(MODEL, ASKS, ["Alien"], GENRES[:2])
    with pytest.raises(SettingError, match="template 'pair-bare' does not fit: its target must hold one slot, of the kind feature"):
        genre_probe(MODEL, ASKS, TITLES, GENRES, sentences=["pair-bare"])
