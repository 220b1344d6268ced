"""Every bad command gets one sentence and exit code 2, and leaves nothing half-written."""

import errno
import json
import os
import shutil
import tomllib
from collections.abc import Callable
from hashlib import sha256
from pathlib import Path

import pytest
import torch
from cli.running import done, tastelm
from hypothesis import given
from hypothesis import strategies as st
from safetensors.torch import load, save

from tastelm.testing import circle

from .refusing import Case, files, refused, refused_without_a_trace

RUN_FILES = ["config.toml", "items.json", "manifest.json", "metrics.json", "model.safetensors"]


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a log, a log of text ids, a finished and an unfinished run, and a file that is no folder."""
    folder = tmp_path_factory.mktemp("bad")
    circle(30).interactions.write_csv(folder / "log.csv")
    (folder / "text.csv").write_text("user,item,time\n" + "".join(f"{u},{i},{t}\n" for u in "abcd" for t, i in enumerate("pqrs")))
    (folder / "untimed.csv").write_text("user,item\n" + "".join(f"{u},{i}\n" for u in "abcd" for i in "pqrs"))
    (folder / "pairs.csv").write_text("user,item,time\na,x,1\na,y,2\nb,x,1\nb,y,2\n")
    (folder / "users.csv").write_text("user,history\nann,3 4\n")
    (folder / "nobody.csv").write_text("user,history\n")
    (folder / "nameless.csv").write_text("user,history\nann,3\n,4\n")
    (folder / "file").write_text("I am no folder.")
    (folder / "hollow").mkdir()
    (folder / "described").mkdir()
    shutil.copy(folder / "log.csv", folder / "described" / "interactions.csv")
    (folder / "described" / "users.csv").write_text("user,gender,age\n" + "".join(f"u{u},{'FM'[u % 2]},{20 + u}\n" for u in range(30)))
    done("fit", "ease", "--data", folder / "log.csv", "--out", folder / "run")
    (folder / "unfinished" / "checkpoint").mkdir(parents=True)
    (folder / "unfinished" / "checkpoint" / "job.json").write_text('{"key": "0123456789abcdef", "system": "sasrec"}')
    (folder / "garbled" / "checkpoint").mkdir(parents=True)
    (folder / "garbled" / "checkpoint" / "job.json").write_text('{"key": ')
    return folder


LOG, OUT = ("--data", "{log}"), ("--out", "{out}")


def fit(system: str, *more: str) -> tuple[str, ...]:
    return ("fit", system, *LOG, *OUT, *more)


def setting(system: str, *assignments: str) -> tuple[str, ...]:
    return fit(system, *(word for assignment in assignments for word in ("--set", assignment)))


def described(assignment: str) -> tuple[str, ...]:
    return ("fit", "peterrec", "--data", "{place}/described", *OUT, "--set", assignment)


def compare(*more: str) -> tuple[str, ...]:
    return ("compare", *LOG, *OUT, *more)


CASES: list[Case] = [
    # names
    ("unknown system", fit("sasrc"), r"system 'sasrc' is not known; did you mean 'sasrec'\?"),
    ("unknown system, nothing near", fit("qqqqq"), r"system 'qqqqq' is not known; known are: att2seq, bert-probe, bert4rec, bpr-mf, caser, cl4srec, ease"),
    ("unknown system among others", compare("--systems", "ease,populartiy"), r"system 'populartiy' is not known; did you mean 'popularity'\?"),
    ("unknown system to list", ("systems", "eese"), r"system 'eese' is not known; did you mean 'ease'\?"),
    ("no systems", compare("--systems", " , "), r"--systems is empty; known are: "),
    ("unknown setting", setting("sasrec", "dropuot=0.1"), r"sasrec has no setting 'dropuot'; did you mean 'dropout'\?"),
    ("setting of a neighbour", setting("popularity", "l2=3"), r"popularity has no setting 'l2'; it has none at all"),
    ("unknown setting in a comparison", compare("--systems", "ease,itemknn", "--set", "ease.l3=1"), r"ease has no setting 'l3'; known are: l2, max_items"),
    ("unknown metric", compare("--systems", "ease", "--metrics", "ndgc@10"), r"unknown metric 'ndgc': did you mean 'ndcg'\?"),
    ("metric without a number", compare("--systems", "ease", "--metrics", "hr"), r"metric 'hr' needs the number of places .*hr@10"),
    ("metric with a word for a number", compare("--systems", "ease", "--metrics", "hr@ten"), r"hr@ten: the number after @ must be a whole number from 1"),
    ("metric at 0", compare("--systems", "ease", "--metrics", "hr@0"), r"hr@0: the number after @"),
    ("no metrics", compare("--systems", "ease", "--metrics", " "), r"no metric given: name at least one"),
    ("task without ratings", compare("--systems", "popularity", "--protocol", "liked"),
     r"log has no ratings, so nobody knows what was liked\. Name the column with --rating NAME"),
    ("task with a split", compare("--systems", "popularity", "--protocol", "liked", "--split", "ratio"), r"split: liked divides the data itself"),
    ("task that says what it does not know", compare("--systems", "popularity", "--protocol", "liked:show=3"),
     r"'liked:show=3' says 'show'; did you mean 'shown'\?"),
    ("ranking where a run is fitted", fit("popularity", "--protocol", "full"), r"'full' is for compare and evaluate\. Leave it out"),
    ("unknown protocol", compare("--systems", "ease", "--protocol", "uniform99"), r"protocol: 'uniform99' is not known; .*uniform-99"),
    ("too many candidates", compare("--systems", "ease", "--protocol", "uniform-99"), r"log: uniform-99 needs 99 items beside .* holds 20\. Use full"),
    ("unknown split", fit("ease", "--split", "leave-one"), r"split: 'leave-one' is not known; did you mean 'leave-one-out'\?"),
    ("split beyond 1", fit("ease", "--split", "ratio:0.9,0.2"), r"split: 'ratio:0.9,0.2' does not fit; write it like ratio:0.8,0.1"),
    ("split with a word", fit("ease", "--split", "ratio:most"), r"split: 'most' after 'ratio:' is not a list of numbers"),
    ("split beside --all", fit("ease", "--all", "--split", "ratio"), r"--all trains on everything, so it takes no --split"),
    ("unknown budget", fit("ease", "--budget", "10 parsecs"), r"budget: '10 parsecs' is not a length of training; write it like 90s, 10m"),
    ("negative budget", fit("sasrec", "--budget", "-5m"), r"budget: '-5m' is not a length of training"),
    ("no budget at all", compare("--systems", "ease", "--budget", ""), r"budget: '' is not a length of training"),
    ("half a step", fit("sasrec", "--budget", "1.5steps"), r"budget: '1.5steps' is not a length"),
    ("endless steps", fit("sasrec", "--budget", "9" * 400 + "steps"), r"budget: '9+steps' is not a length"),
    ("unknown log", fit("ease", "--log", "tensorbord"), r"log: 'tensorbord' is not known; did you mean 'tensorboard'\?"),
    ("unknown system with a log", fit("sasrc", "--log", "tensorboard"), r"system 'sasrc' is not known; did you mean 'sasrec'\?"),
    ("unknown seen", compare("--systems", "ease", "--seen", "hide"), r"seen: 'hide' is not known; use auto, mask or keep"),
    ("unknown option", compare("--sytems", "ease"), r"No such option: --sytems \(Possible options: .*--systems\)"),
    ("unknown command", ("recomend", "run"), r"No such command 'recomend'\. Did you mean 'recommend'"),
    # values of settings
    ("word for a whole number", setting("sasrec", "dim=abc"), r"sasrec.dim: 'abc' does not fit .*; it takes a whole number >= 2"),
    ("fraction for a whole number", setting("sasrec", "dim=1.5"), r"sasrec.dim: '1.5' does not fit .*; it takes a whole number"),
    ("above the limit", setting("sasrec", "dropout=2"),
     r"sasrec.dropout: '2' does not fit \(input should be less than or equal to 0.95\); it takes a number >= 0, <= 0.95"),
    ("below the limit", setting("ease", "l2=-1"), r"ease.l2: '-1' does not fit \(input should be greater than 0\); it takes a number > 0"),
    ("not a number", setting("sasrec", "lr=nan"), r"sasrec.lr: 'nan' does not fit \(input should be a finite number\)"),
    ("infinite", setting("ease", "l2=inf"), r"ease.l2: 'inf' does not fit"),
    ("not among the choices", setting("sasrec", "loss=ful"), r"sasrec.loss: 'ful' does not fit .*; it takes full \| sampled \| gbce \| bce \| bpr"),
    ("neither true nor false", setting("sasrec", "tied=perhaps"), r"sasrec.tied: 'perhaps' does not fit .*; it takes true or false"),
    ("larger than any size", setting("sasrec", "dim=99999999999"), r"sasrec.dim: '99999999999' does not fit .*2147483647"),
    ("more digits than a number has", setting("sasrec", "layers=" + "9" * 5000), r"sasrec.layers: '9+' does not fit"),
    ("heads that do not divide", setting("sasrec", "heads=3"), r"sasrec.heads: dim 64 is not a multiple of heads 3\. Choose another number of heads"),
    ("the same for its sister", setting("bert4rec", "dim=10", "heads=4"), r"bert4rec.heads: dim 10 is not a multiple of heads 4"),
    ("the same in a comparison", compare("--systems", "ease,sasrec", "--set", "sasrec.heads=7"), r"sasrec.heads: dim 64 is not a multiple of heads 7"),
    ("rotary with odd heads", setting("sasrec", "positions=rotary", "dim=6"),
     r"sasrec.positions: rotary turns pairs .* dim 6 / heads 2 is odd\. .*multiple of 4"),
    ("setting twice", setting("ease", "l2=1", "l2=2"), r"--set gives 'l2' twice: 1 and 2\. Keep one"),
    ("setting twice, once with its system", setting("ease", "l2=1", "ease.l2=2"), r"--set gives 'ease.l2' twice: 1 and 2\. Keep one"),
    ("setting without =", setting("ease", "l2"), r"--set 'l2' is not of the form name=value, as in --set lr=0.001"),
    ("setting without a value", setting("ease", "l2="), r"--set 'l2=' is not of the form name=value"),
    ("setting without a name", setting("ease", "=3"), r"--set '=3' is not of the form name=value"),
    ("setting of a system that is not compared", compare("--systems", "ease,itemknn", "--set", "esae.l2=1"),
     r"--set esae.l2=1: 'esae' is not trained here, only ease, itemknn\."),
    ("setting of a system that is not fitted", setting("ease", "sasrec.lr=1"), r"--set sasrec.lr=1: 'sasrec' is not trained here, only ease\."),
    ("setting of which system", compare("--systems", "ease,itemknn", "--set", "l2=1"), r"--set l2=1: say of which system, as in --set ease.l2=1"),
    ("negative seed", fit("ease", "--seed", "-1"), r"--seed: '-1' does not fit \(input should be greater than or equal to 0\)"),
    ("huge seed", fit("ease", "--seed", "99999999999999999999"), r"seed: 99999999999999999999 does not fit; it takes a whole number from 0 to 4294967295"),
    ("negative seed of the split", fit("ease", "--split-seed", "-1"), r"--split-seed: '-1' does not fit \(input should be greater than or equal to 0\)"),
    ("negative threads", ("--threads", "-1", "doctor"), r"--threads: '-1' does not fit \(input should be greater than or equal to 0\)"),
    # what is missing
    ("no --data", ("fit", "ease", *OUT), r"Missing option '--data'"),
    ("no --out", ("fit", "ease", *LOG), r"Missing option '--out'"),
    ("no --systems", compare(), r"Missing option '--systems'"),
    ("no system", ("fit", *LOG, *OUT), r"Missing argument 'system'"),
    ("no run", ("evaluate", *LOG), r"Missing argument 'run'"),
    ("nothing to check", ("data", "check"), r"data check takes one place to read, as in: tastelm data check log.csv"),
    ("two things to check", ("data", "check", "{log}", *LOG), r"data check takes one place to read"),
    ("no such data", ("fit", "ease", "--data", "{place}/lgo.csv", *OUT), r"lgo.csv: there is no such file\. Check the path"),
    # reading
    ("unknown --bad-rows", fit("ease", "--bad-rows", "skp"), r"--bad-rows: 'skp' does not fit \('skp' is not one of 'stop', 'skip'\)"),
    ("unknown --duplicates", fit("ease", "--duplicates", "frist"), r"duplicates takes keep, exact, first, last, not 'frist'"),
    ("rating where there is none", fit("ease", "--min-rating", "3"), r"log has no column 'rating', which min_rating needs; it has user, item, time"),
    ("word for a rating", fit("ease", "--min-rating", "good"), r"--min-rating: 'good' does not fit \(input should be a valid number"),
    ("event where there is none", fit("ease", "--events", "buy"), r"log has no column 'event', which events needs"),
    ("a core of nothing", fit("ease", "--k-core", "1000"), r"log: no interactions are left after the filter 1000-core\. Loosen it"),
    ("negative core", fit("ease", "--k-core", "-1"), r"--k-core: '-1' does not fit \(input should be greater than or equal to 0\)"),
    ("no such column", fit("ease", "--time", "when"), r"log.csv: there is no column 'when' for --time; the columns are 'user', 'item', 'time'"),
    ("no such items table", fit("ease", "--items", "{place}/films.csv"), r"films.csv: there is no such file"),
    ("time that is not there", ("fit", "ease", "--data", "{place}/untimed.csv", "--split", "global-time", *OUT),
     r"untimed has no times, which the split global-time needs\. Name the column with --time NAME, or use --split leave-one-out"),
    ("too few interactions", ("fit", "ease", "--data", "{place}/pairs.csv", *OUT), r"pairs: no user has 3 interactions, so none can be trained on"),
    ("nothing to test", ("compare", *LOG, *OUT, "--systems", "ease", "--split", "all"), r"log: the split all has no test questions to evaluate on"),
    ("text for a probe of numbers", ("fit", "next-integer", "--data", "{place}/text.csv", *OUT), r"text, column 'item': 'p' is not a whole number"),
    ("too many items", setting("ease", "max_items=5"), r"ease: 20 items need .* GiB to fit\. Use itemknn"),
    ("learning rate out of hand", setting("sasrec", "dim=8", "layers=1", "heads=1", "lr=1", "weight_decay=1e30"),
     r"the loss is (nan|inf) at step \d+\. Lower the learning rate \(--set lr="),
    # places to write to
    ("--out is a file", ("fit", "ease", *LOG, "--out", "{place}/file"), r"file/.*: cannot be written \(.*\)\. Choose another place"),
    ("--out below a file", ("compare", *LOG, "--systems", "ease", "--out", "{place}/file/board"),
     r"cannot be written \(Not a directory\)\. Choose another place"),
    ("--out where nobody can write", ("fit", "ease", *LOG, "--out", "/proc/tastelm"), r"/proc/tastelm.*: cannot be written \(.*\)\. Choose another place"),
    ("--out of another run", ("fit", "popularity", *LOG, "--out", "{place}/run"),
     r"run holds a run of ease on log with other settings, seed or data\. Choose another --out, or delete the folder"),
    ("--out of the same run with another setting", ("fit", "ease", *LOG, "--set", "l2=3", "--out", "{place}/run"),
     r"run holds a run of ease on log with other settings"),
    ("--out of an unfinished training", ("fit", "ease", *LOG, "--out", "{place}/unfinished"),
     r"unfinished holds the unfinished training of another command\. Choose another --out, or delete the folder"),
    ("--out with a damaged claim", ("fit", "ease", *LOG, "--out", "{place}/garbled"),
     r"garbled/checkpoint/job.json: the file is damaged\. Delete .*garbled to begin"),
    # runs
    ("no such run", ("evaluate", "{place}/rnu", *LOG), r"rnu: no run stands there \(manifest.json is missing\)\. Give a folder that tastelm fit has written"),
    ("empty run", ("recommend", "{place}/hollow", "--history", "1"), r"hollow: no run stands there"),
    ("run that is a file", ("recommend", "{place}/file", "--history", "1"), r"file: no run stands there"),
    ("unfinished run", ("recommend", "{place}/unfinished", "--history", "1"),
     r"no run stands there .*Its training is not finished: run the same fit command again"),
    ("history of a missing run", ("recommend", "{place}/rnu", "--history", "1 2"), r"rnu: no run stands there"),
    ("unknown metric of a run", ("evaluate", "{place}/run", *LOG, "--metrics", "mrrr"), r"unknown metric 'mrrr': did you mean 'mrr'\?"),
    ("data that the run does not know", ("evaluate", "{place}/run", "--data", "{place}/text.csv"), r"none of the 4 items of text is known to the run"),
    # profiles
    ("profile of a run without", ("profile", "{place}/run", "--history", "1"),
     r"profile: this run of ease was not trained to tell what users are\. Train one that is, .*tastelm fit peterrec --set profile=all"),
    ("profile of a missing run", ("profile", "{place}/rnu", "--history", "1"), r"rnu: no run stands there"),
    ("profile without a history", ("profile", "{place}/run"), r"Missing option '--history'"),
    ("profile without a users table", setting("peterrec", "profile=gender"), r"log has no users table to learn profiles from\. Put a table 'users'"),
    ("profile of a column not there", described("profile=gendr"), r"profile: the users table has no column 'gendr'; did you mean 'gender'"),
    ("profile of numbers without bands", described("profile=age"), r"profile: 'age' holds numbers \(30 values\); say in how many bands, as in age:4"),
    ("profile of words with bands", described("profile=gender:3"), r"profile: 'gender' holds words, as '[FM]', which have no bands\. Write gender alone"),
    ("profile cut at no number", setting("peterrec", "profile=age:x"), r"peterrec.profile: 'age:x' does not say how to cut 'age'"),
    ("head without a profile", setting("peterrec", "tune=head"), r"peterrec.tune: there is no head to tune for the next item"),
    # recommending
    ("neither history nor users", ("recommend", "{place}/run"), r'recommend takes either --history "id1 id2" or --users FILE --out FILE'),
    ("both history and users", ("recommend", "{place}/run", "--history", "1", "--users", "{place}/users.csv", *OUT), r"recommend takes either --history"),
    ("users without --out", ("recommend", "{place}/run", "--users", "{place}/users.csv"), r"recommend takes --users FILE and --out FILE together"),
    ("history with --out", ("recommend", "{place}/run", "--history", "1", "--out", "{out}.csv"), r"recommend takes --users FILE and --out FILE together"),
    ("no recommendations", ("recommend", "{place}/run", "--history", "1", "-k", "0"), r"-k: '0' does not fit \(input should be greater than or equal to 1\)"),
    ("word for a number", ("recommend", "{place}/run", "--history", "1", "-k", "ten"), r"-k: 'ten' does not fit \(input should be a valid integer"),
    ("unknown ending", ("recommend", "{place}/run", "--users", "{place}/users.csv", "--out", "{out}.xlsx"),
     r"the ending '\.xlsx' is not known; use \.parquet, \.csv, \.jsonl"),
    ("no ending", ("recommend", "{place}/run", "--users", "{place}/users.csv", *OUT), r"the ending '' is not known"),
    ("no such users", ("recommend", "{place}/run", "--users", "{place}/usres.csv", "--out", "{out}.csv"), r"usres.csv: there is no such file"),
    ("no users", ("recommend", "{place}/run", "--users", "{place}/nobody.csv", "--out", "{out}.csv"), r"nobody.csv: there is a header but no user below it"),
    ("user without a name", ("recommend", "{place}/run", "--users", "{place}/nameless.csv", "--out", "{out}.csv"),
     r"nameless.csv, row 3, column 'user': it is empty\. Name every user"),
    ("recommendations below a file", ("recommend", "{place}/run", "--users", "{place}/users.csv", "--out", "{place}/file/recs.csv"),
     r"recs.csv: cannot be written"),
]  # fmt: skip


@pytest.mark.parametrize(("command", "message"), [pytest.param(*case[1:], id=case[0]) for case in CASES])
def test_a_bad_command_is_refused_in_one_sentence(command: tuple[str, ...], message: str, place: Path, tmp_path: Path) -> None:
    refused_without_a_trace(command, message, place, tmp_path)


def test_the_cases_are_many_and_each_once() -> None:
    assert len({case[0] for case in CASES}) == len(CASES) >= 60


# What is done to a run folder, and what is said of it.
Damage = Callable[[Path], object]


def forge(folder: Path, name: str, content: bytes) -> None:
    """Put `content` into a file of a run, and its checksum into the manifest."""
    (folder / name).write_bytes(content)
    manifest = json.loads((folder / "manifest.json").read_bytes())
    manifest["sha256"][name] = sha256(content).hexdigest()
    (folder / "manifest.json").write_text(json.dumps(manifest))


def other_weights(folder: Path) -> None:
    """Weights of a smaller catalogue."""
    forge(folder, "model.safetensors", save({name: torch.zeros(3, 3) for name in load((folder / "model.safetensors").read_bytes())}))


def other_setting(folder: Path) -> None:
    forge(folder, "config.toml", (folder / "config.toml").read_bytes().replace(b"l2 =", b"lambda ="))


def flip(folder: Path) -> None:
    content = bytearray((folder / "model.safetensors").read_bytes())
    content[-1] ^= 1
    (folder / "model.safetensors").write_bytes(content)


DAMAGES: dict[str, tuple[Damage, str]] = {
    "no manifest": (lambda run: (run / "manifest.json").unlink(), r"no run stands there \(manifest.json is missing\)"),
    "cut manifest": (lambda run: (run / "manifest.json").write_text('{"format": 2'), r"manifest.json: the file is damaged \(.*\)\. Copy the run folder again"),
    "manifest of numbers": (lambda run: (run / "manifest.json").write_text("[1, 2]"), r"manifest.json: the file is damaged"),
    "newer format": (
        lambda run: (run / "manifest.json").write_text((run / "manifest.json").read_text().replace('"format": 2', '"format": 3')),
        r"this run has format 3, but this version of TasteLM reads format 2\. Use the version that wrote it",
    ),
    "one bit of the weights": (flip, r"model.safetensors: the file is damaged: its content is not what was written\. Copy the run folder again"),
    "no weights": (lambda run: (run / "model.safetensors").unlink(), r"model.safetensors: cannot be read \(No such file or directory\)"),
    "a folder for a file": (lambda run: ((run / "items.json").unlink(), (run / "items.json").mkdir()), r"items.json: cannot be read \(Is a directory\)"),
    "garbage for items": (lambda run: (run / "items.json").write_text("garbage"), r"items.json: the file is damaged"),
    "forged garbage for items": (lambda run: forge(run, "items.json", b"garbage"), r"items.json: the file is not JSON"),
    "forged garbage for settings": (lambda run: forge(run, "config.toml", b"= ="), r"config.toml: the file is not TOML"),
    "forged bytes for settings": (lambda run: forge(run, "config.toml", b"\xff\xfe"), r"config.toml: the file is not TOML"),
    "settings of nothing": (lambda run: forge(run, "config.toml", b"[data]\n"), r"config.toml: the table 'run' does not say which system this is"),
    "items that are a list": (lambda run: forge(run, "items.json", b"[]"), r"run: this run was written by TasteLM .* and does not fit"),
    "items twice": (lambda run: forge(run, "items.json", b'{"ids": ["a", "a"], "titles": {}}'), r"does not fit .* each id once"),
    "weights of another shape": (other_weights, r"run: this run was written by TasteLM 0.1.0 and does not fit .*size mismatch.*\. Train it again"),
    "weights that are none": (lambda run: forge(run, "model.safetensors", b"0123456789"), r"does not fit"),
    "a setting of another version": (other_setting, r"does not fit .*ease has no setting 'lambda'"),
    "a system of another version": (
        lambda run: forge(run, "config.toml", (run / "config.toml").read_bytes().replace(b'"ease"', b'"hardr"')),
        r"does not fit .*system 'hardr' is not known",
    ),
}


@pytest.mark.parametrize("damage", DAMAGES)
def test_a_damaged_run_is_refused_by_name(damage: str, place: Path, tmp_path: Path) -> None:
    shutil.copytree(place / "run", tmp_path / "run")
    change, message = DAMAGES[damage]
    change(tmp_path / "run")
    refused(tastelm("recommend", tmp_path / "run", "--history", "1 2"), message)


def test_a_run_on_other_data_with_repeats_of_the_command_is_refused_before_it_is_changed(place: Path, tmp_path: Path) -> None:
    shutil.copytree(place / "run", tmp_path / "run")
    other_weights(tmp_path / "run")
    before = files(tmp_path)
    refused(tastelm("fit", "ease", "--data", place / "log.csv", "--out", tmp_path / "run"), r"does not fit")
    assert files(tmp_path) == before


@pytest.mark.parametrize("call", ["fsync", "replace"])
def test_a_full_disk_leaves_no_half_file(call: str, place: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Writing fails at every place once, and what is left can be gone on with."""
    room = 0

    def full(*arguments: object) -> None:
        nonlocal room
        if room == 0:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        room -= 1
        usual(*arguments)

    usual: Callable[..., None] = getattr(os, call)
    command = ("fit", "ease", "--data", place / "log.csv", "--out", tmp_path / "run")
    for written in range(6):
        room = written
        with monkeypatch.context() as patched:
            patched.setattr(os, call, full)
            refused(tastelm(*command), r"cannot be written \(No space left on device\)\. Choose another place, or make room there")
        left = files(tmp_path)
        assert not [name for name in left if Path(name).name.startswith(".")]
        assert "run/manifest.json" not in left
        for name, content in left.items():
            json.loads(content) if name.endswith(".json") else tomllib.loads(content.decode()) if name.endswith(".toml") else load(content)
    done(*command)
    assert sorted(os.listdir(tmp_path / "run")) == RUN_FILES


