"""The house: who may know whom, and what may stand nowhere."""

import ast
import subprocess
import sys
from collections.abc import Iterator
from graphlib import TopologicalSorter
from pathlib import Path

import pytest

import tastelm

SOURCE = Path(tastelm.__file__).parent
# From the roof to the ground. A room imports only from floors below its own; the packages in it are rooms of their own.
FLOORS: list[set[str]] = [
    {"__main__", "demo"},
    {"cli"},
    {"api"},
    {"report", "over_time"},
    {"comparison", "bulk", "doctor", "improvement", "judging", "transfer"},
    {"jobs", "leaderboard", "testing", "evidence", "tuning"},
    {"said", "contest", "encoders"},
    {"fitting", "foreign", "runs", "settings_file", "prompts", "opinions", "newcomers"},
    {"profiles", "explaining", "tasks", "probing"},
    {"rated", "summarised", "foreseen"},
    {"evaluation", "recommender"},
    {"candidates", "topk", "per_case"},
    {"systems"},
    {"prompting"},
    {"train", "similarity", "plm"},
    {"nn", "objectives", "metrics", "strategies", "views", "text", "item_tokens", "decoding"},
    {"data"},
    {"settings", "files", "memory", "threads", "card", "devices"},
    {"errors"},
]
# `recommender.save(folder)` is a convenience for `runs.save(recommender, folder)`, looked up when it is called.
EXCUSED = {("recommender", "runs")}


def modules() -> dict[str, Path]:
    """`nn.items` -> its file; a package goes by its name."""
    names = {path: path.relative_to(SOURCE).with_suffix("").as_posix().replace("/", ".") for path in sorted(SOURCE.rglob("*.py"))}
    return {name.removesuffix(".__init__"): path for path, name in names.items() if name != "__init__"}


MODULES = modules()


def room(module: str) -> str:
    return module.split(".")[0]


def trees() -> Iterator[tuple[str, ast.Module]]:
    for name, path in MODULES.items():
        yield name, ast.parse(path.read_text())


