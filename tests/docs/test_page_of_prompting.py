"""The page about prompts runs as printed, and its table names systems that are there."""

import re
from pathlib import Path

import pytest

from tastelm.systems.catalogue import names

PAGE = (Path(__file__).parents[2] / "docs" / "prompting.md").read_text()


def test_the_blocks_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (own,) = re.findall(r"```toml\n(.*?)```", PAGE, flags=re.DOTALL)
    Path("mine.toml").write_text(own)
    lines = [f"u{user},i{item},{1 + (user + item) % 5},the {('zip', 'hem')[item % 2]} is fine" for user in range(12) for item in range(12)]
    Path("reviews.csv").write_text("\n".join(["user,item,rating,explanation", *lines]))
    blocks = re.findall(r"```python\n(.*?)```", PAGE, flags=re.DOTALL)
    assert len(blocks) == 6
    for block in blocks:
        exec(compile(block, "prompting.md", "exec"), {})


def test_its_systems_are_there() -> None:
    table = PAGE.partition("| system |")[2].partition("\n\n")[0]
    told = {name for row in table.splitlines()[2:] for name in re.findall(r"`([a-z0-9-]+)`", row.split("|")[1])}
    assert told and told <= set(names())
