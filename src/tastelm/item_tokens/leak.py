"""Whether item tokens give answers away: a rule that learns nothing and reads the order of the tokens alone must not hit what it cannot know."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from tastelm.data.sequences import Sequences
from tastelm.data.split import Part, Split
from tastelm.errors import DataError, ShapeError
from tastelm.item_tokens.base import ItemTokens
from tastelm.item_tokens.collaborative import ownership
from tastelm.item_tokens.sequential import sequential_tokens

PLACES = 10
SHUFFLES = 5
RESAMPLES = 1000
# So many standard deviations between what an order hits and what is fair are no chance: of honest indexes one in 30,000 is as far off.
SURE = 4
_BLOCK = 1000  # questions looked up in the training part at once


@dataclass(frozen=True)
class OrderRule:
    """What the rule "the next 10 items in the order of the tokens" reaches.

    rate       HR@10: share of the questions whose answer is among them
    low, high  95 % bootstrap interval of `rate` over the questions
    chance     HR@10 of the rule when the same items stand in random order, mean of five
    questions  how many were asked
    """

    rate: float
    low: float
    high: float
    chance: float
    questions: int


def order_rule(
    tokens: ItemTokens, histories: Sequences, targets: NDArray[np.integer], *, train: Sequences | None = None, backwards: bool = False, seed: int = 0
) -> OrderRule:  # fmt: skip
    """Ask the rule: which items follow the last one of the history in lexicographic order? Behind the last item comes the first.

    histories  C sequences of item codes, oldest first; where one is empty the rule has nothing to say, and the question is left out
    targets    (C,) the item that came next
    train      the training histories: a question is left out where one of them holds both its last item and its target. None: all are asked
    backwards  which items stand before it instead

    Nothing is set aside, so the rate is a little below that of a rule that skips what the history holds.
    Raises ShapeError if there is not one target for each history, DataError if no question is left.
    """
    last, target = _asked(len(tokens), histories, targets, train)
    if not len(last):
        raise DataError(f"none of {len(histories)} questions is left for the rule: their histories are empty, or the training part holds every answer.")
    rng = np.random.default_rng(seed)
    place = np.empty(len(tokens), np.int64)
    place[tokens.order[::-1] if backwards else tokens.order] = np.arange(len(tokens))
    rate = _rate(place, last, target)
    chance = np.mean([_rate(rng.permutation(len(tokens)), last, target) for _ in range(SHUFFLES)])
    # Questions that are hit or not, drawn with replacement: the number of hits is binomial.
    low, high = np.percentile(rng.binomial(len(last), rate, RESAMPLES) / len(last), [2.5, 97.5])
    return OrderRule(rate, float(low), float(high), float(chance), len(last))


def check_order(
    tokens: ItemTokens, histories: Sequences, targets: NDArray[np.integer], *, train: Sequences, baseline: float | None = None, seed: int = 0
) -> OrderRule:  # fmt: skip
    """Refuse tokens whose order gives away which item comes next; the numbers of `order_rule` if it does not.

    histories, targets  questions of the VALID part, as for `order_rule`
    train               the training histories of the split
    baseline            the rate that is fair on the questions asked; None: the rate of the rule read backwards, or that of `sequential_tokens`
                        of `train` where this is higher

    That items stand together which users had together is what an index is for, so a rule that reads its order hits above chance on items
    that some training history holds together. Those questions are not asked. On the others an honest index still knows likeness, from
    histories or from contents, and may hit ten times as often as chance; but likeness has no direction, and what is alike stands before an
    item as often as behind it. A numbering that walked whole histories put the answer behind the last item because a user went from one to
    the other. Tokens are refused if they are marked as leaky, or if their hits exceed the fair ones by more than
    chance allows, hits - fair > 4 sqrt(hits + fair), as the difference of two counts.

    The check finds an order: tokens that leak in another way pass it. Raises DataError for tokens that are refused, and what `order_rule`
    raises.
    """
    found = order_rule(tokens, histories, targets, train=train, seed=seed)
    if baseline is None:
        walked = sequential_tokens(train, len(tokens), seed=seed)
        rules = (order_rule(one, histories, targets, train=train, backwards=one is tokens, seed=seed) for one in (tokens, walked))
        baseline = max(rule.rate for rule in rules)
    hits, fair = found.rate * found.questions, baseline * found.questions
    if tokens.leaky or hits - fair > SURE * np.sqrt(hits + fair):
        why = "are marked as leaky" if tokens.leaky else "leak"
        raise DataError(
            f"{tokens.kind} item tokens {why}: the {PLACES} items next in their order hit {found.rate:.4f} of {found.questions} questions "
            f"({found.low:.4f} to {found.high:.4f}) that no training history answers; fair is {baseline:.4f}, chance {found.chance:.4f}. "
            "Number the items from the training part alone, or in random order."
        )
    return found


def check_split(tokens: ItemTokens, split: Split) -> OrderRule | None:
    """`check_order` on the VALID questions of a split, each with the first item that came next; None where they leave nothing to ask."""
    histories, targets = _questions(split)
    if len(_asked(len(tokens), histories, targets, split.train)[0]):
        return check_order(tokens, histories, targets, train=split.train)
    if tokens.leaky:
        raise DataError(f"{tokens.kind} item tokens are marked as leaky: they show a leak, and none may be trained on. Number items from the training part.")
    return None


def remarked(tokens: ItemTokens, split: Split) -> ItemTokens:
    """The tokens with a note on what the rule reaches on the VALID questions of a split, those included that the training part answers.

    For tokens that have seen no answer and yet make good guesses by their order alone: what a model scores with them is to be read beside it.
    """
    histories, targets = _questions(split)
    if not histories.lengths.any():
        return tokens
    found = order_rule(tokens, histories, targets)
    note = f"The {PLACES} items next in their order hit {found.rate:.4f} of {found.questions} valid questions, chance {found.chance:.4f}: nothing is learnt."
    return replace(tokens, notes=(*tokens.notes, note))


def _questions(split: Split) -> tuple[Sequences, NDArray[np.integer]]:
    cases = split.cases(Part.VALID)
    return cases.histories, cases.targets.values[cases.targets.offsets[:-1]]


def _asked(n_items: int, histories: Sequences, targets: NDArray[np.integer], train: Sequences | None) -> tuple[NDArray[np.integer], NDArray[np.integer]]:
    """The last items and the targets of the questions that the rule is asked."""
    if targets.shape != (len(histories),):
        raise ShapeError(f"targets of shape {targets.shape}: give one item for each of the {len(histories)} histories.")
    asked = np.flatnonzero(histories.lengths > 0)
    last, target = histories.values[histories.offsets[1:][asked] - 1], targets[asked]
    if train is None:
        return last, target
    new = ~_together(train, n_items, last, target)
    return last[new], target[new]


def _rate(place: NDArray[np.int64], last: NDArray[np.integer], target: NDArray[np.integer]) -> float:
    steps = (place[target] - place[last] - 1) % len(place)
    return float((steps < PLACES).mean())


def _together(train: Sequences, n_items: int, first: NDArray[np.integer], second: NDArray[np.integer]) -> NDArray[np.bool_]:
    """(C,) whether a training history holds both items of a pair."""
    owned = ownership(train, n_items)
    blocks = [slice(start, start + _BLOCK) for start in range(0, len(first), _BLOCK)]
    shared = [np.asarray(owned[:, first[block]].multiply(owned[:, second[block]]).sum(0)).ravel() > 0 for block in blocks]
    return np.concatenate(shared) if shared else np.zeros(0, np.bool_)