def imports(tree: ast.Module) -> set[str]:
    """Modules of the library that a file imports, at the top or within a function, but not for type checking alone."""
    skipped = {id(inner) for node in ast.walk(tree) if isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING" for inner in ast.walk(node)}
    found = set()
    for node in ast.walk(tree):
        if id(node) in skipped:
            continue
        if isinstance(node, ast.ImportFrom) and node.module and node.module.split(".")[0] == "tastelm":
            place = node.module.removeprefix("tastelm").lstrip(".")
            for alias in node.names:
                full = f"{place}.{alias.name}".lstrip(".")
                found.add(full if full in MODULES else place)
        elif isinstance(node, ast.Import):
            found |= {alias.name.removeprefix("tastelm").lstrip(".") for alias in node.names if alias.name.split(".")[0] == "tastelm"}
    return found


IMPORTS = {name: imports(tree) for name, tree in trees()}


def test_every_room_has_a_floor() -> None:
    assert {room(name) for name in MODULES} == set().union(*FLOORS) and sum(map(len, FLOORS)) == len(set().union(*FLOORS))


@pytest.mark.parametrize("name", MODULES)
def test_a_room_imports_from_the_floors_below(name: str) -> None:
    floor = {room: level for level, rooms in enumerate(FLOORS) for room in rooms}
    for target in IMPORTS[name] - {""}:
        if room(target) != room(name) and (room(name), room(target)) not in EXCUSED:
            assert floor[room(target)] > floor[room(name)], f"{name} imports {target}, which is not below it"


def test_there_are_no_circles() -> None:
    graph = {name: {target for target in targets if target and (room(name), room(target)) not in EXCUSED} for name, targets in IMPORTS.items()}
    assert len(list(TopologicalSorter(graph).static_order())) == len(MODULES)


def test_rooms_under_the_roof_ask_the_whole_for_its_version_alone() -> None:
    """`import tastelm` within the library is for `tastelm.__version__`; the verbs are for the command line and the user."""
    for name, tree in trees():
        if "" in IMPORTS[name] and room(name) not in ("cli", "demo"):
            used = {node.attr for node in ast.walk(tree) if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id == "tastelm"}
            assert used == {"__version__"}, f"{name} uses tastelm.{used}"


@pytest.mark.parametrize("name", ["nn", "objectives", "metrics"])
def test_modules_objectives_and_metrics_know_no_system_and_no_file(name: str) -> None:
    for module in MODULES:
        if room(module) == name:
            assert {target for target in IMPORTS[module] if room(target) != name} <= {"data.sequences", "data.features", "errors"}, module
            assert not outside(module) & {"pathlib", "json", "polars", "pyarrow", "safetensors", "lightning_fabric", "os"}, module


def test_data_knows_nobody_above_it_and_no_torch() -> None:
    for module in MODULES:
        if room(module) == "data":
            assert {room(target) for target in IMPORTS[module]} <= {"data", "errors", "files"}, module
            assert "torch" not in outside(module), module


def test_the_loop_knows_no_system_and_no_split() -> None:
    known = {"train", "errors", "files", "objectives", "strategies", "views", "devices", "memory"}
    for module in MODULES:
        if room(module) == "train":
            assert {room(target) for target in IMPORTS[module]} <= known, module


def outside(module: str) -> set[str]:
    """Packages from elsewhere that a module imports."""
    found = set()
    for node in ast.walk(ast.parse(MODULES[module].read_text())):
        if isinstance(node, ast.Import):
            found |= {alias.name.split(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            found.add(node.module.split(".")[0])
    return found


@pytest.mark.parametrize("path", sorted(SOURCE.rglob("*.py")), ids=lambda path: path.relative_to(SOURCE).as_posix())
def test_a_file_is_read_in_a_sitting(path: Path) -> None:
    assert len(path.read_text().splitlines()) <= 300 and ast.get_docstring(ast.parse(path.read_text()))


@pytest.mark.parametrize("name", MODULES)
def test_nothing_that_runs_what_a_file_says(name: str) -> None:
    """No pickle, eval or exec; arrays and weights are read without them too."""
    assert not outside(name) & {"pickle", "cPickle", "dill", "joblib", "marshal", "shelve", "cloudpickle"}
    for node in ast.walk(ast.parse(MODULES[name].read_text())):
        if isinstance(node, ast.Call):
            called = ast.unparse(node.func)
            assert called not in ("eval", "exec", "compile", "torch.load", "torch.save"), called
            arguments = {keyword.arg: ast.unparse(keyword.value) for keyword in node.keywords}
            assert called not in ("np.load", "np.save") or arguments.get("allow_pickle") == "False", called
            assert arguments.get("shell", "False") == "False"


@pytest.mark.parametrize("name", MODULES)
def test_nothing_is_swallowed_and_nothing_global_is_turned(name: str) -> None:
    tree = ast.parse(MODULES[name].read_text())
    for node in ast.walk(tree):
        # What is caught without a name must be raised again, as it is or as an error of ours.
        if isinstance(node, ast.ExceptHandler) and not isinstance(node.body[-1], ast.Raise):
            assert node.type is not None and ast.unparse(node.type) not in ("Exception", "BaseException"), f"{name}, line {node.lineno}"
    text = MODULES[name].read_text()
    assert not any(word in text for word in ("np.random.seed", "random.seed(", "torch.set_default"))
    assert "manual_seed" not in text or name in ("train.run", "fitting")
    assert "environ" not in text or room(name) not in ("nn", "objectives", "metrics", "views", "strategies", "systems")
    assert "cuda" not in text or name in ("devices", "doctor")


def test_the_import_is_light() -> None:
    code = "import sys, time; t = time.perf_counter(); import tastelm; t = time.perf_counter() - t; dir(tastelm); print(t, *sys.modules)"
    best = 9.0
    for _ in range(3):  # the machine may be busy
        seconds, *loaded = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.split()
        best = min(best, float(seconds))
    assert best < 0.3
    heavy = {"torch", "polars", "numpy", "pandas", "pyarrow", "scipy", "pydantic", "lightning_fabric", "typer", "rich", "safetensors", "optuna"}
    assert not heavy & set(loaded)


def test_listing_systems_by_name_loads_no_torch() -> None:
    code = "import sys; from tastelm.systems.catalogue import names; names(); from tastelm.errors import TasteLMError; print('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.strip() == "False"


def test_what_is_public_is_there() -> None:
    for name in tastelm.__all__:
        assert getattr(tastelm, name) is not None
    assert set(dir(tastelm)) == set(tastelm.__all__)
    with pytest.raises(AttributeError, match="module 'tastelm' has no attribute 'fitt'"):
        tastelm.fitt  # noqa: B018
