"""Pairs of simple sentences whose relation nobody doubts: what a judge must get right before its verdicts count."""

from __future__ import annotations

from itertools import cycle, islice

# What reviews are about, a word for it, and its opposite.
OPPOSITES = (
    ("zipper", "sturdy", "flimsy"), ("colour", "bright", "dull"), ("fabric", "soft", "rough"), ("waist", "tight", "loose"), ("room", "clean", "dirty"),
    ("waiter", "friendly", "rude"), ("plot", "exciting", "boring"), ("price", "high", "low"), ("scent", "strong", "weak"), ("battery", "new", "old"),
)  # fmt: skip


def simple_pairs() -> tuple[list[tuple[str, str]], list[str]]:
    """(premise, hypothesis) pairs and one of entail, neutral and contradict for each: 20 of each. Every form of a premise comes with all three, so
    that a judge must read both sentences.
    """
    pairs, labels = list[tuple[str, str]](), list[str]()
    for (noun, good, bad), (other, word, _) in zip(OPPOSITES, islice(cycle(OPPOSITES), 1, None), strict=False):
        fine, poor = f"The {noun} is very {good}.", f"The {noun} is not {good}."
        told = {
            (fine, f"The {noun} is {good}."): "entail",
            (fine, f"The {other} is {word}."): "neutral",
            (fine, f"The {noun} is {bad}."): "contradict",
            (f"{poor[:-1]}, which is a pity.", poor): "entail",
            (f"{poor[:-1]}, which is a pity.", f"The {other} is {word}."): "neutral",
            (poor, f"The {noun} is {good}."): "contradict",
        }
        pairs += told.keys()
        labels += told.values()
    return pairs, labels
