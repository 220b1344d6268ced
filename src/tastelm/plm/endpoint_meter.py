"""What answers cost: tokens as told or estimated, seconds and money; and how many a minute may see."""

from __future__ import annotations

import math
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import NamedTuple

from tastelm.errors import SettingError


@dataclass(frozen=True)
class Answer:
    """What came back for one prompt.

    text               as written by the model; empty in a dry run
    prompt_tokens      read by the model
    completion_tokens  written by the model
    seconds            from sending the request to its last byte, of the try that succeeded; of an answer on disk, what it took then
    cached             whether it came from disk
    finish_reason      as told by the server ('stop', 'length', ..), 'unknown' where it tells none, 'dry run' where nothing was sent
    estimated          whether a count of tokens is an estimate, since the server told none
    """

    text: str
    prompt_tokens: int
    completion_tokens: int
    seconds: float
    cached: bool
    finish_reason: str
    estimated: bool = False


@dataclass(frozen=True)
class Clock:
    """Time as a client sees it.

    now    seconds that never run backwards
    today  seconds since 1970, to read dates that a server writes
    wait   for the seconds given, or until the event is set
    """

    now: Callable[[], float] = time.monotonic
    today: Callable[[], float] = time.time
    wait: Callable[[threading.Event, float], object] = threading.Event.wait


@dataclass(frozen=True)
class Prices:
    """Money for a million tokens read (`input`) and written (`output`), in any currency. Raises SettingError for a price below 0."""

    input: float
    output: float

    def __post_init__(self) -> None:
        for name in ("input", "output"):
            price = getattr(self, name)
            if isinstance(price, bool) or not isinstance(price, int | float) or not 0 <= price < math.inf:
                raise SettingError(f"Prices.{name}: {price!r} is no price; give money for a million tokens, 0 or more.")

    def money(self, prompt_tokens: float, completion_tokens: float) -> float:
        return (self.input * prompt_tokens + self.output * completion_tokens) / 1e6


class Usage(NamedTuple):
    """Sums over answers; seconds of answers that were written side by side are added up too."""

    prompt_tokens: int = 0
    completion_tokens: int = 0
    seconds: float = 0.0

    def and_of(self, answer: Answer) -> Usage:
        return Usage(self.prompt_tokens + answer.prompt_tokens, self.completion_tokens + answer.completion_tokens, self.seconds + answer.seconds)


class PerThousand(NamedTuple):
    """What 1,000 recommendations cost; money is None without prices."""

    tokens: float
    seconds: float
    money: float | None


@dataclass
class Meter:
    """The counts of one client, kept from every thread.

    calls      requests that were answered; in a dry run, those that would have been sent
    cached     answers that came from disk
    failed     tries that came to nothing
    estimated  answers whose tokens are estimates
    asked      what the calls used
    reused     what the answers from disk had used when they were asked
    """

    prices: Prices | None = None
    calls: int = 0
    cached: int = 0
    failed: int = 0
    estimated: int = 0
    asked: Usage = field(default_factory=Usage)
    reused: Usage = field(default_factory=Usage)
    _lock: threading.Lock = field(default_factory=threading.Lock, repr=False, compare=False)

    def add(self, answer: Answer) -> None:
        with self._lock:
            self.estimated += answer.estimated
            if answer.cached:
                self.cached, self.reused = self.cached + 1, self.reused.and_of(answer)
            else:
                self.calls, self.asked = self.calls + 1, self.asked.and_of(answer)

    def fail(self) -> None:
        with self._lock:
            self.failed += 1

    @property
    def prompt_tokens(self) -> int:
        """Read by the model, in the calls."""
        return self.asked.prompt_tokens

    @property
    def completion_tokens(self) -> int:
        """Written by the model, in the calls."""
        return self.asked.completion_tokens

    @property
    def seconds(self) -> float:
        """Taken by the calls, one by one."""
        return self.asked.seconds

    @property
    def money(self) -> float | None:
        """Spent on the calls; None without prices. Answers from disk cost nothing."""
        return None if self.prices is None else self.prices.money(self.prompt_tokens, self.completion_tokens)

    def per_thousand(self, recommendations: int) -> PerThousand:
        """What 1,000 recommendations cost where nothing is on disk yet, so that a run that went on counts as one that never stopped.

        recommendations  how many were made from all answers so far. Raises SettingError if that is not 1 or more.
        """
        if isinstance(recommendations, bool) or not isinstance(recommendations, int) or recommendations < 1:
            raise SettingError(f"per_thousand: {recommendations!r} recommendations; give how many were made from the answers, 1 or more.")
        with self._lock:
            read, written, seconds = (sum(pair) * 1000 / recommendations for pair in zip(self.asked, self.reused, strict=True))
        return PerThousand(read + written, seconds, None if self.prices is None else self.prices.money(read, written))


def tokens_in(*texts: str) -> int:
    """Tokens of texts, estimated as a quarter of the characters."""
    return tokens_of(sum(map(len, texts)))


def tokens_of(characters: int) -> int:
    """Tokens of so many characters, estimated."""
    return math.ceil(characters / 4)


class Bucket:
    """An allowance that fills steadily by `per_minute`. It lends, but holds no more than one taking, so that no minute sees a burst beside its share."""

    def __init__(self, per_minute: float, now: Callable[[], float]) -> None:
        self._rate, self._now, self._lock = per_minute / 60, now, threading.Lock()
        self._settled = now()  # when all that was taken will have been filled up

    def take(self, amount: float) -> float:
        """Seconds to wait, until what others took before is filled up."""
        with self._lock:
            now = self._now()
            begin = max(now, self._settled)
            self._settled = begin + amount / self._rate
            return begin - now

    def correct(self, amount: float) -> None:
        """Take `amount` more without waiting; below 0, give back."""
        with self._lock:
            self._settled += amount / self._rate


class Pace:
    """How fast requests may follow each other: so many a minute, with so many tokens; None is no limit."""

    def __init__(self, requests: int | None, tokens: int | None, now: Callable[[], float]) -> None:
        self._requests = None if requests is None else Bucket(requests, now)
        self._tokens = None if tokens is None else Bucket(tokens, now)

    def take(self, tokens: int) -> float:
        """Seconds to wait before a request that is estimated to need `tokens`."""
        return max(0.0 if self._requests is None else self._requests.take(1), 0.0 if self._tokens is None else self._tokens.take(tokens))

    def correct(self, estimated: int, used: int) -> None:
        """Put what a request did use in the place of the estimate."""
        if self._tokens is not None:
            self._tokens.correct(used - estimated)
