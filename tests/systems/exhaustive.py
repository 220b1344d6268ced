"""A search that is wide enough to find every item must score each by its own likelihood."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch

import tastelm as tl
from tastelm.data.sequences import Sequences
from tastelm.prompting.teaching import Written
from tastelm.prompting.writer import ItemWriter
from tastelm.runs import load
from tastelm.testing import ITEMS
from tastelm.text.segments import Prompt


def check_search(model: tl.Recommender, targets: Sequence[Prompt], folder: Path) -> None:
    """`targets` are what each item is written as. All items are found, each as likely as its target; a saved run answers alike."""
    module = model.module
    assert isinstance(module, ItemWriter)
    histories, users = Sequences.of([[3, 4], []]), np.array([0, -1], np.int32)
    scores = module.item_scores(histories, users)
    for row, prompt in enumerate(module.prompts(histories, users)):
        with torch.no_grad():
            losses = module.nll(Written([prompt] * ITEMS, targets)).numpy()
        np.testing.assert_allclose(scores[row].numpy(), -losses * module.codes.sequences().lengths, rtol=1e-3, atol=1e-3)
    found = model.recommend(["3", "4"], 2 * ITEMS, keep_seen=True)
    assert sorted(found.ids) == sorted(model.items.ids)
    model.save(folder)
    assert load(folder).recommend(["3", "4"], 2 * ITEMS, keep_seen=True) == found
