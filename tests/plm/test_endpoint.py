"""The client of an endpoint, against a server on loopback that answers well, slowly, wrongly and not at all."""

import json
import ssl
import sys
import threading
import time
import urllib.error
from collections.abc import Callable, Iterator
from email.utils import formatdate
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tastelm.errors import DataError, OutputError, SettingError
from tastelm.plm.endpoint import Client, Endpoint, Preview
from tastelm.plm.endpoint_meter import Answer, Bucket, Clock, Meter, Prices, tokens_in
from tastelm.plm.endpoint_wire import Key, Wire, check_url, is_loopback

KEY = "sk-very-secret-0123456789"
Reply = Callable[["Handler"], None]


def well(text: str | None = None, **more: Any) -> Reply:
    """Says `text`, or repeats what the user said last."""

    def reply(handler: "Handler") -> None:
        said = handler.body["messages"][-1]["content"] if text is None else text
        choice = {"index": 0, "message": {"role": "assistant", "content": said}, "finish_reason": "stop"}
        handler.send(200, json.dumps({"choices": [choice], "usage": {"prompt_tokens": 11, "completion_tokens": 3}} | more).encode())

    return reply


def status(code: int, content: bytes = b"", **headers: str) -> Reply:
    return lambda handler: handler.send(code, content, **headers)


def raw(content: bytes) -> Reply:
    return status(200, content)


