"""A job: its key, and what a folder says of it."""

import json
import signal
from dataclasses import replace
from pathlib import Path

import polars as pl
import pytest

import tastelm
from tastelm.data.dataset import Dataset
from tastelm.data.split import split
from tastelm.errors import DataError, OutputError, RunError, SettingError
from tastelm.jobs import Job, finished, run_job
from tastelm.runs import is_run
from tastelm.systems.catalogue import system
from tastelm.testing import circle
from tastelm.train.progress import Silent

EASE, SASREC = system("ease"), system("sasrec")
TINY = {"dim": 8, "layers": 1, "heads": 1, "max_len": 6}


def job(**changes: object) -> Job:
    return replace(Job(EASE.create(), split(circle(20)), "10m", 0), **changes)


def test_the_key_does_not_change_by_itself() -> None:
    assert job().key == job().key
    assert len(job().key) == 16


@pytest.mark.parametrize(
    "other",
    [
        job(system=EASE.create({"l2": 3})),
        job(system=system("popularity").create()),
        job(split=split(circle(21))),
        job(split=split(circle(20), "ratio")),
        job(split=split(circle(20), seed=1)),
        job(budget="20m"),
        job(budget=None),
        job(seed=1),
    ],
    ids=["setting", "system", "data", "protocol", "split seed", "budget", "no budget", "seed"],
)
def test_the_key_changes_with_whatever_decides_the_result(other: Job) -> None:
    assert other.key != job().key


def test_the_key_changes_with_the_version(monkeypatch: pytest.MonkeyPatch) -> None:
    before = job().key
    monkeypatch.setattr(tastelm, "__version__", "99.0")
    assert job().key != before


def test_the_key_does_not_change_with_the_name_of_the_data() -> None:
    data = circle(20)
    assert job(split=split(replace(data, name="copy"))).key == job(split=split(data)).key


@pytest.mark.parametrize(("change", "message"), [
    ({"budget": "soon"}, r"budget: 'soon' is not a length of training"),
    ({"budget": ""}, r"budget: '' is not a length"),
    ({"budget": 10}, r"budget: '10' is not a length"),
    ({"seed": -1}, r"seed: -1 does not fit; it takes a whole number from 0"),
    ({"seed": 1.5}, r"seed: 1.5 does not fit"),
    ({"seed": True}, r"seed: True does not fit"),
])  # fmt: skip
def test_a_job_that_cannot_be_is_refused_before_it_is_run(change: dict[str, object], message: str) -> None:
    with pytest.raises(SettingError, match=message):
        job(**change)


def test_an_empty_folder_is_not_finished(tmp_path: Path) -> None:
    assert not finished(job(), tmp_path)
    assert not finished(job(), tmp_path / "nowhere")


def test_a_finished_job_is_loaded_and_another_is_refused(tmp_path: Path) -> None:
    model = run_job(job(), tmp_path)
    assert finished(job(), tmp_path)
    before = {path: path.stat().st_mtime_ns for path in tmp_path.iterdir()}
    assert run_job(job(), tmp_path).recommend(["1"], 3) == model.recommend(["1"], 3)
    assert {path: path.stat().st_mtime_ns for path in tmp_path.iterdir()} == before
    with pytest.raises(OutputError, match=r"holds a run of ease on circle with other settings, seed or data\. Choose another --out, or delete the folder\."):
        finished(job(seed=1), tmp_path)


def test_an_unfinished_job_is_gone_on_with_and_another_is_refused(tmp_path: Path) -> None:
    mine = Job(SASREC.create(TINY), split(circle(20)), "20steps", 0)

    class Stop(Silent):
        def stepped(self, step: int, targets: int, used: float, loss: float) -> None:
            if step == 10:
                signal.raise_signal(signal.SIGINT)

    with pytest.raises(KeyboardInterrupt):
        run_job(mine, tmp_path, watch=Stop())
    assert not finished(mine, tmp_path)
    for other in (replace(mine, seed=1), replace(mine, budget="30steps"), job()):
        with pytest.raises(OutputError, match=r"holds the unfinished training of another command\. Choose another --out, or delete the folder\."):
            finished(other, tmp_path)
    begun: list[int] = []

    class Listen(Silent):
        def begin(self, stage: str, step: int) -> None:
            begun.append(step)

    model = run_job(mine, tmp_path, watch=Listen())
    assert begun == [10]
    assert not (tmp_path / "checkpoint").exists()
    assert model.about["metrics"]["fit"]["stages"][0]["steps"] == 20


def test_a_damaged_claim_is_refused(tmp_path: Path) -> None:
    (tmp_path / "checkpoint").mkdir()
    for content in ('{"key"', "[]", "{}"):
        (tmp_path / "checkpoint" / "job.json").write_text(content)
        with pytest.raises(RunError, match=r"job\.json: the file is damaged\. Delete .* to begin the training again\."):
            finished(job(), tmp_path)


def test_what_fails_before_anything_is_trained_leaves_the_folder_free(tmp_path: Path) -> None:
    rows = [(user, item, float(at)) for user in "ab" for at, item in enumerate("wxyz")]
    text = split(Dataset.build(pl.DataFrame(rows, schema=["user", "item", "time"], orient="row")))
    with pytest.raises(DataError, match="'w' is not a whole number"):
        run_job(Job(system("next-integer").create(), text), tmp_path / "run")
    assert not (tmp_path / "run").exists()
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "notes.txt").write_text("keep me")
    with pytest.raises(DataError, match="'w' is not a whole number"):
        run_job(Job(system("next-integer").create(), text), tmp_path / "mine")
    assert [path.name for path in (tmp_path / "mine").iterdir()] == ["notes.txt"]
    run_job(Job(system("popularity").create(), text), tmp_path / "mine")


def test_without_a_folder_nothing_is_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    model = run_job(job())
    assert not any(tmp_path.iterdir())
    assert set(model.about["metrics"]) == {"valid", "test", "fit"}


def test_the_metrics_say_how_the_training_went(tmp_path: Path) -> None:
    run_job(job(), tmp_path)
    assert is_run(tmp_path)
    fit = json.loads((tmp_path / "metrics.json").read_bytes())["fit"]
    assert fit["seconds"] >= 0 and fit["peak_mib"] > 0 and fit["parameters"] == 400
    assert [stage["name"] for stage in fit["stages"]] == ["solve"]
