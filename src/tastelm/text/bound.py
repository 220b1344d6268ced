"""Templates of which a slot is filled for good, such as with the name of the data."""

from __future__ import annotations

import re
from dataclasses import replace

from tastelm.errors import SettingError, nearest
from tastelm.text.template import TOKEN, Template


def bound(template: Template, slot: str, words: str) -> Template:
    """The template with `words` in the place of a slot, whatever is in them. Raises SettingError for a slot that it does not have."""
    if slot not in template.slots:
        raise SettingError(f"template '{template.name}' has no slot '{slot}' to be filled; {nearest(slot, template.slots)}")
    spelled = words.replace("{", "{{").replace("}", "}}")

    def filled(token: re.Match[str]) -> str:
        return spelled if token["slot"] == slot else token.group()

    kept = {name: kind for name, kind in template.slots.items() if name != slot}
    return replace(template, source=TOKEN.sub(filled, template.source), target=TOKEN.sub(filled, template.target), slots=kept)