def cut(handler: "Handler") -> None:
    handler.close_connection = True
    handler.wfile.write(b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n{")


def silent(handler: "Handler") -> None:
    handler.close_connection = True
    handler.server.closing.wait(5)


def dripping(handler: "Handler") -> None:
    """A byte now and then, each of them in time."""
    handler.close_connection = True
    handler.wfile.write(b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n")
    while not handler.server.closing.wait(0.02):
        handler.wfile.write(b" ")


class Handler(BaseHTTPRequestHandler):
    protocol_version, disable_nagle_algorithm = "HTTP/1.1", True
    server: "Server"
    body: dict[str, Any]

    def do_POST(self) -> None:
        self.body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        with self.server.lock:
            self.server.under_way += 1
            self.server.most = max(self.server.most, self.server.under_way)
            self.server.asked.append((self.path, dict(self.headers), self.body))
            reply = self.server.replies.pop(0) if self.server.replies else self.server.usual
        try:
            reply(self)
        except (BrokenPipeError, ConnectionResetError):
            self.close_connection = True  # the client has gone, as it should
        finally:
            with self.server.lock:
                self.server.under_way -= 1

    def do_GET(self) -> None:
        self.do_POST()

    def send(self, code: int, content: bytes, **headers: str) -> None:
        # The request counts as done before the client can hear of it, or its next one would seem to overlap.
        with self.server.lock:
            self.server.under_way -= 1
        try:
            self.send_response(code)
            for name, value in headers.items():
                self.send_header(name.replace("_", "-"), value)
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)
        finally:
            with self.server.lock:
                self.server.under_way += 1

    def log_message(self, format: str, *args: Any) -> None:
        """Nothing."""


class Server(ThreadingHTTPServer):
    daemon_threads, block_on_close, request_queue_size = True, False, 64

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.lock, self.closing = threading.Lock(), threading.Event()
        self.asked: list[tuple[str, dict[str, str], dict[str, Any]]] = []
        self.replies: list[Reply] = []  # first come, first served; then the usual one
        self.usual: Reply = well()
        self.under_way = self.most = 0

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}/v1"


class Time:
    """A clock that stands still, and writes down how long it was to wait."""

    def __init__(self) -> None:
        self.seconds, self.waits, self.lock = 0.0, list[float](), threading.Lock()
        self.clock = Clock(now=lambda: self.seconds, today=lambda: 1_700_000_000.0 + self.seconds, wait=self.wait)

    def wait(self, halted: threading.Event, seconds: float) -> None:
        with self.lock:
            self.waits.append(seconds)
            self.seconds += seconds


@pytest.fixture
def server() -> Iterator[Server]:
    served = Server()
    thread = threading.Thread(target=served.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield served
    served.closing.set()
    served.shutdown()
    thread.join()
    served.server_close()


@pytest.fixture(autouse=True)
def key(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", KEY)


def client(server: Server, time: Time | None = None, show: Callable[[Preview], None] | None = None, **settings: Any) -> Client:
    chosen = {"max_tokens": 20, "seed": 7, "timeout": 5.0} | settings
    return Client(Endpoint(server.url, "small", **chosen), show=show, clock=(time or Time()).clock)


def failing(server: Server, **settings: Any) -> str:
    """The sentence of a call that fails."""
    with pytest.raises(DataError) as caught:
        client(server, **settings).complete(["question"])
    return str(caught.value)


# One exchange


def test_what_is_sent_and_what_comes_back(server):
    (answer,) = client(server).complete(["Rank these."])
    ((path, headers, body),) = server.asked
    assert path == "/v1/chat/completions" and headers["Authorization"] == f"Bearer {KEY}" and headers["Content-Type"] == "application/json"
    messages = [{"role": "user", "content": "Rank these."}]
    assert body == {"model": "small", "messages": messages, "temperature": 0.0, "max_tokens": 20, "seed": 7, "n": 1}
    assert answer == Answer("Rank these.", 11, 3, 0.0, cached=False, finish_reason="stop")


def test_messages_go_as_they_are(server):
    messages = [{"role": "system", "content": "You rank."}, {"role": "user", "content": "Größe ☃ 𝄞"}]
    assert client(server).complete([messages])[0].text == "Größe ☃ 𝄞" and server.asked[0][2]["messages"] == messages


def test_seconds_are_those_of_the_try_that_succeeded(server):
    server.replies = [status(500), lambda handler: (time.sleep(0.05), well()(handler))]
    endpoint = Endpoint(server.url, "small", max_tokens=5, seed=0)
    asking = Client(endpoint, clock=Clock(wait=lambda halted, seconds: None))
    assert 0.05 <= asking.complete(["a"])[0].seconds < 5 and asking.meter.seconds >= 0.05 and asking.meter.failed == 1


def test_a_server_that_does_not_count_is_estimated(server):
    server.usual = well("12345", usage=None)
    asking = client(server)
    assert asking.complete(["a" * 9]) == [Answer("12345", 3, 2, 0.0, cached=False, finish_reason="stop", estimated=True)] and asking.meter.estimated == 1
    server.usual = well("12345", usage={"prompt_tokens": True, "completion_tokens": -4})
    (answer,) = client(server).complete(["a" * 9])
    assert (answer.prompt_tokens, answer.completion_tokens, answer.estimated) == (3, 2, True)


def test_half_a_surrogate_pair_in_an_answer_can_be_kept(server, tmp_path):
    server.usual = well("a\ud800b")
    assert client(server, cache=tmp_path).complete(["q"])[0].text == client(server, cache=tmp_path).complete(["q"])[0].text == "a?b"


# Many prompts


def test_answers_keep_the_order_and_no_more_are_under_way_than_allowed(server):
    together = threading.Barrier(3)

    def reply(handler: Handler) -> None:
        together.wait(5)
        time.sleep(0.01 * (9 - int(handler.body["messages"][0]["content"])))
        well()(handler)

    server.usual = reply
    prompts = [str(number) for number in range(9)]
    assert [answer.text for answer in client(server, concurrency=3).complete(prompts)] == prompts
    assert server.most == 3


def test_one_at_a_time(server):
    client(server, concurrency=1).complete(["a", "b", "c"])
    assert server.most == 1 and [body["messages"][0]["content"] for _, _, body in server.asked] == ["a", "b", "c"]


def test_equal_prompts_are_asked_and_counted_once(server):
    asking = client(server)
    answers = asking.complete(["a", "b", "a", [{"role": "user", "content": "a"}]])
    assert [answer.text for answer in answers] == ["a", "b", "a", "a"] and len(server.asked) == 2 and asking.meter.calls == 2


def test_no_prompts_need_no_server_and_no_key(server, monkeypatch):
    monkeypatch.delenv("OPENAI_API_KEY")
    assert Client(Endpoint("https://api.example.org/v1", "m", max_tokens=1, seed=0)).complete([]) == []


def test_a_refusal_ends_the_waits_of_the_others_and_keeps_what_came(server, tmp_path):
    waiting = threading.Event()

    def reply(handler: Handler) -> None:
        said = handler.body["messages"][0]["content"]
        if said == "busy":
            handler.send(503, b"", Retry_After="30")
            waiting.set()
        elif said == "bad":
            waiting.wait(5)
            handler.send(403, b"")
        else:
            well()(handler)

    server.usual = reply
    endpoint = Endpoint(server.url, "small", max_tokens=5, seed=0, concurrency=2, cache=tmp_path)
    Client(endpoint).complete(["good"])
    began = time.monotonic()
    with pytest.raises(DataError, match="403"):
        Client(endpoint).complete(["good", "busy", "bad", "later", "much later"])
    assert time.monotonic() - began < 10 and len(list(tmp_path.rglob("*.json"))) >= 1
    said = [body["messages"][0]["content"] for _, _, body in server.asked]
    assert said.count("busy") == 1 and said.count("good") == 1


# Tries


@pytest.mark.parametrize("first", [status(500), status(503, b"busy"), status(429), status(408), cut, raw(b"<html>"), raw(b"{}")])
def test_what_may_pass_is_tried_again(server, first):
    server.replies = [first]
    asking = client(server)
    assert asking.complete(["a"])[0].text == "a" and len(server.asked) == 2 and asking.meter.failed == 1 and asking.meter.calls == 1


def test_waits_grow_are_drawn_anew_and_repeat_with_the_seed(server):
    server.usual = status(500)

    def waits(**settings: Any) -> list[float]:
        clock = Time()
        with pytest.raises(DataError):
            client(server, clock, retries=9, **settings).complete(["a"])
        return clock.waits

    first = waits()
    assert len(first) == 9 and all(0 <= wait <= min(2.0**number, 60) for number, wait in enumerate(first)) and max(first) > 4
    assert waits() == first and waits(seed=8) != first


@pytest.mark.parametrize(
    ("told", "low", "high"),
    [("7", 7, 7), ("2.5", 2.5, 2.5), (formatdate(1_700_000_009, usegmt=True), 9, 9), ("86400", 60, 60), ("9" * 500, 60, 60),
     (formatdate(1_699_999_000, usegmt=True), 0, 1), ("soon", 0, 1), ("-5", 0, 1), ("nan", 0, 1)],
)  # fmt: skip
def test_a_server_may_ask_for_a_longer_wait_within_a_bound(server, told, low, high):
    server.replies, clock = [status(429, Retry_After=told)], Time()
    client(server, clock).complete(["a"])
    assert len(clock.waits) == 1 and low <= clock.waits[0] <= high


def test_after_the_last_try_the_sentence_counts_them(server, tmp_path):
    server.usual = status(503, b'{"error": {"message": "overloaded,\\n sorry"}}')
    assert failing(server, retries=2) == (
        f"{server.url}/chat/completions: no usable answer to prompt 0 after 3 tries; at last: the server answers 503 (Service Unavailable), "
        "saying 'overloaded, sorry'. Try again later, or with another concurrency, timeout or number of retries."
    )
    assert len(server.asked) == 3
    assert "after 1 try;" in failing(server, retries=0, cache=tmp_path) and "; what came is kept." in failing(server, retries=0, cache=tmp_path)


@pytest.mark.parametrize(
    ("reply", "cause"),
    [
        (raw(b""), "what the server sent is not JSON"),
        (raw(b"<html>down for repair</html>"), "what the server sent is not JSON, saying '<html>down for repair</html>'"),
        (raw(b"\xff\xfe\x00"), "what the server sent is not JSON"),
        (raw(b"[" * 100_000), "what the server sent is not JSON, saying '[[["),
        (raw(b"9" * 5000), "what the server sent is not JSON"),
        (raw(b'{"choices": [{"message"'), "what the server sent is not JSON"),
        (raw(b"[]"), r"what the server sent has no choices, saying '[]'"),
        (raw(b'{"choices": []}'), "what the server sent has no choices"),
        (raw(b'{"choices": ["text"]}'), "what the server sent has no choices"),
        (raw(b'{"error": {"message": "no such model"}}'), "what the server sent has no choices, saying 'no such model'"),
        (raw(b'{"choices": [{"message": {"content": null}, "finish_reason": "content_filter"}]}'), "has no content (finish_reason: content_filter)"),
        (raw(b'{"choices": [{"message": {"content": ["a"]}}]}'), "has no content (finish_reason: unknown)"),
        (raw(b'{"choices": [{"message": null}]}'), "has no content"),
        (raw(b" " * ((8 << 20) + 1)), "the answer is longer than 8 MiB"),
        (cut, "the connection was cut"),
        (status(599), "the server answers 599."),
    ],
)
def test_answers_that_are_of_no_use(server, reply, cause):
    server.usual = reply
    said = failing(server, retries=1)
    assert "after 2 tries; at last: " in said and cause in said and len(said) < 600 and len(server.asked) == 2


@pytest.mark.parametrize("reply", [silent, dripping])
def test_a_server_that_is_too_slow(server, reply):
    server.usual = reply
    began = time.monotonic()
    with pytest.raises(DataError, match=r"after 2 tries; at last: no answer within 0\.15 seconds\."):
        Client(Endpoint(server.url, "small", max_tokens=5, seed=0, retries=1, timeout=0.15), clock=Clock(wait=lambda halted, seconds: None)).complete(["a"])
    assert time.monotonic() - began < 3


def test_no_server_at_all(server):
    server.socket.close()
    with pytest.raises(DataError, match=r"http://127\.0\.0\.1:9/v1/chat/completions: .* at last: no connection \(Connection refused\)"):
        Client(Endpoint("http://127.0.0.1:9/v1", "m", max_tokens=1, seed=0, retries=1), clock=Time().clock).complete(["a"])


@pytest.mark.parametrize(
    ("code", "words"),
    [
        (400, r"400 \(Bad Request\)(.*)\. Check the model's name, the length of the prompt and the settings\.$"),
        (401, r"401 \(Unauthorized\)(.*)\. Put a key that may use the model in OPENAI_API_KEY\.$"),
        (403, r"403 \(Forbidden\)(.*)\. Put a key that may use the model in OPENAI_API_KEY\.$"),
        (404, r"404 \(Not Found\)(.*)\. Check the model's name, and that url is what stands before /chat/completions, often ending in /v1\.$"),
        (413, r"413 \((?:.*)\)(.*)\. Shorten the prompts\.$"),
        (422, r"422 \((?:.*)\)(.*)\. Check the url, the model's name and the settings\.$"),
    ],
)
def test_a_refusal_is_not_tried_again(server, code, words):
    server.usual = status(code, json.dumps({"error": {"message": f"no use of {KEY} " + "x" * 1000}}).encode())
    with pytest.raises(DataError, match=words) as caught:
        client(server).complete(["a"])
    assert len(server.asked) == 1 and KEY not in str(caught.value) and ", saying 'no use of *** xxx" in str(caught.value) and len(str(caught.value)) < 500


def test_a_redirect_is_not_followed(server):
    server.usual = status(302, Location=f"{server.url}/elsewhere?token={KEY}")
    said = failing(server)
    assert f"302 (Found), a redirect to '{server.url}/elsewhere'. Redirects are not followed, since the key would go with them: give the url" in said
    assert len(server.asked) == 1


def test_a_certificate_that_is_not_trusted(server):
    wire = Wire("https://api.example.org/v1", Key(None), 1.0, Clock())
    refused = ssl.SSLCertVerificationError(1, "verify failed")
    refused.verify_message = "self-signed certificate"

    class Refusing:
        def open(self, request: Any, timeout: float) -> Any:
            raise urllib.error.URLError(refused)

    wire._opener = Refusing()  # type: ignore[assignment]
    with pytest.raises(DataError, match=r"example\.org/v1/chat/completions: the certificate .* \(self-signed certificate\)\. Check url, or .* SSL_CERT_FILE"):
        wire.ask(b"{}", 0)


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=2)
        | st.dictionaries(st.sampled_from(["choices", "message", "content", "usage", "finish_reason", "prompt_tokens", "error"]), inner)
    ),
    max_leaves=12,
)


@settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(content=st.binary(max_size=50) | json_values.map(lambda value: json.dumps(value).encode()))
def test_whatever_a_server_sends_gives_an_answer_or_a_sentence(server, content):
    server.usual = raw(content)
    try:
        (answer,) = client(server, retries=0).complete(["a"])
    except DataError as error:
        assert "at last: " in str(error) and "\n" not in str(error)
    else:
        assert isinstance(answer.text, str) and answer.prompt_tokens >= 0 and answer.completion_tokens >= 0


# The key


def test_the_key_is_read_at_the_first_call(server, monkeypatch):
    asking = client(server, key_from="OTHER_KEY")
    monkeypatch.setenv("OTHER_KEY", "  sk-of-another-variable\n")
    asking.complete(["a"])
    assert server.asked[0][1]["Authorization"] == "Bearer sk-of-another-variable"


@pytest.mark.parametrize("without", ["unset", "blank", "none"])
def test_a_server_on_this_machine_needs_no_key(server, monkeypatch, without):
    monkeypatch.setenv("OPENAI_API_KEY", " ")
    if without == "unset":
        monkeypatch.delenv("OPENAI_API_KEY")
    assert client(server, **({"key_from": None} if without == "none" else {})).complete(["a"])[0].text == "a"
    assert "Authorization" not in server.asked[0][1]


