"""A model behind an OpenAI-compatible endpoint: text in, text out, each request paid for once.

    endpoint = Endpoint("https://api.openai.com/v1", "gpt-4o-mini", max_tokens=200, seed=1, cache=Path("answers"))
    client = Client(endpoint)
    answers = client.complete(["Rank these films: ..", "Rank these books: .."])
    client.meter.per_thousand(len(answers))

Rerankers and recommenders that only read and write text stand on this (Liu et al. 2023, ChatGPT as recommender; Gao et al. 2023, Chat-REC;
Hou et al. 2024, LLMRank). A server may answer the same question otherwise on another day; the answers on disk are what repeats a run.
"""

from __future__ import annotations

import json
import random
import re
import threading
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import KW_ONLY, dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from tastelm.errors import DataError, SettingError, nearest
from tastelm.plm.endpoint_cache import Cache, digest
from tastelm.plm.endpoint_meter import Answer, Clock, Meter, Pace, Prices, tokens_in
from tastelm.plm.endpoint_wire import Failure, Wire, check_url, read_key

# One turn: who speaks (`role`) and what is said (`content`).
Message = Mapping[str, str]
Messages = Sequence[Message]
ROLES = ("system", "developer", "user", "assistant")
# Seconds: the longest first wait after a failure, which doubles with every further one, and the longest wait of all.
FIRST, LONGEST = 1.0, 60.0
DRY = "dry run"


@dataclass(frozen=True)
class Endpoint:
    """Where to ask, whom, and how.

    url                  base of the endpoint; requests go to `{url}/chat/completions`
    model                as the server calls it
    max_tokens           the longest answer
    seed                 sent along, for servers that heed it; also draws the waits between tries
    key_from             environment variable of the key, which a server on this machine may do without; None: no key is sent
    temperature          0 to 2; 0 asks for the likeliest words
    concurrency          requests under way at once
    requests_per_minute  None: as many as it takes
    tokens_per_minute    read and written, None: as many as it takes
    retries              further tries after a failure that may pass
    timeout              seconds of one try, to its last byte
    cache                folder of answers, which may be shared; None: nothing is kept
    prices               to count money
    dry_run              send nothing; show what would be sent

    Raises SettingError for whatever does not fit.
    """

    url: str
    model: str
    _: KW_ONLY
    max_tokens: int
    seed: int
    key_from: str | None = "OPENAI_API_KEY"
    temperature: float = 0.0
    concurrency: int = 4
    requests_per_minute: int | None = None
    tokens_per_minute: int | None = None
    retries: int = 5
    timeout: float = 60.0
    cache: Path | None = None
    prices: Prices | None = None
    dry_run: bool = False

    def __post_init__(self) -> None:
        object.__setattr__(self, "url", check_url(self.url))
        if not isinstance(self.model, str) or not self.model.strip() or not self.model.isprintable():
            raise SettingError("model is missing: give the name that the server knows, such as gpt-4o-mini.")
        # A key that was given by mistake must not be repeated, and seldom looks like this.
        if self.key_from is not None and not (isinstance(self.key_from, str) and re.fullmatch("[A-Z_][A-Z0-9_]{0,63}", self.key_from)):
            raise SettingError("key_from takes the name of an environment variable in capitals, such as OPENAI_API_KEY, and never the key itself.")
        for name, low, high in (("max_tokens", 1, 10**6), ("seed", 0, 2**31 - 1), ("concurrency", 1, 256), ("retries", 0, 100)):
            _in_range(name, getattr(self, name), int, low, high)
        for name in ("requests_per_minute", "tokens_per_minute"):
            if getattr(self, name) is not None:
                _in_range(name, getattr(self, name), int, 1, 10**12)
        _in_range("temperature", self.temperature, float, 0, 2)
        _in_range("timeout", self.timeout, float, 0.001, 3600)
        for name, kind, wanted in (("cache", Path, "a Path or None"), ("prices", Prices, "Prices or None"), ("dry_run", bool, "True or False")):
            value = getattr(self, name)
            if not isinstance(value, kind) and (value is not None or kind is bool):
                raise SettingError(f"{name}: {value!r} does not fit; it takes {wanted}.")

    def body(self, messages: Messages, sample: int = 0) -> dict[str, Any]:
        """What is sent. Samples differ in their seeds, or a server that heeds the seed would give the same text for each."""
        return {
            "model": self.model,
            "messages": [dict(message) for message in messages],
            "temperature": float(self.temperature),
            "max_tokens": self.max_tokens,
            "seed": (self.seed + sample) % 2**31,
            "n": 1,
        }


