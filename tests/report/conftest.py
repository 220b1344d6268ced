"""A comparison of films with wicked titles: some systems learn, one fails."""

from pathlib import Path

import polars as pl
import pytest

import tastelm as tl
from tastelm.data.dataset import Dataset
from tastelm.testing import ITEMS, circle

WICKED = "<script>alert(1)</script>"
SMALL = {"sasrec.dim": 8, "sasrec.layers": 1, "sasrec.heads": 1, "sasrec.max_len": 6}


def films() -> Dataset:
    """The circle with titles that a careless page would run, load or break at."""
    titles = [f"Film {at} {WICKED}" for at in range(ITEMS)]
    titles[3], titles[4] = '"><img src=http://example.com/x.png onerror=alert(2)>', "{{ 7 * 7 }} </table></svg>"
    items = pl.DataFrame({"item": [str(at) for at in range(ITEMS)], "title": titles})
    return Dataset.build(circle(60).interactions, items=items, name=f"films {WICKED}")


@pytest.fixture(scope="session")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A finished comparison, with its report."""
    place = tmp_path_factory.mktemp("report") / "films"
    tl.compare(films(), "popularity,itemknn,ease,sasrec", set={**SMALL, "ease.max_items": 5}, budget="320steps", out=place)
    return place