def test_a_server_elsewhere_needs_one(monkeypatch):
    monkeypatch.delenv("OPENAI_API_KEY")
    with pytest.raises(SettingError, match=r"OPENAI_API_KEY is not set: put the key of https://api\.example\.org/v1 there, or give key_from=None"):
        Client(Endpoint("https://api.example.org/v1", "m", max_tokens=1, seed=0)).complete(["a"])


def test_a_key_does_not_travel_in_the_open():
    with pytest.raises(SettingError, match=r"url: http://10\.1\.2\.3:8000/v1 is not encrypted, so the key would travel in the open\. Use https") as caught:
        Client(Endpoint("http://10.1.2.3:8000/v1", "m", max_tokens=1, seed=0)).complete(["a"])
    assert KEY not in str(caught.value)


@pytest.mark.parametrize("bad", ["sk-one\nsk-two", "sk one", "sk-größe", "sk-\x7f"])
def test_a_key_that_no_header_can_carry(server, monkeypatch, bad):
    monkeypatch.setenv("OPENAI_API_KEY", bad)
    with pytest.raises(SettingError, match=r"OPENAI_API_KEY holds a blank, a line break or a special letter, which no key has\. Copy the key again") as caught:
        client(server).complete(["a"])
    assert bad not in str(caught.value) and not server.asked


