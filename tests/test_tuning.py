"""The search: what is tried, what is kept, and that an interrupted one ends as one that was not."""

import json
import math
import os
import signal
import subprocess
import sys
import time
import tomllib
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

import tastelm as tl
from tastelm.data.split import split
from tastelm.errors import MissingExtra, SettingError, TasteLMError
from tastelm.settings import Span, among, span
from tastelm.systems.baselines.ease import EASE
from tastelm.systems.baselines.itemknn import ItemKNN
from tastelm.systems.catalogue import system
from tastelm.testing import circle
from tastelm.train import run
from tastelm.train.budget import Budget
from tastelm.train.progress import Silent, Watch
from tastelm.tuning import Deaf, Effort, Study, Trial, Tuning, search, tune
from tastelm.tuning.proposals import Proposal, importances

DATA = circle(40)
TINY = {"dim": 8, "layers": 1, "heads": 1, "max_len": 6}


def tuning(name: str = "itemknn", *, trials: int | None = 6, **more: Any) -> Tuning:
    return Tuning(system(name), more.pop("fixed", {}), split(DATA), Effort(trials, more.pop("budget", None), more.pop("trial_budget", None)), **more)


def told(study: Study) -> list[Trial]:
    """The trials, but for how long they took."""
    return [replace(trial, seconds=0.0) for trial in study.trials]


def test_the_first_trial_has_the_defaults_and_the_best_is_the_best() -> None:
    study = tl.tune("itemknn", DATA, trials=6)
    defaults = vars(ItemKNN.Config())
    assert study.trials[0].settings == {name: defaults[name] for name in ItemKNN.card.space}
    assert all(value in ItemKNN.card.space[name] for trial in study.trials for name, value in trial.settings.items())
    assert len({str(trial.settings) for trial in study.trials}) > 3, "something else than the defaults is tried"
    assert study.value == max(trial.value for trial in study.trials if trial.value is not None)
    assert study.best == study.ranked[0].settings
    assert study.summary() | {"seconds": 0, "space": 0} == {
        "trials": 6, "pruned": 0, "failed": 0, "seconds": 0, "metric": "ndcg@10", "value": study.value, "default": study.trials[0].value, "space": 0,
    }  # fmt: skip


def test_the_value_of_a_trial_is_the_validation_score_of_a_training_with_its_settings() -> None:
    study = tl.tune("itemknn", DATA, trials=3)
    for trial in study.trials:
        assert trial.value == tl.fit("itemknn", DATA, set=trial.settings).about["metrics"]["valid"]["metrics"]["ndcg@10"]


def test_the_same_seed_tries_the_same_and_another_seed_something_else() -> None:
    assert told(tune(tuning())) == told(tune(tuning()))
    assert told(tune(tuning(seed=1)))[1:] != told(tune(tuning()))[1:]


def test_a_lower_value_is_better_where_the_metric_says_so() -> None:
    study = tune(tuning(metric="gini@10"))
    assert study.value == min(trial.value for trial in study.trials if trial.value is not None)


def test_the_folder_holds_the_study_and_settings_that_fit_takes(tmp_path: Path) -> None:
    study = tl.tune("itemknn", DATA, trials=4, set={"shrink": 5}, out=tmp_path)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["best.toml", "study.json"]
    content = json.loads((tmp_path / "study.json").read_bytes())
    assert [trial["settings"] for trial in content["trials"]] == [trial.settings for trial in study.trials]
    assert content["best"] == {"trial": study.ranked[0].number, "value": study.value, "settings": {"shrink": 5.0, **study.ranked[0].settings}}
    assert content["about"]["space"] == {name: str(where) for name, where in ItemKNN.card.space.items() if name != "shrink"}
    best = tomllib.loads((tmp_path / "best.toml").read_text())
    assert best["run"] == {"system": "itemknn"}
    assert best["settings"] == vars(ItemKNN.create(study.best).config)
    assert (best["tuning"]["value"], best["tuning"]["trials"], best["data"]["fingerprint"]) == (study.value, 4, DATA.fingerprint)
    model = tl.fit("itemknn", DATA, config=tmp_path / "best.toml")
    assert vars(model.system.config) == best["settings"]
    assert model.about["metrics"]["valid"]["metrics"]["ndcg@10"] == study.value
    assert vars(tl.fit("itemknn", DATA, config=tmp_path / "best.toml", set={"shrink": 7}).system.config)["shrink"] == 7, "what is set counts more"


