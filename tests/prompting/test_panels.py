"""Several items behind one history: what came next and what was never had, and the same likelihoods as prompt by prompt."""

import numpy as np
import pytest
import torch

from tastelm.data.sequences import Sequences
from tastelm.data.split import Part, split
from tastelm.prompting.answers import YesOrNo
from tastelm.prompting.panels import Panel, Panels, SayWhether, panels
from tastelm.prompting.teaching import Written
from tastelm.prompting.titles import Showing
from tastelm.testing import circle
from tastelm.text.family import family
from tastelm.text.segments import Text

from .toys import small_causal

TITLES = ["The Matrix", "Alien", "Toy Story", "The Godfather", "Aliens", "Heat"]
POINTWISE = family("instruct")["pointwise"]
TRAIN = Sequences.of([[0, 1, 2, 3], [4], [5, 4], [], [3, 1, 0, 5, 2, 4]])


def batches(view: Panels, epoch: int = 0) -> list[Panel]:
    made = view.batches(epoch, 0)
    return [made[index] for index in range(len(made))]


@pytest.mark.parametrize("liked", [1, 2, 3])
def test_half_came_next_and_half_was_never_had(liked: int) -> None:
    histories = {(*row[:at].tolist(),): set(row[at : at + liked].tolist()) for row in TRAIN for at in range(1, len(row))}
    owners = {(*row[:at].tolist(),): set(row.tolist()) for row in TRAIN for at in range(1, len(row))}
    seen = set()
    for epoch in range(20):
        for panel in batches(Panels(TRAIN, len(TITLES), liked, batch=2), epoch):
            marks = Sequences.from_lengths(panel.liked.astype(np.int32), panel.items.lengths)
            for history, items, mark in zip(panel.histories, panel.items, marks, strict=True):
                key = (*history.tolist(),)
                seen.add(key)
                assert set(items[mark == 1].tolist()) == histories[key]
                others = items[mark == 0]
                if len(owners[key]) < len(TITLES):
                    assert not owners[key] & set(others.tolist()) and len(others) == min((mark == 1).sum(), len(TITLES) - len(owners[key]))
    assert seen == set(histories)


def test_validation_asks_for_what_came_next_alone_and_the_same_at_every_look() -> None:
    parts = split(circle(30))
    train, judges = panels(parts, 3, per_user=2, batch=8, most=12)
    assert judges is not None and sum(len(panel.histories) for panel in batches(train)) == 2 * 30
    first, again = batches(judges), batches(judges)
    cases = parts.cases(Part.VALID)
    answers = {(*history.tolist(),): int(target[0]) for history, target in zip(cases.histories, cases.targets, strict=True)}
    assert sum(len(panel.histories) for panel in first) == 12
    for one, other in zip(first, again, strict=True):
        assert one.items.values.tolist() == other.items.values.tolist() and (one.items.lengths == 2).all()
        assert [answers[(*history.tolist(),)] for history in one.histories] == one.items.values[one.liked].tolist()
    assert panels(parts.only(parts.part == Part.TRAIN), 3, per_user=2, batch=8)[1] is None


def test_the_loss_and_its_gradient_are_those_of_a_prompt_for_each_item() -> None:
    module = YesOrNo(small_causal(context=512), POINTWISE, len(TITLES), showing=Showing(3), batch=2)
    module.know(TITLES, np.arange(6))
    module.eval()
    panel = Panel(Sequences.of([[0, 2], [4, 3, 2, 1]]), Sequences.of([[1, 3, 5], [0, 5]]), np.array([True, False, True, False, True]))
    weight = next(value for name, value in module.named_parameters() if name.endswith("layers.0.self_attn.q_proj.weight"))

    def of(loss: torch.Tensor) -> tuple[float, torch.Tensor]:
        module.zero_grad()
        loss.backward()
        assert weight.grad is not None
        return float(loss.detach()), weight.grad.clone()

    found, slope = of(SayWhether()(module, panel, np.random.default_rng(0)).loss)
    sources = [
        POINTWISE.render_source({"liked": [TITLES[code] for code in panel.histories[row][-3:]], "title": TITLES[item]})
        for row, item in zip(panel.items.owners, panel.items.values, strict=True)
    ]
    told = list[torch.Tensor]()
    for word in (" Yes", " No"):
        # `nll` is a mean over the tokens of a word, the likelihood of a word their sum.
        tokens = len(module.backbone.tokens.encode(word))
        told.append(-tokens * module.nll(Written(sources, [(Text(word, learn=True),)] * len(sources))))
    right = torch.from_numpy(np.where(panel.liked, 0, 1))
    expected, steep = of(torch.nn.functional.cross_entropy(torch.stack(told, 1), right))
    assert found == pytest.approx(expected, rel=1e-4)
    torch.testing.assert_close(slope, steep, atol=1e-5, rtol=1e-3)