@pytest.mark.parametrize("spelling", [KEY, json.dumps({"header": f"Bearer {KEY}"}), f"<b>{KEY}</b>", "x" * 195 + KEY, " " * 1990 + KEY])
def test_a_key_that_comes_back_stands_in_no_error(server, spelling):
    for reply in (status(401, spelling.encode()), status(500, spelling.encode()), raw(spelling.encode())):
        server.usual = reply
        said = failing(server, retries=1)
        assert KEY not in said and KEY[:8] not in said


def test_a_key_with_quotes_is_masked_in_json_too(server, monkeypatch):
    monkeypatch.setenv("OPENAI_API_KEY", 'sk-"quoted"\\key')
    server.usual = status(401, json.dumps({"you": 'sk-"quoted"\\key'}).encode())
    assert "quoted" not in failing(server)


def test_a_key_stands_in_no_repr_and_no_file(server, tmp_path):
    server.usual = well(f"The header was Bearer {KEY}.")
    asking = client(server, cache=tmp_path)
    (answer,) = asking.complete(["What was the header?"])
    assert answer.text == "The header was Bearer ***."
    shown = [repr(value) for value in (asking, asking.endpoint, asking.meter, vars(asking), vars(asking._wire), answer)]
    files = [path.read_text() for path in tmp_path.rglob("*") if path.is_file()]
    assert len(files) == 1 and not any(KEY in text for text in shown + files)


def test_a_short_placeholder_is_no_secret_that_answers_lose(server, monkeypatch):
    monkeypatch.setenv("OPENAI_API_KEY", "EMPTY")
    assert client(server).complete(["Say EMPTY."])[0].text == "Say EMPTY."


def test_the_proxy_of_the_environment_is_not_for_this_machine(server, monkeypatch):
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:9")
    assert client(server).complete(["a"])[0].text == "a"
    with pytest.raises(DataError, match="no connection"):
        Client(Endpoint("http://far.example.org/v1", "m", max_tokens=1, seed=0, retries=0, key_from=None), clock=Time().clock).complete(["a"])


# The cache


def test_a_second_client_asks_nothing_and_needs_no_key(server, tmp_path, monkeypatch):
    first = client(server, cache=tmp_path).complete(["a", "b"])
    monkeypatch.delenv("OPENAI_API_KEY")
    asking = client(server, cache=tmp_path)
    second = asking.complete(["b", "a"])
    assert [answer.text for answer in second] == ["b", "a"] and all(answer.cached for answer in second) and not any(answer.cached for answer in first)
    assert len(server.asked) == 2 and (asking.meter.calls, asking.meter.cached) == (0, 2)
    for path in tmp_path.rglob("*.json"):
        assert path.parent.name == path.stem[:2] and len(path.stem) == 64 and path.parent.parent == tmp_path


def test_a_run_that_stopped_asks_for_the_rest_only(server, tmp_path):
    server.replies = [well(), well(), status(400)]
    with pytest.raises(DataError, match="400"):
        client(server, cache=tmp_path, concurrency=1).complete(["a", "b", "c", "d"])
    answers = client(server, cache=tmp_path, concurrency=1).complete(["a", "b", "c", "d"])
    assert [answer.cached for answer in answers] == [True, True, False, False]
    assert [body["messages"][0]["content"] for _, _, body in server.asked] == ["a", "b", "c", "c", "d"]