def test_what_is_switched_off_is_not_tried() -> None:
    fixed = {**TINY, "weight": 0, "dropout": 0.1}
    study = tune(tuning("cl4srec", fixed=fixed, trials=2, trial_budget="2steps"))
    assert [set(trial.settings) for trial in study.trials] == [{"lr"}] * 2 and set(study.about["space"]) == {"lr"}
    assert all(trial.looks and 0 <= value <= 1 for trial in study.trials for _, value in trial.looks), "pruned by the metric, not by an objective's loss"
    with pytest.raises(SettingError, match=r"gives all that is searched, .*weight, and switches off what else is, temperature, crop, mask, similar; leave one"):
        tuning("cl4srec", fixed={**fixed, "lr": 1e-2})


def test_an_interrupted_study_ends_as_an_unbroken_one(tmp_path: Path) -> None:
    class Stop(Deaf):
        def begins(self, study: Study, effort: Effort, settings: Mapping[str, Any]) -> Watch:
            if len(study.trials) == 2:
                raise KeyboardInterrupt
            return Silent()

    unbroken = tune(tuning(trials=12), tmp_path / "unbroken")
    with pytest.raises(KeyboardInterrupt):
        tune(tuning(trials=12), tmp_path / "broken", listener=Stop())
    assert not (tmp_path / "broken" / "best.toml").exists(), "an unfinished study has no best settings yet"
    assert told(tune(tuning(trials=12), tmp_path / "broken")) == told(unbroken)
    files = [tomllib.loads((tmp_path / name / "best.toml").read_text()) for name in ("broken", "unbroken")]
    assert files[0]["settings"] == files[1]["settings"]