@dataclass(frozen=True)
class Preview:
    """What a dry run would send: the prompt as text, its tokens with the longest answer to it, and their money (None without prices)."""

    text: str
    tokens: int
    money: float | None


@dataclass(frozen=True)
class _Request:
    """place: of the prompt among those given; read: its tokens, estimated; most: those with the longest answer."""

    place: int
    digest: str
    body: dict[str, Any]
    read: int
    most: int


class Client:
    """Asks an endpoint; `meter` counts what it cost. May be used from several threads."""

    def __init__(self, endpoint: Endpoint, *, show: Callable[[Preview], None] | None = None, clock: Clock | None = None) -> None:
        """show: gets every prompt of a dry run; clock: for tests that do not wait."""
        self.endpoint, self.meter, self._show, self._clock = endpoint, Meter(endpoint.prices), show, clock or Clock()
        self._pace = Pace(endpoint.requests_per_minute, endpoint.tokens_per_minute, self._clock.now)
        self._cache = None if endpoint.cache is None else Cache(endpoint.cache)
        self._previewed = set[str]()

    def complete(self, prompts: Sequence[Messages | str], *, sample: int = 0) -> list[Answer]:
        """One answer for each prompt, in their order; equal prompts are asked, and counted, once.

        prompts  text, which the user says, or messages with `role` and `content`
        sample   number of a repeat: with a temperature above 0 each gives other answers, and each is kept; at 0 there is one answer

        What is on disk is not asked. A dry run shows and counts each different prompt once, as if nothing were on disk, and answers with empty texts.

        Raises SettingError, before anything is sent, for prompts that are none and for a key that is missing; DataError if the server
        refuses, or gives no usable answer after all retries; OutputError if the cache cannot be written. The answers to other prompts
        that came until then are on disk.
        """
        _in_range("sample", sample, int, 0, 2**31 - 1)
        if isinstance(prompts, str | bytes | Mapping) or not isinstance(prompts, Sequence):
            raise SettingError(f"prompts must be a list of prompts, not {type(prompts).__name__}. Put a single prompt in a list.")
        requests = [self._request(place, prompt, sample if self.endpoint.temperature else 0) for place, prompt in enumerate(prompts)]
        different = {request.digest: request for request in reversed(requests)}
        answers = self._shown(different) if self.endpoint.dry_run else self._answers(different)
        return [answers[request.digest] for request in requests]

    @cached_property
    def _wire(self) -> Wire:
        """Made when something is asked, so that a run whose answers are all on disk needs no key."""
        return Wire(self.endpoint.url, read_key(self.endpoint.key_from, self.endpoint.url), self.endpoint.timeout, self._clock)

    def _request(self, place: int, prompt: Messages | str, sample: int) -> _Request:
        body = self.endpoint.body(_messages(place, prompt), sample)
        read = tokens_in(*(message["content"] for message in body["messages"]))
        return _Request(place, digest(self.endpoint.url, body, sample), body, read, read + self.endpoint.max_tokens)

    def _shown(self, requests: Mapping[str, _Request]) -> dict[str, Answer]:
        most, prices = self.endpoint.max_tokens, self.endpoint.prices
        answers = {key: Answer("", request.read, most, 0.0, cached=False, finish_reason=DRY, estimated=True) for key, request in requests.items()}
        for request in sorted(requests.values(), key=lambda request: request.place):
            if request.digest in self._previewed:
                continue  # its answer would be on disk by now
            self._previewed.add(request.digest)
            self.meter.add(answers[request.digest])
            if self._show:
                self._show(Preview(_as_text(request.body["messages"]), request.most, None if prices is None else prices.money(request.read, most)))
        return answers

    def _answers(self, requests: Mapping[str, _Request]) -> dict[str, Answer]:
        answers = {key: found for key in requests if self._cache and (found := self._cache.read(key))}
        for answer in answers.values():
            self.meter.add(answer)
        missing = sorted((request for request in requests.values() if request.digest not in answers), key=lambda request: request.place)
        return answers | self._ask_all(self._wire, missing) if missing else answers

    def _ask_all(self, wire: Wire, requests: Sequence[_Request]) -> dict[str, Answer]:
        halted = threading.Event()
        with ThreadPoolExecutor(self.endpoint.concurrency, "endpoint") as pool:
            try:
                asked = {pool.submit(self._ask, wire, request, halted): request.digest for request in requests}
                return {asked[future]: answer for future in as_completed(asked) if (answer := future.result())}
            finally:
                # After an interrupt what is under way is waited for, since it is paid for, and nothing else is begun.
                halted.set()
                pool.shutdown(wait=False, cancel_futures=True)

    def _ask(self, wire: Wire, request: _Request, halted: threading.Event) -> Answer | None:
        """The answer to one request; None if an error elsewhere came first. An error here halts the others."""
        try:
            return self._tried(wire, request, halted)
        except BaseException:
            halted.set()
            raise

    def _tried(self, wire: Wire, request: _Request, halted: threading.Event) -> Answer | None:
        jitter = random.Random(f"{self.endpoint.seed}/{request.digest}")
        content, failure = json.dumps(request.body).encode(), Failure("")
        for pause in (0.0, *(FIRST * 2.0**number for number in range(self.endpoint.retries))):
            # Full jitter: clients that failed together do not come back together.
            self._wait(max(jitter.uniform(0, min(pause, LONGEST)), min(failure.pause, LONGEST)), halted)
            self._wait(self._pace.take(request.most), halted)
            if halted.is_set():
                return None
            outcome = wire.ask(content, request.read)
            if isinstance(outcome, Answer):
                return self._kept(request, outcome)
            failure = outcome
            self.meter.fail()
        tries = "1 try" if self.endpoint.retries == 0 else f"{self.endpoint.retries + 1} tries"
        raise DataError(
            f"{wire.address}: no usable answer to prompt {request.place} after {tries}; at last: {failure.cause}. "
            f"Try again later, or with another concurrency, timeout or number of retries{'; what came is kept' if self._cache else ''}."
        )

    def _wait(self, seconds: float, halted: threading.Event) -> None:
        if seconds > 0:
            self._clock.wait(halted, min(seconds, threading.TIMEOUT_MAX))

    def _kept(self, request: _Request, answer: Answer) -> Answer:
        self._pace.correct(request.most, answer.prompt_tokens + answer.completion_tokens)
        self.meter.add(answer)
        if self._cache:
            self._cache.write(request.digest, answer)
        return answer


