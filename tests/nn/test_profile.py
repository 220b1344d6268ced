"""A network that tells what users are, and still what comes next."""

import numpy as np
import torch

from tastelm.data.sequences import Sequences
from tastelm.nn.convolution import DilatedEncoder
from tastelm.nn.items import ItemTable
from tastelm.nn.patched import ProfilingRecommender
from tastelm.nn.profile import ProfileHead

HISTORIES, NOBODY = Sequences.of([[1, 2, 3], [], [4], [0] * 9]), np.full(4, -1, np.int32)


def network() -> ProfilingRecommender:
    torch.manual_seed(0)
    encoder = DilatedEncoder(8, dilations=(1, 4), kernel=3, max_len=5, dropout=0.1, causal=True)
    return ProfilingRecommender(ItemTable(6, 8, scale=8**0.5), encoder, 2, ProfileHead(8, {"type": 2, "a.b": 3})).eval()


def test_the_head_reads_the_mean_of_the_states() -> None:
    head, states = ProfileHead(4, {"age": 3}), torch.randn(4, 4, generator=torch.Generator().manual_seed(0))
    logits = head(states, Sequences.of([[0, 0, 0], [0]]))["age"]
    torch.testing.assert_close(logits, head.maps[0](torch.stack([states[:3].mean(0), states[3]])))


def test_without_a_history_the_answer_is_how_common_each_category_is() -> None:
    module = network()
    module.profile.fill({"type": np.array([0.25, 0.75], np.float32), "a.b": np.array([0.5, 0.2, 0.3], np.float32)})
    found = module.profiles(HISTORIES)
    assert list(found) == ["type", "a.b"], "names of columns may be any"
    torch.testing.assert_close(found["type"][1], torch.tensor([0.25, 0.75]))
    torch.testing.assert_close(found["a.b"][1], torch.tensor([0.5, 0.2, 0.3]))
    assert all(torch.allclose(table.sum(1), torch.ones(4)) for table in found.values()) and not torch.allclose(found["type"][0], found["type"][2])
    assert torch.equal(module.profiles(HISTORIES.last(5))["type"], found["type"]), "the window is read, and no more"


def test_patches_begin_as_nothing_and_never_touch_the_next_item() -> None:
    module = network()
    window = HISTORIES.last(5)
    torch.testing.assert_close(module(window), module.answers(window), rtol=0, atol=0)
    before, told = module.item_scores(HISTORIES, NOBODY), module.profiles(HISTORIES)["type"]
    for value in module.patches.parameters():
        torch.nn.init.normal_(value)
    assert torch.equal(module.item_scores(HISTORIES, NOBODY), before)
    assert not torch.allclose(module.profiles(HISTORIES)["type"], told)