def damaged(content: bytes) -> dict[str, bytes]:
    told = json.loads(content)
    return {
        "cut": content[: len(content) // 2],
        "empty": b"",
        "other text": content.replace(b'"fine"', b'"fake"'),
        "no check": json.dumps({name: value for name, value in told.items() if name != "check"}).encode(),
        "a list": b"[1, 2]",
        "no text": b"\xff\x00\xff",
        "nested": b"[" * 100_000,
    }


@pytest.mark.parametrize("damage", damaged(b'{"text": "fine", "check": ""}'))
def test_a_damaged_file_is_asked_anew_and_mended(server, tmp_path, damage):
    server.usual = well("fine")
    client(server, cache=tmp_path).complete(["a"])
    (path,) = tmp_path.rglob("*.json")
    whole = path.read_bytes()
    path.write_bytes(damaged(whole)[damage])
    (answer,) = client(server, cache=tmp_path).complete(["a"])
    assert answer.text == "fine" and not answer.cached and len(server.asked) == 2 and path.read_bytes() == whole
    assert [found for found in tmp_path.rglob("*") if found.is_file()] == [path]


def test_the_answer_to_another_request_is_not_taken(server, tmp_path):
    client(server, cache=tmp_path).complete(["a"])
    (path,) = tmp_path.rglob("*.json")
    client(server, cache=tmp_path).complete(["b"])
    (other,) = set(tmp_path.rglob("*.json")) - {path}
    other.write_bytes(path.read_bytes())
    assert client(server, cache=tmp_path).complete(["b"])[0].text == "b"


@pytest.mark.parametrize("change", [{"temperature": 0.5}, {"max_tokens": 21}, {"seed": 8}])
def test_other_settings_are_other_requests(server, tmp_path, change):
    client(server, cache=tmp_path).complete(["a"])
    assert not client(server, cache=tmp_path, **change).complete(["a"])[0].cached
    unlike = Client(Endpoint(server.url, "large", max_tokens=20, seed=7, cache=tmp_path))
    assert not unlike.complete(["a"])[0].cached


def test_what_does_not_change_the_answer_is_the_same_request(server, tmp_path):
    client(server, cache=tmp_path).complete(["a"])
    same = Endpoint(f"{server.url}/", "small", max_tokens=20, seed=7, temperature=0, cache=tmp_path, concurrency=1, retries=0, timeout=1, key_from=None)
    assert Client(same).complete(["a"])[0].cached


def test_samples_differ_and_are_kept(server, tmp_path):
    asking = client(server, cache=tmp_path, temperature=1.0)
    for sample in (0, 1, 2, 1):
        asking.complete(["a"], sample=sample)
    assert [body["seed"] for _, _, body in server.asked] == [7, 8, 9] and asking.meter.cached == 1
    assert not client(server, cache=tmp_path, temperature=1.0, seed=8).complete(["a"])[0].cached


def test_without_temperature_there_is_one_answer(server):
    asking = client(server, temperature=0.0)
    asking.complete(["a"], sample=3)
    assert server.asked[0][2]["seed"] == 7


def test_a_cache_that_cannot_be_written(server, tmp_path):
    (tmp_path / "file").write_text("no folder")
    with pytest.raises(OutputError, match=r"cannot be written \(Not a directory\)"):
        client(server, cache=tmp_path / "file").complete(["a"])


# Limits of a minute


def test_requests_keep_their_pace(server):
    clock = Time()
    client(server, clock, requests_per_minute=30, concurrency=1).complete(["a", "b", "c", "d"])
    assert clock.waits == pytest.approx([2, 2, 2])


def test_tokens_are_estimated_and_then_corrected(server):
    """40 characters and 20 tokens of answer are 30 estimated; 14 were used. At 60 a minute the next may come after 14 seconds."""
    clock = Time()
    client(server, clock, tokens_per_minute=60, concurrency=1).complete(["a" * 40, "b" * 40, "c" * 40])
    assert clock.waits == pytest.approx([14, 14])


def test_a_try_that_fails_takes_its_share_too(server):
    server.replies, clock = [status(500)], Time()
    client(server, clock, requests_per_minute=1, concurrency=1).complete(["a"])
    assert sum(clock.waits) == pytest.approx(60)


@given(gaps=st.lists(st.floats(0, 30), min_size=1, max_size=60), limit=st.integers(1, 40))
def test_no_minute_sees_more_than_its_share(gaps, limit):
    clock, sent = [0.0], list[float]()
    bucket = Bucket(limit, lambda: clock[0])
    for gap in gaps:
        clock[0] += gap
        sent.append(clock[0] + bucket.take(1))
    assert sent == sorted(sent)
    for begin in sent:
        assert sum(begin <= moment < begin + 60 - 1e-6 for moment in sent) <= limit


# The meter


def test_money_by_prices(server, tmp_path):
    asking = client(server, cache=tmp_path, prices=Prices(input=2.0, output=10.0))
    asking.complete(["a", "b"])
    meter = asking.meter
    assert (meter.calls, meter.prompt_tokens, meter.completion_tokens) == (2, 22, 6) and meter.money == pytest.approx((22 * 2 + 6 * 10) / 1e6)
    assert meter.per_thousand(4) == pytest.approx((7000.0, 0.0, 0.026))


def test_a_run_that_went_on_costs_as_much_per_thousand(server, tmp_path):
    whole = client(server, prices=Prices(1.0, 1.0))
    whole.complete(["a", "b"])
    client(server, cache=tmp_path).complete(["a"])
    rest = client(server, cache=tmp_path, prices=Prices(1.0, 1.0))
    rest.complete(["a", "b"])
    assert rest.meter.per_thousand(2) == whole.meter.per_thousand(2) and rest.meter.money == pytest.approx(14e-6)


def test_without_prices_there_is_no_money(server):
    asking = client(server)
    asking.complete(["a"])
    assert asking.meter.money is None and asking.meter.per_thousand(1).money is None and asking.meter.per_thousand(1).tokens == 14_000


def test_counts_are_right_from_many_threads():
    meter, before = Meter(), sys.getswitchinterval()
    answer = Answer("", 2, 1, 0.5, cached=False, finish_reason="stop")
    threads = [threading.Thread(target=lambda: [meter.add(answer) for _ in range(500)]) for _ in range(8)]
    sys.setswitchinterval(1e-6)
    try:
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    finally:
        sys.setswitchinterval(before)
    assert meter.calls == 4000 and meter.asked == (8000, 4000, 2000.0)


def test_tokens_are_a_quarter_of_the_characters():
    assert [tokens_in(""), tokens_in("abcd"), tokens_in("abcde"), tokens_in("ab", "cd")] == [0, 1, 2, 1]


# Dry runs


def test_a_dry_run_sends_nothing_and_shows_everything(server, monkeypatch, tmp_path):
    monkeypatch.delenv("OPENAI_API_KEY")
    shown: list[Preview] = []
    talk = [{"role": "system", "content": "You rank."}, {"role": "user", "content": "These."}]
    asking = client(server, show=shown.append, dry_run=True, prices=Prices(4.0, 100.0), cache=tmp_path)
    answers = asking.complete(["a" * 40, talk, "a" * 40])
    assert not server.asked and list(tmp_path.iterdir()) == []
    assert answers[0] == answers[2] == Answer("", 10, 20, 0.0, cached=False, finish_reason="dry run", estimated=True) and answers[1].text == ""
    assert [preview.text for preview in shown] == ["a" * 40, "system: You rank.\n\nuser: These."] and shown[0].tokens == 30
    assert shown[0].money == pytest.approx((10 * 4 + 20 * 100) / 1e6)
    meter = asking.meter
    assert (meter.calls, meter.estimated, meter.prompt_tokens, meter.completion_tokens) == (2, 2, 14, 40)
    assert meter.money == pytest.approx(sum(preview.money or 0 for preview in shown))
    assert asking.complete(["a" * 40, "new"])[0] == answers[0] and [preview.text for preview in shown][2:] == ["new"] and meter.calls == 3


def test_a_dry_run_needs_neither_callback_nor_network():
    asking = Client(Endpoint("https://api.example.org/v1", "m", max_tokens=3, seed=0, dry_run=True))
    assert [answer.finish_reason for answer in asking.complete(["a", "b"])] == ["dry run"] * 2 and asking.meter.money is None


# What users can do wrong


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"url": ""}, "url is missing: give the base of the endpoint, such as https://api.openai.com/v1."),
        ({"url": None}, "url is missing"),
        ({"url": "https://me:pass@api.example.org/v1"}, "url holds a name or password before the @: take it out, and put the key in"),
        ({"url": "https://pass@api.example.org/v1"}, "url holds a name or password"),
        ({"url": "https://api.example.org/v1?api-key=pass"}, "url holds a query or a fragment (what follows ? or #): take it out"),
        ({"url": "https://api.example.org/v1#pass"}, "url holds a query or a fragment"),
        ({"url": "https://api.example.org/v1?"}, "url holds a query or a fragment"),
        ({"url": "ftp://api.example.org/v1"}, "url has the scheme 'ftp'; http and https are known"),
        ({"url": "api.example.org/v1"}, "url has the scheme ''; http and https are known"),
        ({"url": "file:///etc/passwd"}, "url has the scheme 'file'"),
        ({"url": "https:///v1"}, "url has no host"),
        ({"url": "https://api.example.org/v 1"}, "url has no host, or a blank or a special letter"),
        ({"url": "https://api.example.org/v1\n"}, "url has no host, or a blank or a special letter"),
        ({"url": "https://api.example.org:99999/v1"}, "url cannot be read, since its host or port is none"),
        ({"url": "https://[::1/v1"}, "url cannot be read"),
        ({"url": "https://a..b/v1"}, "url cannot be read"),
        ({"url": "https://api.example.org/v1/chat/completions/"}, "url ends in /chat/completions, which is added by itself: leave it out."),
        ({"model": ""}, "model is missing: give the name that the server knows"),
        ({"model": " "}, "model is missing"),
        ({"model": "a\nb"}, "model is missing"),
        ({"key_from": KEY}, "key_from takes the name of an environment variable in capitals, such as OPENAI_API_KEY, and never the key itself."),
        ({"key_from": "gsk_0a1b2c3d4e5f"}, "key_from takes the name of an environment variable"),
        ({"key_from": ""}, "key_from takes the name"),
        ({"max_tokens": 0}, "max_tokens: 0 does not fit; it takes a whole number from 1 to 1000000."),
        ({"max_tokens": True}, "max_tokens: True does not fit"),
        ({"max_tokens": 2.5}, "max_tokens: 2.5 does not fit"),
        ({"seed": -1}, "seed: -1 does not fit; it takes a whole number from 0 to 2147483647."),
        ({"seed": None}, "seed: None does not fit"),
        ({"temperature": 2.1}, "temperature: 2.1 does not fit; it takes a number from 0 to 2."),
        ({"temperature": float("nan")}, "temperature: nan does not fit"),
        ({"temperature": "0"}, "temperature: '0' does not fit"),
        ({"concurrency": 0}, "concurrency: 0 does not fit; it takes a whole number from 1 to 256."),
        ({"requests_per_minute": 0}, "requests_per_minute: 0 does not fit"),
        ({"tokens_per_minute": -1}, "tokens_per_minute: -1 does not fit"),
        ({"retries": -1}, "retries: -1 does not fit; it takes a whole number from 0 to 100."),
        ({"timeout": 0}, "timeout: 0 does not fit; it takes a number from 0.001 to 3600."),
        ({"timeout": float("inf")}, "timeout: inf does not fit"),
        ({"cache": "folder"}, "cache: 'folder' does not fit; it takes a Path or None."),
        ({"prices": (1, 2)}, "prices: (1, 2) does not fit; it takes Prices or None."),
        ({"dry_run": "no"}, "dry_run: 'no' does not fit; it takes True or False."),
        ({"dry_run": None}, "dry_run: None does not fit"),
    ],
)
def test_a_setting_that_does_not_fit(change, words):
    given = {"url": "https://api.example.org/v1", "model": "m", "max_tokens": 5, "seed": 0} | change
    with pytest.raises(SettingError) as caught:
        Endpoint(given.pop("url"), given.pop("model"), **given)
    said = str(caught.value)
    assert words in said and "pass@" not in said and "=pass" not in said and "#pass" not in said and KEY not in said and "gsk_" not in said