def _messages(place: int, prompt: object) -> Messages:
    """A prompt as messages. Raises SettingError if it is none."""
    messages = [{"role": "user", "content": prompt}] if isinstance(prompt, str) else prompt
    if isinstance(messages, bytes | Mapping) or not isinstance(messages, Sequence) or not messages:
        raise SettingError(f"prompts[{place}] must be text or a list of messages with role and content, not {_kind(messages)}.")
    for number, message in enumerate(messages):
        where = f"prompts[{place}], message {number}"
        if not isinstance(message, Mapping) or set(message) != {"role", "content"}:
            raise SettingError(f"{where}: give a dictionary with role and content, and nothing else.")
        if message["role"] not in ROLES:
            raise SettingError(f"{where}: the role {message['role']!r} is not known; {nearest(str(message['role']), ROLES)}")
        content = message["content"]
        if not isinstance(content, str) or not content.strip():
            raise SettingError(f"{where}: the content must be text that is not empty.")
        if any("\ud800" <= character <= "\udfff" for character in content):
            raise SettingError(f"{where}: the content holds half a surrogate pair, which is no character. Read the text again with its right encoding.")
    return messages


def _kind(value: object) -> str:
    return "an empty list" if isinstance(value, Sequence) and not value else f"a {type(value).__name__}"


def _as_text(messages: Messages) -> str:
    """A prompt for people: bare if the user says it all."""
    if len(messages) == 1 and messages[0]["role"] == "user":
        return messages[0]["content"]
    return "\n\n".join(f"{message['role']}: {message['content']}" for message in messages)


def _in_range(name: str, value: Any, kind: type, low: float, high: float) -> None:
    fits = isinstance(value, int if kind is int else int | float) and not isinstance(value, bool)
    if not fits or not low <= value <= high:
        raise SettingError(f"{name}: {value!r} does not fit; it takes {'a whole number' if kind is int else 'a number'} from {low} to {high}.")
