"""llm-rerank with lists: of a model that is read here, and of one behind an endpoint, whose key is written nowhere."""

import json
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from cli.running import done
from plm.test_endpoint import KEY, Handler, Server, status, well

import tastelm as tl
from tastelm.data.dataset import Dataset
from tastelm.errors import DataError, SettingError
from tastelm.over_time import Rolling
from tastelm.settings import decisive
from tastelm.systems.catalogue import system
from tastelm.testing import CHECKS, SMALL, circle
from tastelm.text.segments import plain

RERANK = system("llm-rerank")
LISTS = {"answers": "list", "window": 3, "shuffles": 1, "batch": 64}
QUICK = {"metrics": "hr@1 ndcg@10", "cases": 4}


def ranks(handler: Handler) -> None:
    """Answers with the candidates from the highest number to the lowest."""
    shown = handler.body["messages"][-1]["content"].split("items:\n")[1].split("\n\n")[0].split("\n")
    titles = sorted((line.split(". ", 1)[1] for line in shown), key=lambda title: -int(title.split()[1]))
    well("\n".join(f"{place}. {title}" for place, title in enumerate(titles, 1)))(handler)


@pytest.fixture
def server() -> Iterator[Server]:
    served = Server()
    served.usual = ranks
    thread = threading.Thread(target=served.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield served
    served.closing.set()
    served.shutdown()
    thread.join()
    served.server_close()


@pytest.fixture(autouse=True)
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("TASTELM_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("OPENAI_API_KEY", KEY)
    return tmp_path


@pytest.fixture(scope="module")
def data() -> Dataset:
    return circle(12)


def asked(server: Server, **more: object) -> dict[str, object]:
    return {"model": "endpoint:toy", "url": server.url, "answers": "list", "window": 5, "shuffles": 2, **more}


@pytest.mark.parametrize("check", ["is_deterministic", "survives_saving", "bears_odd_histories", "ends_with_the_catalogue", "leaves_out", "ignores_the_batch"])
def test_lists_of_a_model_that_is_read_here_keep_the_contract(check: str) -> None:
    CHECKS[check](RERANK, LISTS)


def test_the_templates_follow_what_is_asked_for() -> None:
    split = tl.split(circle(12))
    for answers, template, name in (("letters", "", "listwise"), ("list", "", "sequential"), ("list", "recency", "recency")):
        settled = RERANK.create({"answers": answers, "template": template} if template else {"answers": answers}).settle(split)
        assert json.loads(settled.config.prompt)["name"] == name and settled.config.family and settled.config.template


def test_the_list_of_an_endpoint_decides_and_its_cost_is_told(server: Server, data: Dataset, place: Path) -> None:
    board = tl.compare(data, "popularity,llm-rerank", set={f"llm-rerank.{name}": value for name, value in asked(server, price_read=2.0).items()},
                       protocol="uniform-6", cases=5, out=place / "out")  # fmt: skip
    row = board.row("llm-rerank")
    assert "error" not in row
    # 11 tokens read and 3 written, as the server says, for each of 5 questions in 2 orders.
    assert row["cost"]["tokens"] == pytest.approx(1000 * 2 * 14) and row["cost"]["money"] == pytest.approx(1000 * 2 * 11 * 2 / 1e6)
    said = (place / "out" / "leaderboard.md").read_text()
    assert "| tokens/1k | s/1k | $/1k |" in said and "28,000" in said and "0.0440" in said
    (run,) = (place / "out" / "runs").glob("llm-rerank-*")
    model = tl.load(run)
    best = [int(entry.title.split()[1]) for entry in model.recommend(["3", "4"], 5, keep_seen=True) if entry.title]
    assert best == sorted(best, reverse=True)
    written = b"".join(path.read_bytes() for path in place.rglob("*") if path.is_file())
    assert KEY.encode() not in written and b"OPENAI_API_KEY" in written


def test_what_was_answered_is_not_asked_again(server: Server, data: Dataset, place: Path) -> None:
    first = tl.fit("llm-rerank", data, set=asked(server), out=place / "one")
    count = len(server.asked)
    again = tl.fit("llm-rerank", data, set=asked(server, price_written=1.0), out=place / "two")
    assert count > 0 and len(server.asked) == count
    costs = [model.about["metrics"]["test"]["cost"] for model in (first, again)]
    assert costs[0]["tokens"] == costs[1]["tokens"] and costs[0]["seconds"] == pytest.approx(costs[1]["seconds"]), "what is on disk costs what it did"
    assert costs[0]["money"] is None and costs[1]["money"] > 0
    tl.fit("llm-rerank", data, set=asked(server, answers_in=str(place / "elsewhere")), out=place / "three")
    assert len(server.asked) == 2 * count and any((place / "elsewhere").iterdir())


def test_the_temperature_is_sent_along_and_other_answers_are_kept_for_it(server: Server, data: Dataset, place: Path) -> None:
    tl.fit("llm-rerank", data, set=asked(server), out=place / "likeliest")
    assert {body["temperature"] for _, _, body in server.asked} == {0.0}
    count = len(server.asked)
    tl.fit("llm-rerank", data, set=asked(server, temperature=0.7), out=place / "freely")
    assert len(server.asked) == 2 * count and {body["temperature"] for _, _, body in server.asked[count:]} == {0.7}


def test_no_more_tokens_are_used_in_a_minute_than_the_setting_says(server: Server, data: Dataset) -> None:
    began = time.perf_counter()
    tl.fit("llm-rerank", data, set=asked(server, tokens_per_minute=30_000, concurrency=1))
    used = 14 * (len(server.asked) - 1)  # the server counts 14 for each; the last has nobody to wait for it
    assert len(server.asked) > 10 and time.perf_counter() - began >= used / 30_000 * 60 * 0.99


def test_settings_that_came_later_leave_the_keys_of_stored_results_alone() -> None:
    usual = decisive(RERANK.create({"answers": "list", "model": "endpoint:toy"}).config)
    assert not {"temperature", "tokens_per_minute"} & set(usual)
    assert decisive(RERANK.create({"answers": "list", "model": "endpoint:toy", "temperature": "0.5"}).config) == {**usual, "temperature": 0.5}


@pytest.mark.parametrize(("name", "value"), [("temperature", "-0.1"), ("temperature", "2.1"), ("temperature", "hot"), ("tokens_per_minute", "-1")])
def test_temperatures_and_rates_have_bounds(name: str, value: str) -> None:
    with pytest.raises(SettingError, match=rf"llm-rerank\.{name}: '{value}' does not fit .*; it takes a"):
        RERANK.create({name: value})


def test_nothing_is_asked_twice_for_an_answer_that_lacks_the_target(server: Server, data: Dataset, place: Path) -> None:
    server.usual = well("I would not know.")
    tl.fit("llm-rerank", data, set=asked(server), out=place / "run")
    bodies = [json.dumps(body) for _, _, body in server.asked]
    assert bodies and len(set(bodies)) == len(bodies)


def test_a_dry_run_prints_the_prompts_once_and_what_they_would_cost_and_has_no_result(
    server: Server, data: Dataset, place: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    model = tl.fit("llm-rerank", data, set=asked(server, dry_run=True, price_read=1.0, answer_tokens=50), out=place / "run")
    said = capsys.readouterr().out
    prompts, told = said.count("A person went through these items"), model.about["metrics"]["dry_run"]
    assert not server.asked and prompts == said.count("--- at most") == told["prompts"] > 12 and "in the currency of the prices" in said
    assert said.endswith(f"llm-rerank: dry run, nothing was asked: {prompts} prompts, at most {told['tokens']:,} tokens, "
                         f"{told['money']:.4f} in the currency of the prices.\n") and told["money"] > 0  # fmt: skip
    assert model.about["metrics"].keys() == {"dry_run"} and not (place / "run").exists()
    tl.fit("llm-rerank", data, set=asked(server))
    assert len(server.asked) == prompts, "what the dry run counts is what is asked"
    with pytest.raises(SettingError, match=r"llm-rerank\.dry_run: nothing is asked in a dry run, so there is nothing to judge"):
        tl.evaluate(model, data)


def test_a_dry_run_has_no_row_in_a_comparison(server: Server, data: Dataset, place: Path, capsys: pytest.CaptureFixture[str]) -> None:
    settings = {f"llm-rerank.{name}": value for name, value in asked(server, dry_run=True).items()}
    alone = tl.compare(data, "llm-rerank", set=settings, out=place / "alone", **QUICK)
    assert not alone.rows and not (place / "alone").exists() and "llm-rerank: dry run, nothing was asked: " in capsys.readouterr().out
    board = tl.compare(data, "popularity,llm-rerank", set=settings, out=place / "both", **QUICK)
    assert [row["system"] for row in board.rows] == ["popularity"] and not server.asked
    assert (place / "both" / "report.html").exists() and "llm-rerank" not in (place / "both" / "leaderboard.json").read_text()
    settings["llm-rerank.dry_run"] = False
    board = tl.compare(data, "popularity,llm-rerank", set=settings, out=place / "both", **QUICK)
    assert {row["system"] for row in board.rows} == {"popularity", "llm-rerank"} and server.asked


def test_a_dry_run_on_the_command_line_says_that_nothing_is_written(server: Server, data: Dataset, place: Path) -> None:
    data.interactions.write_csv(place / "interactions.csv")
    assert data.items is not None
    data.items.write_csv(place / "items.csv")
    options = [word for name, value in asked(server, dry_run="true").items() for word in ("--set", f"{name}={value}")]
    fitted = done("fit", "llm-rerank", "--data", place, "--out", place / "run", *options).out
    compared = done("compare", "--systems", "llm-rerank", "--data", place, "--out", place / "board", *options).out
    assert "Nothing is written. Leave dry_run out to ask." in fitted and "Nothing is written, as every system was a dry run" in compared
    assert not (place / "run").exists() and not (place / "board").exists() and not server.asked


def test_a_dry_run_is_not_led_through_windows_of_time(server: Server) -> None:
    with pytest.raises(SettingError, match=r"label\.dry_run: nothing is asked in a dry run, so there is nothing to average"):
        Rolling((), {"label": RERANK.create(asked(server, dry_run=True))}, ())


def test_a_prompt_can_be_looked_at(server: Server, data: Dataset, place: Path) -> None:
    found = tl.show_prompt("llm-rerank", data, "u3", set=asked(server, template="in-context"))
    assert "The right suggestion after them was: Number" in plain(found.prompt) and found.context is None and found.tokens > 20 and not server.asked
    data.interactions.write_csv(place / "interactions.csv")
    assert data.items is not None
    data.items.write_csv(place / "items.csv")
    options = [word for name, value in asked(server).items() for word in ("--set", f"{name}={value}")]
    assert "tokens, estimated, for u3, of whom" in done("prompt", "show", "llm-rerank", "--data", place, "--user", "u3", *options).out


def test_an_endpoint_that_refuses_fails_its_row_alone(server: Server, data: Dataset, place: Path) -> None:
    server.usual = status(401, b'{"error": {"message": "no such key"}}')
    board = tl.compare(data, "popularity,llm-rerank", set={f"llm-rerank.{name}": value for name, value in asked(server).items()}, out=place, **QUICK)
    assert "error" not in board.row("popularity")
    error = board.row("llm-rerank")["error"]
    assert "the server answers 401 (Unauthorized), saying 'no such key'. Put a key that may use the model in OPENAI_API_KEY." in error
    assert KEY not in (place / "leaderboard.json").read_text()


def test_what_an_endpoint_cannot_do_is_refused_before_it_is_asked(server: Server, data: Dataset, place: Path) -> None:
    for settings, message in (
        (asked(server, answers="letters"), r"llm-rerank.answers: endpoint:toy tells no probabilities of letters; give --set answers=list\."),
        (asked(server, key_from="sk-abc"), r"llm-rerank.key_from takes the name of an environment variable in capitals"),
        (asked(server, url="ftp://x"), r"llm-rerank.url has the scheme 'ftp'"),
        (asked(server, model="endpoint:"), r"llm-rerank.model is missing: give the name that the server knows"),
    ):
        with pytest.raises(SettingError, match=message):
            tl.fit("llm-rerank", data, set=settings, out=place / "run")
    with pytest.raises(SettingError, match="model: endpoint:toy only writes texts"):
        tl.fit("lm-zeroshot", data, set={"model": "endpoint:toy"}, out=place / "run")
    assert not server.asked and not (place / "run").exists()


def test_letters_need_a_template_that_asks_for_one(data: Dataset, place: Path) -> None:
    with pytest.raises(SettingError, match="template 'sequential' does not fit: its target must hold one slot, of the kind text"):
        tl.fit("llm-rerank", data, set={"model": SMALL["model"], "family": "rerank", "template": "sequential"}, out=place / "run")
    with pytest.raises((SettingError, DataError), match="template 'pointwise' does not fit"):
        tl.fit("llm-rerank", data, set={"model": SMALL["model"], "template": "pointwise"}, out=place / "run")