@pytest.mark.parametrize(
    ("prompts", "words"),
    [
        ("one prompt", "prompts must be a list of prompts, not str. Put a single prompt in a list."),
        (b"bytes", "prompts must be a list of prompts, not bytes"),
        ({"role": "user", "content": "a"}, "prompts must be a list of prompts, not dict"),
        (iter(["a"]), "prompts must be a list of prompts, not list_iterator"),
        ([{"role": "user", "content": "a"}], "prompts[0] must be text or a list of messages with role and content, not a dict."),
        (["a", 3], "prompts[1] must be text or a list of messages with role and content, not a int."),
        (["a", None], "prompts[1] must be text or a list of messages with role and content, not a NoneType."),
        (["a", []], "prompts[1] must be text or a list of messages with role and content, not an empty list."),
        ([["a"]], "prompts[0], message 0: give a dictionary with role and content, and nothing else."),
        ([[{"role": "user"}]], "prompts[0], message 0: give a dictionary with role and content"),
        ([[{"role": "user", "content": "a", "name": "me"}]], "prompts[0], message 0: give a dictionary with role and content, and nothing else."),
        ([[{"role": "sistem", "content": "a"}]], "prompts[0], message 0: the role 'sistem' is not known; did you mean 'system'?"),
        ([[{"role": ["user"], "content": "a"}]], "prompts[0], message 0: the role ['user'] is not known"),
        (["a", ""], "prompts[1], message 0: the content must be text that is not empty."),
        ([" \n"], "prompts[0], message 0: the content must be text that is not empty."),
        ([[{"role": "user", "content": None}]], "prompts[0], message 0: the content must be text"),
        (["a\udfffb"], "prompts[0], message 0: the content holds half a surrogate pair, which is no character. Read the text again"),
    ],
)
def test_a_prompt_that_is_none_is_refused_before_anything_is_sent(server, prompts, words):
    with pytest.raises(SettingError) as caught:
        client(server).complete(prompts)
    assert words in str(caught.value) and not server.asked


