"""Visits to a circle of items, day after day."""

import numpy as np
import polars as pl

from tastelm.data.dataset import Dataset

DAY = 86400.0
ITEMS = 12


def visits(days: int = 5, *, users: int = 12, seed: int = 0) -> Dataset:
    """Every user comes once a day for 3 to 6 items, each the one behind the item before it, seldom any other."""
    rng = np.random.default_rng(seed)
    rows = []
    for day in range(days):
        for user in range(users):
            item, began = int(rng.integers(ITEMS)), day * DAY + float(rng.integers(3600))
            for at in range(int(rng.integers(3, 7))):
                rows.append((f"u{user}", f"i{item}", began + 60.0 * at))
                item = (item + 1) % ITEMS if rng.random() < 0.9 else int(rng.integers(ITEMS))
    return Dataset.build(pl.DataFrame(rows, schema=["user", "item", "time"], orient="row"), name="visits")
