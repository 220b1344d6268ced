"""Titles as people say them. Catalogues such as MovieLens write `Matrix, The (1999)`."""

from __future__ import annotations

import re

# A group at the end, with at most one group within it: a year, an alternative title, or both one after the other.
IN_BRACKETS = re.compile(r"\s*\((?:[^()]|\([^()]*\))*\)$")
ARTICLE_LAST = re.compile(r"(?P<rest>.*\S)\s*, (?P<article>The|An?|Les?|La|L['’]|Il|El|Das|Der|Die|L[oa]s|Une?)$")


def clean_title(title: str) -> str:
    """The title without year and alternative titles at its end, its trailing article in front, single spaces.

    Case counts: articles are moved where they are written with a capital. Brackets elsewhere belong to the title. A title that is
    nothing but brackets stays as it is, stripped. Cleaning twice changes nothing more. Source: Sileo et al. 2022, preparation of titles.

    >>> clean_title("City of Lost Children, The (Cité des enfants perdus, La) (1995)")
    'The City of Lost Children'
    """
    cleaned, before = " ".join(title.split()), None
    while cleaned != before:
        before, cleaned = cleaned, _article_first(IN_BRACKETS.sub("", cleaned))
    return cleaned or title.strip()


def _article_first(title: str) -> str:
    found = ARTICLE_LAST.fullmatch(title)
    if found is None:
        return title
    article = found["article"]
    return article + ("" if article.startswith("L") and len(article) == 2 and not article.isalpha() else " ") + found["rest"]
