"""One exchange with a server: what goes out, what may come back, and which failures are worth another try. The key shows itself nowhere."""

from __future__ import annotations

import http
import http.client
import ipaddress
import json
import os
import re
import ssl
import urllib.error
import urllib.request
from dataclasses import dataclass
from datetime import UTC
from email.utils import parsedate_to_datetime
from typing import Any
from urllib.parse import urlsplit

from tastelm.errors import DataError, SettingError
from tastelm.plm.endpoint_meter import Answer, Clock, tokens_in

# Bytes of an answer, and of a piece of it; characters of what a server said that an error repeats.
LARGEST, PIECE, SHOWN = 8 << 20, 1 << 16, 200
# Shorter keys are placeholders for servers that ask for none, and may be words of an answer.
SECRET = 8
AGAIN = frozenset({408, 429})
MEND = {
    400: "Check the model's name, the length of the prompt and the settings",
    404: "Check the model's name, and that url is what stands before /chat/completions, often ending in /v1",
    413: "Shorten the prompts",
}


@dataclass(frozen=True)
class Failure:
    """A try that came to nothing, and may be repeated.

    cause  a clause for people, without the key
    pause  seconds that the server asks to wait
    """

    cause: str
    pause: float = 0.0


class Key:
    """The key of an endpoint, or none; its repr is the name of its variable."""

    def __init__(self, variable: str | None, value: str = "") -> None:
        self.variable, self._value = variable, value

    def __repr__(self) -> str:
        return f"Key({self.variable!r})"

    def headers(self) -> dict[str, str]:
        return {"Authorization": f"Bearer {self._value}"} if self._value else {}

    def masked(self, text: str) -> str:
        """The text without the key, as it is or as JSON escapes it."""
        for spelling in {self._value, json.dumps(self._value)[1:-1]} - {""}:
            text = text.replace(spelling, "***")
        return text

    def masked_answer(self, text: str) -> str:
        """What a model wrote, without the key."""
        return self.masked(text) if len(self._value) >= SECRET else text


def read_key(variable: str | None, url: str) -> Key:
    """The key in an environment variable; none where that is None, or not set and the server is on this machine.

    Raises SettingError for a key that is missing, that no header can carry, or that would travel in the open.
    """
    value = "" if variable is None else os.environ.get(variable, "").strip()
    if variable is not None and not value and not is_loopback(url):
        raise SettingError(f"the environment variable {variable} is not set: put the key of {url} there, or give key_from=None if it asks for none.")
    if not all("!" <= character <= "~" for character in value):
        raise SettingError(f"the environment variable {variable} holds a blank, a line break or a special letter, which no key has. Copy the key again.")
    if value and url.startswith("http:") and not is_loopback(url):
        raise SettingError(f"url: {url} is not encrypted, so the key would travel in the open. Use https, or give key_from=None if it asks for no key.")
    return Key(variable, value)


def check_url(url: object) -> str:
    """The url in its one spelling. Raises SettingError, which repeats no part that may hold a secret, if it is no plain base of an endpoint."""
    example = "give the base of the endpoint, such as https://api.openai.com/v1."
    if not isinstance(url, str) or not url.strip():
        raise SettingError(f"url is missing: {example}")
    try:
        parts = urlsplit(url)
        host, _ = parts.hostname, parts.port
        (host or "").encode("idna")
    except ValueError:
        raise SettingError(f"url cannot be read, since its host or port is none: {example}") from None
    if parts.username is not None or parts.password is not None:
        raise SettingError("url holds a name or password before the @: take it out, and put the key in the environment variable named by key_from.")
    if parts.query or parts.fragment or url[-1] in "?#":
        raise SettingError(f"url holds a query or a fragment (what follows ? or #): take it out and {example}")
    if parts.scheme not in ("http", "https"):
        raise SettingError(f"url has the scheme '{parts.scheme}'; http and https are known: {example}")
    if not host or not all("!" <= character <= "~" for character in url):
        raise SettingError(f"url has no host, or a blank or a special letter in it: {example}")
    if parts.path.rstrip("/").endswith("/chat/completions"):
        raise SettingError("url ends in /chat/completions, which is added by itself: leave it out.")
    return f"{parts.scheme}://{parts.netloc.lower()}{parts.path.rstrip('/')}"


def is_loopback(url: str) -> bool:
    """Whether what is sent to a checked url stays on this machine."""
    host = urlsplit(url).hostname or ""
    try:
        return host == "localhost" or ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