def test_a_disk_that_fills_during_a_comparison_ends_it(place: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is not the system that failed, so no row says so."""

    def full(*arguments: object) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    with monkeypatch.context() as patched:
        patched.setattr(os, "fsync", full)
        refused(tastelm("compare", "--data", place / "log.csv", "--systems", "ease,popularity", "--out", tmp_path), r"cannot be written \(No space left")
    assert files(tmp_path) == {}


def test_a_full_disk_keeps_the_recommendations_of_yesterday(place: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "recs.csv").write_text("yesterday")

    def full(*arguments: object) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    with monkeypatch.context() as patched:
        patched.setattr(os, "replace", full)
        refused(tastelm("recommend", place / "run", "--users", place / "users.csv", "--out", tmp_path / "recs.csv"), r"recs.csv: cannot be written")
    assert files(tmp_path) == {"recs.csv": b"yesterday"}


def test_too_large_a_model_is_one_sentence(place: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*arguments: object, **options: object) -> None:
        raise RuntimeError("[enforce fail at alloc_cpu.cpp:127] DefaultCPUAllocator: can't allocate memory: you tried to allocate 16000000000000 bytes.")

    monkeypatch.setattr(torch, "empty", refuse)
    refused(
        tastelm("fit", "sasrec", "--data", place / "log.csv", "--out", tmp_path / "run"),
        r"Out of memory \(.*you tried to allocate 16000000000000 bytes\.\)\. Use a smaller dim, a sampled loss or fewer items",
    )
    assert files(tmp_path) == {}


WORDS = st.one_of(
    st.text(),
    st.integers().map(str),
    st.sampled_from(["10m", "3steps", "ratio:0.5,0.2", "l2=3", "l2=-3", "full", "uniform-3", "hr@3", "nan", "-", "--", "[/b]"]),
)
OPTIONS = (
    "--budget",
    "--split",
    "--seed",
    "--split-seed",
    "--set",
    "--user",
    "--item",
    "--time",
    "--duplicates",
    "--bad-rows",
    "--k-core",
    "--min-rating",
    "--events",
)


@given(options=st.lists(st.tuples(st.sampled_from(OPTIONS), WORDS), max_size=2))
def test_any_options_are_taken_or_refused(options: list[tuple[str, str]], place: Path, tmp_path_factory: pytest.TempPathFactory) -> None:
    folder = tmp_path_factory.mktemp("any")
    outcome = tastelm("fit", "ease", "--data", place / "log.csv", "--out", folder / "run", *(word for option in options for word in option))
    if outcome.code == 0:
        assert sorted(os.listdir(folder / "run")) == RUN_FILES
    else:
        refused(outcome, r".")
        assert files(folder) == {}


@given(history=st.text(), exclude=st.text(), user=st.text(), k=WORDS)
def test_any_history_is_answered_or_refused(history: str, exclude: str, user: str, k: str, place: Path) -> None:
    outcome = tastelm("recommend", place / "run", f"--history={history}", f"--exclude={exclude}", f"--user={user}", f"-k={k}", "--json")
    if outcome.code == 0:
        assert json.loads(outcome.out)["unknown"] == [
            word for word in history.split() if not word.isascii() or not word.isdecimal() or str(int(word)) != word or int(word) > 19
        ]
    else:
        refused(outcome, r"-k")
