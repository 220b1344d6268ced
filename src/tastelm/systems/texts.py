"""What systems that read share: the texts of the items, and the prompt as a setting."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from typing import Any, Literal

from torch import nn

from tastelm.data.split import Split
from tastelm.errors import DataError, SettingError
from tastelm.plm.port import LanguageModel
from tastelm.plm.tokens import trained_on
from tastelm.settings import setting
from tastelm.text.family import family
from tastelm.text.template import Template
from tastelm.text.titles import clean_title

Untitled = Literal["refuse", "id"]
CALLED = "call them by their ids with --set untitled=id"


def item_texts(split: Split, *, clean: bool, untitled: Untitled, owner: str, otherwise: str = CALLED) -> list[str]:
    """The title of every item of the catalogue, in the order of the codes.

    clean      drop years and other names, and bring articles to the front
    untitled   what becomes of items without a title: they are refused, or called by their id
    otherwise  what helps besides titles, as the refusal says it

    Raises DataError if an item without a title is refused.
    """
    known = split.dataset.titles()
    missing = [item for item in split.items.ids if not known.get(item, "").strip()]
    if missing and untitled == "refuse":
        raise DataError(
            f"{split.dataset.name}: {owner} reads the titles of items, but {len(missing):,} of {len(split.items):,} have none, such as item {missing[0]!r}. "
            f"Give an items table with a column title, or {otherwise}."
        )
    texts = [known.get(item, "").strip() or item for item in split.items.ids]
    return [clean_title(text) for text in texts] if clean else texts


@dataclass(frozen=True)
class ReadingConfig:
    """Settings of every system that reads the titles of items."""

    clean: bool = setting(True, "drop the year and other names of a title, and bring its article to the front")
    untitled: Untitled = setting("refuse", "items without a title: refuse the data, or call them by their id")

    def texts(self, split: Split, owner: str) -> list[str]:
        """The titles as these settings want them. Raises DataError as `item_texts`."""
        return item_texts(split, clean=self.clean, untitled=self.untitled, owner=owner)


def give_words(backbone: nn.Module, texts: Iterable[str]) -> None:
    """A model from scratch learns its words from `texts`; one that comes from elsewhere has its own."""
    if isinstance(backbone, LanguageModel) and not backbone.external:
        backbone.write_with(trained_on(texts, size=backbone.vocabulary))


def spelled(family_name: str, template: str) -> str:
    """A template of a family as the text of a setting, so that a run folder holds the very words. Raises SettingError."""
    return told(family(family_name)[template])


def spelled_all(family_name: str, names: str) -> str:
    """Several templates of a family, `all` that are to train with or with commas between their names, as the text of a setting. Raises SettingError."""
    chosen = family(family_name).chosen(names)
    return told(chosen[0]) if len(chosen) == 1 else json.dumps([asdict(template) for template in chosen], ensure_ascii=False)


def told(template: Template) -> str:
    """A template as the text of a setting."""
    return json.dumps(asdict(template), ensure_ascii=False)


def read_back(prompt: str) -> Template:
    """The template of a setting. Raises SettingError for a text that is none, and for one of several."""
    found = read_all(prompt)
    if len(found) > 1:
        raise SettingError(f"prompt holds {len(found)} templates, but only one can be asked with. Give one.")
    return found[0]


def read_all(prompt: str) -> tuple[Template, ...]:
    """The templates of a setting that holds one, or a list. Raises SettingError for a text that is none."""
    try:
        content: dict[str, Any] | list[dict[str, Any]] = json.loads(prompt)
        found = tuple(Template(**entry) for entry in (content if isinstance(content, list) else [content]))
        if not found:
            raise ValueError("the list is empty")
        return found
    except SettingError:
        raise
    except (ValueError, TypeError) as error:
        raise SettingError(f"prompt: {prompt[:60]!r} is no template. It is filled in from family and template; leave it out.") from error
