"""The run folder: written, read back without the data, and refused by name when damaged."""

import json
import pickletools
import shutil
import tomllib
from pathlib import Path

import polars as pl
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

import tastelm as tl
from tastelm.card import Question
from tastelm.data.dataset import Dataset
from tastelm.errors import OutputError, RunError
from tastelm.runs import is_run, load, read_config, save
from tastelm.systems.catalogue import names, system
from tastelm.testing import SMALL as TOY
from tastelm.testing import circle, reasons, train

SMALL = {"dim": 8, "layers": 1, "heads": 2, "max_len": 6, **{name: TOY[name] for name in ("model", "ids", "levels", "codes")}}
HISTORIES = (["3", "4"], ["7"], [], ["unheard", "5"], [str(item) for item in range(20)])


@pytest.fixture(scope="module")
def log(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("data") / "log.csv"
    circle(30).interactions.write_csv(path)
    return path


@pytest.fixture(scope="module")
def titled(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The same events with the titles of the items."""
    folder, data = tmp_path_factory.mktemp("titled") / "log", circle(30)
    folder.mkdir()
    assert data.items is not None
    data.interactions.write_csv(folder / "interactions.csv")
    data.items.write_csv(folder / "items.csv")
    return folder


@pytest.fixture(scope="module")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run of popularity on four items: a few hundred bytes a file."""
    folder = tmp_path_factory.mktemp("tiny") / "run"
    rows = [(user, item, float(at)) for user in "ab" for at, item in enumerate("wxyz")]
    tl.fit("popularity", Dataset.build(pl.DataFrame(rows, schema=["user", "item", "time"], orient="row"), name="tiny"), out=folder)
    return folder


def settings_for(name: str) -> dict[str, object]:
    # A model that begins from scratch anyway takes its size from other settings.
    known = {line["name"] for line in tl.settings_of(name) if line["default"] != "scratch"}
    return {key: value for key, value in SMALL.items() if key in known}


@pytest.mark.parametrize("name", names())
def test_what_is_loaded_without_the_data_is_what_was_trained(name: str, titled: Path, tmp_path: Path) -> None:
    shutil.copytree(titled, tmp_path / "log")
    settings = settings_for(name)
    if system(name).card.task is Question.EXPLANATION:
        reasons(30).interactions.write_csv(tmp_path / "log" / "interactions.csv")
    model = tl.fit(name, tmp_path / "log", set=settings, budget="5steps", seed=3, out=tmp_path / "run")
    shutil.rmtree(tmp_path / "log")
    again = tl.load(tmp_path / "run")
    for first, second in ((model.recommend(history, 7), again.recommend(history, 7)) for history in HISTORIES):
        assert first == second
        assert first.unknown == second.unknown
    for key, tensor in model.module.state_dict().items():
        assert torch.equal(tensor, again.module.state_dict()[key]), key
    assert again.system.config == model.system.config
    assert (again.items, again.users, again.titles, again.mask_seen) == (model.items, model.users, model.titles, model.mask_seen)
    config = tomllib.loads((tmp_path / "run" / "config.toml").read_text())
    assert config["settings"] == {key: value for key, value in vars(model.system.config).items() if value is not None}
    assert (config["run"]["system"], config["run"]["seed"], config["run"]["budget"]) == (name, 3, "5steps")
    assert_no_pickle(tmp_path / "run")


def assert_no_pickle(folder: Path) -> None:
    """No file of the folder is a pickle, or called like one."""
    for path in folder.rglob("*"):
        assert path.suffix in (".toml", ".json", ".safetensors"), path
        content = path.read_bytes()
        with pytest.raises(ValueError):
            list(pickletools.genops(content))
        assert b"\x80\x04\x95" not in content and b"PK\x03\x04" not in content


def test_saving_what_was_loaded_gives_the_same_files(tiny: Path, tmp_path: Path) -> None:
    save(load(tiny), tmp_path)
    for path in tiny.iterdir():
        assert (tmp_path / path.name).read_bytes() == path.read_bytes(), path.name


def test_titles_and_odd_ids_come_back(tmp_path: Path) -> None:
    ids = ["a b", 'quote"', "ünï", "back\\slash", "0.0"]
    rows = [(user, item, float(at)) for user in "ab" for at, item in enumerate(ids)]
    items = pl.DataFrame({"item": [*ids, "never met"], "title": ["One\nTwo", "=1", "<b>", "'", None, "nobody's"]})
    data = Dataset.build(pl.DataFrame(rows, schema=["user", "item", "time"], orient="row"), items=items)
    model = tl.fit("ease", data, out=tmp_path)
    again = tl.load(tmp_path)
    assert sorted(again.items.ids) == sorted(ids)
    assert again.titles == {item: title for item, title in model.titles.items() if item != "never met"}
    assert again.recommend(["a b"], 3, keep_seen=True) == model.recommend(["a b"], 3, keep_seen=True)


def test_a_model_that_was_trained_without_a_folder_can_be_saved(tmp_path: Path) -> None:
    from tastelm.systems.baselines.ease import EASE

    model = train(EASE, circle(20)).recommender
    model.save(tmp_path / "run")
    assert is_run(tmp_path / "run")
    assert tl.load(tmp_path / "run").recommend(["1"], 4) == model.recommend(["1"], 4)


def test_every_prefix_of_every_file_is_loaded_or_refused_by_name(tiny: Path, tmp_path: Path) -> None:
    model = load(tiny)
    model.about["metrics"] = {"fit": {}}  # the longest file, cut in fewer places
    model.save(tmp_path / "small")
    tiny = tmp_path / "small"
    whole = load(tiny).recommend(["w"], 3, keep_seen=True)
    for path in tiny.iterdir():
        folder = tmp_path / path.stem
        shutil.copytree(tiny, folder)
        content = path.read_bytes()
        for length in range(len(content)):
            (folder / path.name).write_bytes(content[:length])
            try:
                found = load(folder).recommend(["w"], 3, keep_seen=True)
            except RunError as error:
                assert path.name in str(error), error
            else:
                assert path.name == "manifest.json" and length == len(content) - 1, "only the last line break may be missing"
                assert found == whole


@given(data=st.data())
def test_any_changed_byte_is_refused_by_name(tiny: Path, tmp_path_factory: pytest.TempPathFactory, data: st.DataObject) -> None:
    folder = tmp_path_factory.mktemp("changed") / "run"
    shutil.copytree(tiny, folder)
    path = data.draw(st.sampled_from([path for path in sorted(folder.iterdir()) if path.name != "manifest.json"]))
    content = bytearray(path.read_bytes())
    content[data.draw(st.integers(0, len(content) - 1))] ^= data.draw(st.integers(1, 255))
    path.write_bytes(content)
    with pytest.raises(RunError, match=rf"{path.name}: the file is damaged: its content is not what was written"):
        load(folder)


@given(st.binary())
def test_any_manifest_is_refused_by_name(tiny: Path, tmp_path_factory: pytest.TempPathFactory, content: bytes) -> None:
    folder = tmp_path_factory.mktemp("manifest") / "run"
    shutil.copytree(tiny, folder)
    (folder / "manifest.json").write_bytes(content)
    with pytest.raises(RunError, match=r"manifest\.json"):
        load(folder)


@given(st.recursive(st.none() | st.integers() | st.text(), lambda inner: st.lists(inner) | st.dictionaries(st.sampled_from(["format", "sha256", "x"]), inner)))
def test_any_json_for_a_manifest_is_refused(tiny: Path, tmp_path_factory: pytest.TempPathFactory, content: object) -> None:
    folder = tmp_path_factory.mktemp("json") / "run"
    shutil.copytree(tiny, folder)
    (folder / "manifest.json").write_text(json.dumps(content))
    with pytest.raises(RunError):
        load(folder)


def test_a_newer_format_is_refused(tiny: Path, tmp_path: Path) -> None:
    shutil.copytree(tiny, tmp_path / "run")
    manifest = json.loads((tmp_path / "run" / "manifest.json").read_bytes())
    (tmp_path / "run" / "manifest.json").write_text(json.dumps(manifest | {"format": 99}))
    with pytest.raises(RunError, match=r"run: this run has format 99, but this version of TasteLM reads format 2\. Use the version that wrote it\."):
        load(tmp_path / "run")


def test_a_folder_without_a_manifest_is_no_run(tmp_path: Path) -> None:
    assert not is_run(tmp_path) and not is_run(tmp_path / "nowhere")
    for read in (load, read_config):
        with pytest.raises(RunError, match=r"no run stands there \(manifest\.json is missing\)\. Give a folder that tastelm fit has written\."):
            read(tmp_path)


def test_config_holds_where_the_run_comes_from(tiny: Path) -> None:
    config = read_config(tiny)
    assert config["run"] | {"key": ""} == {
        "system": "popularity", "version": tl.__version__, "mask_seen": True, "key": "", "seed": 0, "budget": "none", "split": "leave-one-out", "split_seed": 0,
    }  # fmt: skip
    assert (config["data"]["name"], config["data"]["users"], config["data"]["items"], config["data"]["interactions"]) == ("tiny", 2, 4, 8)


def test_saving_where_nobody_can_write_is_refused(tiny: Path, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(OutputError, match=r"cannot be written"):
        load(tiny).save(tmp_path / "file")