class Wire:
    """Posts bodies to `{url}/chat/completions`, from any thread.

    timeout  seconds from sending a request to its last byte
    """

    def __init__(self, url: str, key: Key, timeout: float, clock: Clock) -> None:
        self.address, self.key, self.timeout, self.clock = f"{url}/chat/completions", key, timeout, clock
        # No handler of statuses is among these, so every answer is handed on as it comes, and nothing is redirected.
        handlers: list[Any] = [urllib.request.ProxyHandler({} if is_loopback(url) else None), urllib.request.HTTPHandler(), urllib.request.UnknownHandler()]
        if url.startswith("https:") or not is_loopback(url):
            handlers.append(urllib.request.HTTPSHandler(context=ssl.create_default_context()))
        self._opener = urllib.request.OpenerDirector()
        for handler in handlers:
            self._opener.add_handler(handler)

    def ask(self, body: bytes, prompt_tokens: int) -> Answer | Failure:
        """Send a request once; `prompt_tokens` is the estimate where the server tells no number.

        Raises DataError for a refusal that would be the same again, with what the server said.
        """
        headers = {"Content-Type": "application/json", "Accept": "application/json", "User-Agent": "tastelm"}
        began = self.clock.now()
        try:
            request = urllib.request.Request(self.address, body, headers | self.key.headers(), method="POST")
            with self._opener.open(request, timeout=self.timeout) as reply:
                status, told, content = reply.status, reply.headers, self._content(reply, began + self.timeout)
        except (OSError, http.client.HTTPException) as error:
            return self._failure(error)
        if status in AGAIN or status >= 500:
            return Failure(f"the server answers {_status(status)}{self._said(content)}", self._pause(told.get("Retry-After", "")))
        if not 200 <= status < 300:
            raise self._refusal(status, content, told.get("Location", ""))
        if len(content) > LARGEST:
            return Failure(f"the answer is longer than {LARGEST >> 20} MiB")
        return self._answer(content, prompt_tokens, self.clock.now() - began)

    def _content(self, reply: Any, end: float) -> bytes:
        """All that came, or a little more than the largest answer."""
        parts, size = list[bytes](), 0
        while size <= LARGEST and (part := reply.read1(PIECE)):
            # The timeout of a socket begins anew with every byte.
            if self.clock.now() > end:
                raise TimeoutError
            parts.append(part)
            size += len(part)
        if size <= LARGEST and reply.length:
            raise ConnectionError(f"{reply.length} bytes are missing")
        return b"".join(parts)

    def _failure(self, error: Exception) -> Failure:
        reason = error.reason if isinstance(error, urllib.error.URLError) else error
        if isinstance(reason, ssl.SSLCertVerificationError):
            raise DataError(
                f"{self.address}: the certificate of the server is not trusted ({reason.verify_message}). "
                "Check url, or name the file of your authority's certificates in SSL_CERT_FILE."
            ) from error
        if isinstance(reason, TimeoutError):
            return Failure(f"no answer within {self.timeout:g} seconds")
        what = "no connection" if isinstance(error, urllib.error.URLError) else "the connection was cut"
        return Failure(f"{what} ({self._shown(getattr(reason, 'strerror', None) or str(reason) or type(reason).__name__)})")

    def _refusal(self, status: int, content: bytes, location: str) -> DataError:
        if 300 <= status < 400:
            said = f", a redirect to '{self._shown(location.partition('?')[0])}'"
            mend = "Redirects are not followed, since the key would go with them: give the url where the endpoint is"
        else:
            said, mend = self._said(content), MEND.get(status, "Check the url, the model's name and the settings")
        if status in (401, 403):
            mend = f"Put a key that may use the model in {self.key.variable}" if self.key.variable else "Name the environment variable of a key by key_from"
        return DataError(f"{self.address}: the server answers {_status(status)}{said}. {mend}.")

    def _answer(self, content: bytes, prompt_tokens: int, seconds: float) -> Answer | Failure:
        try:
            told = json.loads(content)
        except (ValueError, RecursionError):
            return Failure(f"what the server sent is not JSON{self._said(content)}")
        choices = told.get("choices") if isinstance(told, dict) else None
        if not isinstance(choices, list) or not choices or not isinstance(choices[0], dict):
            return Failure(f"what the server sent has no choices{self._said(content)}")
        message, reason = choices[0].get("message"), choices[0].get("finish_reason")
        text = message.get("content") if isinstance(message, dict) else None
        reason = self._shown(reason) if isinstance(reason, str) else "unknown"
        if not isinstance(text, str):
            return Failure(f"the answer has no content (finish_reason: {reason})")
        # Half a surrogate pair is no text and could not be written to any file.
        text = self.key.masked_answer(text.encode(errors="replace").decode())
        usage = told.get("usage")
        read, written = _count(usage, "prompt_tokens"), _count(usage, "completion_tokens")
        return Answer(
            text, prompt_tokens if read is None else read, tokens_in(text) if written is None else written, seconds,
            cached=False, finish_reason=reason, estimated=read is None or written is None,
        )  # fmt: skip

    def _said(self, content: bytes) -> str:
        """`, saying '...'` with the message of an error, or all that came where it has no known form; nothing if nothing came."""
        try:
            told = json.loads(content)
            for name in ("error", "message", "detail"):
                told = told.get(name, told) if isinstance(told, dict) else told
            text = told if isinstance(told, str) else json.dumps(told)
        except (ValueError, RecursionError):
            text = content.decode(errors="replace")
        shown = self._shown(text)
        return f", saying '{shown}'" if shown else ""

    def _shown(self, text: str) -> str:
        """Text of a server on one line, without the key, and short."""
        # The key goes first: of a key that is cut, a part would stay.
        plain = " ".join("".join(character if character.isprintable() else " " for character in self.key.masked(text)[: 10 * SHOWN]).split())
        return plain if len(plain) <= SHOWN else f"{plain[:SHOWN]}..."

    def _pause(self, told: str) -> float:
        """Seconds of a Retry-After, which is a number of them or a date; 0 for what is neither."""
        if re.fullmatch(r"\d+(\.\d+)?", told.strip(), re.ASCII):
            return float(told)
        try:
            date = parsedate_to_datetime(told)
        except (ValueError, TypeError):
            return 0.0
        return max(0.0, (date if date.tzinfo else date.replace(tzinfo=UTC)).timestamp() - self.clock.today())


def _status(status: int) -> str:
    try:
        return f"{status} ({http.HTTPStatus(status).phrase})"
    except ValueError:
        return str(status)


def _count(usage: Any, name: str) -> int | None:
    told = usage.get(name) if isinstance(usage, dict) else None
    return told if type(told) is int and 0 <= told < 10**9 else None