def test_a_finished_study_is_not_made_again_and_goes_on_with_more_trials(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    first = tune(tuning(trials=3), tmp_path)
    more = tune(tuning(trials=5), tmp_path)
    assert more.trials[:3] == first.trials and told(more) == told(tune(tuning(trials=5)))
    monkeypatch.setattr(search, "fit_system", lambda *_, **__: pytest.fail("trained again"))
    assert tune(tuning(trials=5), tmp_path) == more
    assert tune(tuning(trials=2), tmp_path).trials == more.trials, "what is there is not thrown away"


@pytest.mark.slow
def test_a_study_that_is_killed_goes_on_and_ends_as_an_unbroken_one(tmp_path: Path) -> None:
    log = tmp_path / "log.csv"
    DATA.interactions.write_csv(log)
    fixed = [word for name, value in TINY.items() for word in ("--set", f"{name}={value}")]
    command = [sys.executable, "-m", "tastelm", "tune", "sasrec", "--data", str(log), *fixed, "--trials", "5", "--trial-budget", "60steps", "--out"]
    environment = {**os.environ, "TASTELM_THREADS": "1"}
    process = subprocess.Popen([*command, str(tmp_path / "killed")], env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    place, until = tmp_path / "killed" / "study.json", time.monotonic() + 60
    while process.poll() is None and not place.exists() and time.monotonic() < until:
        time.sleep(0.005)
    process.send_signal(signal.SIGKILL)
    assert process.wait() == -signal.SIGKILL
    assert 1 <= len(json.loads(place.read_bytes())["trials"]) < 5
    stored = []
    for name in ("killed", "unbroken"):
        subprocess.run([*command, str(tmp_path / name)], env=environment, check=True, capture_output=True)
        stored.append([{**trial, "seconds": 0} for trial in json.loads((tmp_path / name / "study.json").read_bytes())["trials"]])
    assert stored[0] == stored[1]


def test_a_trial_that_fails_is_a_trial_and_the_first_one_is_not(monkeypatch: pytest.MonkeyPatch) -> None:
    usual = EASE.build
    monkeypatch.setattr(EASE, "build", lambda made, *sizes: usual(made, *sizes) if made.config.l2 == 250 else 1 / 0)
    study = tune(tuning("ease", trials=3))
    assert [trial.state for trial in study.trials] == ["finished", "failed", "failed"]
    assert {trial.reason for trial in study.trials[1:]} == {"ZeroDivisionError: division by zero"}
    assert study.best == {"l2": 250.0} and study.summary()["failed"] == 2
    monkeypatch.setattr(EASE, "build", lambda *_: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        tune(tuning("ease", trials=3))


def test_settings_that_do_not_go_together_are_a_failed_trial() -> None:
    study = tune(tuning("sasrec", trials=6, trial_budget="2steps", fixed={"dim": 6, "layers": 1, "dropout": 0.1, "lr": 0.01}))
    failed = [trial for trial in study.trials if trial.state == "failed"]
    assert failed and all(trial.settings == {"heads": 4} for trial in failed)
    assert (failed[0].reason or "").startswith("sasrec.heads: dim 6 is not a multiple of heads 4.")


def test_a_hopeless_trial_is_pruned_and_cannot_be_the_best(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Proposal, "hopeless", lambda proposal, place, value: proposal.settings["lr"] != 3e-3)
    monkeypatch.setattr(run, "LOOK_AT_LEAST", 10)  # steps between two looks
    fixed = {**TINY, "dropout": 0.1}
    study = tune(tuning("sasrec", trials=3, trial_budget="60steps", fixed=fixed))
    assert [trial.state for trial in study.trials] == ["finished", "pruned", "pruned"]
    assert all(trial.value is None and len(trial.looks) == 1 for trial in study.trials[1:])
    assert [place for place, _ in study.trials[0].looks] == list(range(len(study.trials[0].looks)))
    assert len(study.trials[0].looks) > 1 and study.best["lr"] == 3e-3


SPACE = {"a": Span(0.0, 1.0), "b": among("x", "y")}


def trial(number: int, value: float | None, *, a: float = 0.5, b: str = "x", state: Any = "finished") -> Trial:
    return Trial(number, {"a": a, "b": b}, state, value, 1.0, tuple((place, value or 0.0) for place in range(4)))


def test_the_median_rule_spares_first_looks_and_what_is_above_the_middle() -> None:
    trials = [trial(number, 0.4 + 0.1 * number) for number in range(4)]

    def asked(place: int, value: float, trials: list[Trial]) -> bool:
        return Proposal(SPACE, {"a": 0.5, "b": "x"}, trials, sign=1, seed=0).hopeless(place, value)

    assert asked(2, 0.5, trials) and not asked(2, 0.6, trials), "the median is .55"
    assert not asked(0, 0.1, trials), "the first look says little"
    assert not asked(2, 0.1, trials[:3]), "three trials say little"


def test_the_search_goes_where_trials_were_good() -> None:
    def mean(sign: int) -> float:
        trials: list[Trial] = []
        while len(trials) < 40:
            settings = Proposal(SPACE, {"a": 0.5, "b": "x"}, trials, sign=sign, seed=3).settings
            assert settings["a"] == float(f"{settings['a']:.3g}"), "numbers that a person can type"
            trials.append(trial(len(trials), settings["a"] + (settings["b"] == "y"), **settings))
        return sum(entry.value or 0.0 for entry in trials[20:]) / 20

    assert mean(1) > 1.3 > 0.7 > mean(-1), "at random it would be 1"


def test_importances_tell_what_matters_once_enough_is_known() -> None:
    trials = [trial(number, (number % 7) / 7, a=(number % 7) / 7, b="xy"[number % 2]) for number in range(20)]
    found = importances(SPACE, trials, sign=1)
    assert list(found) == ["a", "b"] and found["a"] > 0.8 and sum(found.values()) == pytest.approx(1, abs=1e-3)
    assert importances(SPACE, trials[:9], sign=1) == {}
    assert importances({"a": SPACE["a"]}, trials, sign=1) == {}


def test_numbers_of_every_kind_are_proposed_within_their_span() -> None:
    space = {"whole": span(1, 1000, log=True), "part": Span(0.1, 0.6), "tiny": Span(1e-5, 1e-1, log=True), "some": among(None, 2)}
    trials: list[Trial] = []
    for number in range(15):
        settings = Proposal(space, {"whole": 10, "part": 0.4, "tiny": 1e-3, "some": None}, trials, sign=1, seed=0).settings
        assert isinstance(settings["whole"], int) and all(settings[name] in where for name, where in space.items())
        trials.append(Trial(number, settings, "finished" if number % 3 else "failed", float(number) if number % 3 else None, 1.0))
    assert trials[0].settings == {"whole": 10, "part": 0.4, "tiny": 1e-3, "some": None}


def test_a_system_of_ones_own_keeps_what_it_was_made_with() -> None:
    study = tl.tune(ItemKNN.create({"shrink": 3}), DATA, trials=2)
    assert study.about["settings"] == {"shrink": 3.0} and set(study.trials[0].settings) == {"neighbours", "recent"}
    with pytest.raises(SettingError, match="itemknn comes with its settings"):
        tl.tune(ItemKNN.create({}), DATA, trials=2, set={"shrink": 3})


def test_without_optuna_a_sentence_says_how_to_get_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "optuna", None)
    with pytest.raises(MissingExtra, match=r"^Tuning needs the package 'optuna'\. Install it with: pip install 'tastelm\[tune\]'$"):
        tl.tune("ease", DATA, trials=2)


def test_effort_is_shared_out() -> None:
    assert Effort(20, "1h").each == "360s" and Effort(4, "1h").each == "900s" and Effort(None, "1h").each == "360s"
    assert Effort(20).each is None and Effort(20, "1h", "2m").each == "2m"
    assert Effort(20).left(19, 1e9) == Budget() and Effort(20).left(20, 0) is None
    assert Effort(None, "1h").left(3, 1000) == Budget(seconds=360) and Effort(None, "1h").left(3, 3400) == Budget(seconds=200)
    assert Effort(None, "1h").left(3, 3500) is None, "less than half a trial is no comparison"
    assert Effort(None, "1h", "2000steps").left(3, 3599) == Budget(seconds=1, steps=2000) and Effort(None, "1h", "5steps").left(3, 3600) is None
    assert Effort(None, "1m", "1h").left(0, 0) == Budget(seconds=60)


def test_a_budget_of_time_ends_the_search() -> None:
    began = time.perf_counter()
    study = tune(tuning(trials=None, budget="1s"))
    assert len(study.trials) > 1 and time.perf_counter() - began < 5
    assert math.isclose(study.seconds, sum(trial.seconds for trial in study.trials)) and study.seconds > 0.9


@pytest.mark.parametrize(("text", "more", "wanted"), [
    ("20", {}, Effort(20)),
    ("20", {"training": "10m"}, Effort(20, None, "10m")),
    ("20", {"training": "10m", "trial_budget": "1m"}, Effort(20, None, "1m")),
    ("30m", {}, Effort(None, "30m")),
    ("30m", {"training": "10m"}, Effort(None, "30m")),
    ("30m", {"training": "1m"}, Effort(None, "30m", "1m")),
    ("30m", {"training": "1m", "trial_budget": "9s"}, Effort(None, "30m", "9s")),
])  # fmt: skip
def test_what_compare_is_told_is_an_effort(text: str, more: dict[str, Any], wanted: Effort) -> None:
    assert Effort.parse(text, **more) == wanted


@pytest.mark.parametrize(("broken", "message"), [
    (lambda: Effort(), r"tune needs an end: give --trials 20, --budget 1h, or both\."),
    (lambda: Effort(True), r"trials: True does not fit"),
    (lambda: Effort(None, "200steps"), r"budget: '200steps' is no time; a tuning takes one, as in --budget 1h"),
    (lambda: tuning("popularity"), r"popularity has nothing to tune: none of its settings is searched"),
    (lambda: tuning("ease", fixed={"l2": 3}), r"ease: --set gives all that is searched, l2; leave one of them out"),
    (lambda: tuning(seed=-1), r"seed: -1 does not fit"),
    (lambda: tuning(metric="ndgc@10"), r"unknown metric 'ndgc'"),
    (lambda: tune(tuning(metric="nonsense@10")), r"unknown metric 'nonsense'"),
    (lambda: tune(tuning(metric="diversity@10")), r"metric: diversity@10 cannot be computed for itemknn on the validation part"),
    (lambda: Study({"system": "ease", "metric": "hr@1", "settings": {}}, (), {}).best,
     r"no trial of ease finished, so there are no best settings\. Give more --budget\."),
])  # fmt: skip
def test_what_cannot_be_searched_is_refused(broken: Any, message: str) -> None:
    with pytest.raises(TasteLMError, match=message):
        broken()
