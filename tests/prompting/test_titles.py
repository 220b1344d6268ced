"""Items scored by their titles: what is shown, how scores are normalised, and that candidates cost no exactness."""

import numpy as np
import pytest
import torch

from tastelm.data.sequences import Sequences
from tastelm.errors import SettingError
from tastelm.prompting.likelihood import Normaliser
from tastelm.prompting.titles import Showing, TitleLikelihood
from tastelm.text.family import family
from tastelm.text.segments import plain
from tastelm.text.template import Template

from .toys import small_causal

TITLES = ["The Matrix", "Alien", "Toy Story", "The Godfather", "Aliens"]
HISTORIES = Sequences.of([[0, 2], [], [4, 3, 2, 1, 0, 1]])
NOBODY = np.full(3, -1, np.int32)


SHOWING = Showing(3)


def scorer(normaliser: Normaliser = "sum", *, showing: Showing = SHOWING, template: str = "3", batch: int = 2) -> TitleLikelihood:
    module = TitleLikelihood(small_causal(context=128), family("sileo")[template], showing=showing, normaliser=normaliser, batch=batch)
    module.titles.write(TITLES)
    return module.eval()


def test_the_newest_are_shown_in_the_order_asked_for() -> None:
    history = np.array([7, 3, 9, 1])
    assert Showing(3)(history).tolist() == [3, 9, 1] and Showing(3, "newest-first")(history).tolist() == [1, 9, 3]
    assert Showing(9)(history).tolist() == [7, 3, 9, 1] and Showing(0)(history).tolist() == []
    shuffled = Showing(4, "shuffled")
    assert sorted(shuffled(history).tolist()) == [1, 3, 7, 9] and shuffled(history).tolist() == shuffled(history[::-1]).tolist()


def test_prompts_name_what_is_shown() -> None:
    first, second, third = map(plain, scorer().prompts(HISTORIES, NOBODY))
    assert "The Matrix, Toy Story" in first and "Alien" not in second and "Alien, The Matrix, Alien" in third and "Godfather" not in third


@torch.no_grad()
def test_candidates_score_as_they_do_among_all() -> None:
    for normaliser in ("sum", "mean", "prior"):
        module = scorer(normaliser)  # type: ignore[arg-type]
        everything = module.item_scores(HISTORIES, NOBODY)
        candidates = Sequences.of([[1, 3], [0], [4, 2, 1]])
        found = module.candidate_scores(HISTORIES, NOBODY, candidates)
        expected = everything[torch.from_numpy(candidates.owners), torch.from_numpy(candidates.values.astype(np.int64))]
        torch.testing.assert_close(found, expected, atol=1e-4, rtol=1e-4)


@torch.no_grad()
@pytest.mark.parametrize("normaliser", ["sum", "mean", "prior"])
def test_several_templates_are_the_mean_of_their_normalised_scores(normaliser: Normaliser) -> None:
    together = TitleLikelihood(
        small_causal(context=128), family("sileo")["3"], showing=SHOWING, normaliser=normaliser, batch=2, others=[family("sileo")["0"], family("sileo")["5"]]
    )
    together.titles.write(TITLES)
    apart = [scorer(normaliser, template=name).item_scores(HISTORIES, NOBODY) for name in ("3", "0", "5")]
    torch.testing.assert_close(together.item_scores(HISTORIES, NOBODY), torch.stack(apart).mean(0), atol=1e-5, rtol=1e-5)
    assert not torch.allclose(apart[0], apart[2]) and together.asked(HISTORIES[0], np.array([1])).of == 3
    assert [plain(prompt) for prompt in together.prompts(HISTORIES, NOBODY)] == [plain(prompt) for prompt in scorer().prompts(HISTORIES, NOBODY)]


@torch.no_grad()
def test_what_the_normalisers_do() -> None:
    total, mean, prior = (scorer(normaliser).item_scores(HISTORIES, NOBODY) for normaliser in ("sum", "mean", "prior"))  # type: ignore[arg-type]
    tokens = torch.tensor([len(small_causal().tokens.encode(f" {title}")) for title in TITLES])
    torch.testing.assert_close(mean, total / tokens)
    torch.testing.assert_close(prior, total - total[1], atol=1e-4, rtol=1e-4)
    assert prior[1].abs().max() < 1e-4, "a model that knows nothing of the user says nothing of the titles"


@torch.no_grad()
def test_batches_change_nothing() -> None:
    torch.testing.assert_close(scorer(batch=1).item_scores(HISTORIES, NOBODY), scorer(batch=3).item_scores(HISTORIES, NOBODY), atol=1e-4, rtol=1e-4)


def test_a_template_of_another_form_is_refused() -> None:
    template = Template("pair", "is {one} like {two}?", " {answer}", {"one": "item", "two": "item", "answer": "text"})
    module = TitleLikelihood(small_causal(), template, showing=Showing(1), normaliser="sum", batch=1)
    module.titles.write(TITLES)
    with pytest.raises(SettingError, match="template 'pair' does not fit: its target must hold one slot, of the kind item"):
        module.item_scores(HISTORIES, NOBODY)