@pytest.mark.parametrize("sample", [-1, 1.0, True, None])
def test_a_sample_that_is_no_number(server, sample):
    with pytest.raises(SettingError, match=r"sample: .* does not fit; it takes a whole number from 0"):
        client(server).complete(["a"], sample=sample)


@pytest.mark.parametrize(("given", "words"), [((-1, 1), "Prices.input: -1"), ((1, float("inf")), "Prices.output: inf"), (("1", 1), "Prices.input: '1'")])
def test_a_price_that_is_none(given, words):
    with pytest.raises(SettingError, match=f"{words} is no price; give money for a million tokens, 0 or more"):
        Prices(*given)


@pytest.mark.parametrize("count", [0, -3, 2.0, True])
def test_a_thousand_of_nothing(count):
    with pytest.raises(SettingError, match=r"per_thousand: .* recommendations; give how many were made from the answers, 1 or more\."):
        Meter().per_thousand(count)


@pytest.mark.parametrize(
    ("url", "here"),
    [("http://localhost:8000/v1", True), ("http://127.8.9.10/v1", True), ("http://[::1]:80/v1", True), ("http://localhost.example.org", False),
     ("http://127.0.0.1.example.org", False), ("http://10.0.0.1", False), ("http://0.0.0.0", False)],
)  # fmt: skip
def test_which_servers_are_on_this_machine(url, here):
    assert is_loopback(check_url(url)) is here


def test_a_url_has_one_spelling():
    assert check_url("HTTPS://API.Example.org/v1/") == "https://api.example.org/v1"
    assert Endpoint("http://LOCALHOST/", "m", max_tokens=1, seed=0).url == "http://localhost"
