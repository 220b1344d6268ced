"""Typed settings: parsed from text, refused by name, listed from the fields."""

from dataclasses import dataclass, fields
from typing import Any, Literal

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from tastelm.errors import SettingError
from tastelm.settings import LARGEST, Among, Span, among, configure, decisive, describe, parse_assignments, search_space, searched, setting, span, unless, when
from tastelm.systems.catalogue import names, system

# Systems that learn nothing from settings; every other one must say where to look for better values.
NOTHING_TO_TUNE = {"popularity", "next-integer", "lm-zeroshot", "llm-rerank", "bert-probe"}
SYSTEMS = [name for name in names() if fields(system(name).Config)]


@dataclass(frozen=True)
class Config:
    dim: int = setting(8, "width", source="a paper", at_least=1, search=among(4, 8))
    rate: float = setting(0.5, "share", above=0, at_most=1, search=span(1e-3, 1, log=True))
    loss: Literal["full", "bce"] = setting("full", "what is learnt")
    tied: bool = setting(True, "one table")

    def __post_init__(self) -> None:
        if self.dim == 13:
            raise SettingError("dim: 13 brings bad luck.")


def test_describe_lists_the_fields_in_order() -> None:
    lines = describe(Config)
    assert [(line.name, line.kind, line.default) for line in lines] == [
        ("dim", "a whole number >= 1", 8),
        ("rate", "a number > 0, <= 1", 0.5),
        ("loss", "full | bce", "full"),
        ("tied", "true or false", True),
    ]
    assert [line.search for line in lines] == ["4 | 8", "0.001 to 1, log", None, None]
    assert (lines[0].meaning, lines[0].source, lines[1].source) == ("width", "a paper", "TasteLM")


def test_a_setting_that_came_later_decides_nothing_until_it_is_set() -> None:
    @dataclass(frozen=True)
    class Grown:
        dim: int = setting(8, "width")
        bias: bool = setting(False, "with a bias", later=True)

    assert decisive(Grown()) == {"dim": 8}, "what was there first always counts: its default may become another"
    assert decisive(Grown(bias=True)) == {"dim": 8, "bias": True}


@pytest.mark.parametrize(
    ("given_values", "config"),
    [
        ({}, Config()),
        ({"dim": "3", "rate": "1e-1", "loss": "bce", "tied": "false"}, Config(3, 0.1, "bce", False)),
        ({"dim": 3, "rate": 1, "tied": False}, Config(3, 1.0, tied=False)),
        ({"dim": " 3 "}, Config(3)),
    ],
)
def test_values_come_as_text_or_as_they_are(given_values: dict[str, Any], config: Config) -> None:
    made = configure(Config, given_values, owner="toy")
    assert made == config
    assert [type(value) for value in vars(made).values()] == [int, float, str, bool]


@pytest.mark.parametrize(
    ("name", "value", "message"),
    [
        ("dmi", 1, r"^toy has no setting 'dmi'; did you mean 'dim'\?$"),
        ("dim", 0, r"^toy.dim: 0 does not fit \(input should be greater than or equal to 1\); it takes a whole number >= 1\.$"),
        ("dim", 2.0, r"toy.dim: 2.0 does not fit"),
        ("dim", True, r"toy.dim: True does not fit"),
        ("dim", None, r"toy.dim: None does not fit"),
        ("dim", [1], r"toy.dim: \[1\] does not fit"),
        ("dim", LARGEST + 1, r"toy.dim: 2147483648 does not fit"),
        ("rate", float("nan"), r"toy.rate: nan does not fit \(input should be a finite number\)"),
        ("rate", False, r"toy.rate: False does not fit"),
        ("loss", "BCE", r"toy.loss: 'BCE' does not fit .*it takes full \| bce"),
        ("tied", 2, r"toy.tied: 2 does not fit"),
        ("dim", 13, r"^toy.dim: 13 brings bad luck\.$"),
    ],
)
def test_what_does_not_fit_is_refused_by_name(name: str, value: object, message: str) -> None:
    with pytest.raises(SettingError, match=message):
        configure(Config, {name: value}, owner="toy")


VALUES = st.one_of(
    st.text(), st.integers().map(str), st.floats().map(str), st.sampled_from(["true", "full", "nan", "-0", "1e400", "rotary", "0x10", "١", "1_0"])
)


@given(name=st.sampled_from(SYSTEMS), data=st.data())
def test_any_text_for_any_setting_is_a_config_or_refused(name: str, data: st.DataObject) -> None:
    found = system(name)
    values = data.draw(st.dictionaries(st.sampled_from([entry.name for entry in fields(found.Config)]), VALUES, max_size=3))
    try:
        config = found.create(values).config
    except SettingError as error:
        assert str(error).startswith(f"{name}.")
    else:
        assert isinstance(config, found.Config)


@given(
    name=st.sampled_from(names()), settings=st.dictionaries(st.text(), st.one_of(st.none(), st.text(), st.integers(), st.floats(), st.booleans()), max_size=3)
)
def test_any_name_with_any_value_is_a_config_or_refused(name: str, settings: dict[str, Any]) -> None:
    try:
        system(name).create(settings)
    except SettingError as error:
        assert name in str(error)


@given(name=st.sampled_from(SYSTEMS))
def test_the_defaults_are_within_their_own_limits(name: str) -> None:
    found = system(name)
    assert configure(found.Config, vars(found.Config()), owner=name) == found.Config()
    as_text = {key: str(value) for key, value in vars(found.Config()).items()}
    assert configure(found.Config, as_text, owner=name) == found.Config()


@given(st.lists(st.text()))
@example(["a=b", "a = c"])
@example(["a==b"])
def test_assignments_are_pairs_or_refused(assignments: list[str]) -> None:
    try:
        found = parse_assignments(assignments)
    except SettingError as error:
        assert str(error).startswith("--set ")
    else:
        assert len(found) == len(assignments)
        assert all(name and value for name, value in found.items())


def test_assignments_keep_what_stands_behind_the_first_sign() -> None:
    assert parse_assignments([" lr = 1e-3 ", "note=a=b"]) == {"lr": "1e-3", "note": "a=b"}


@pytest.mark.parametrize(("dim", "heads", "positions", "message"), [
    (10, 3, "start", r"^heads: dim 10 is not a multiple of heads 3\. Choose another number of heads, or a dim that is a multiple of it\.$"),
    (10, 2, "rotary", r"^positions: rotary turns pairs of numbers, but dim 10 / heads 2 is odd\. Choose a dim that is a multiple of 4\.$"),
])  # fmt: skip
@pytest.mark.parametrize("name", ["sasrec", "bert4rec"])
def test_transformers_refuse_heads_that_cannot_be(name: str, dim: int, heads: int, positions: str, message: str) -> None:
    with pytest.raises(SettingError, match=message):
        system(name).Config(dim=dim, heads=heads, positions=positions)
    with pytest.raises(SettingError, match=f"^{name}." + message[1:]):
        system(name).create({"dim": dim, "heads": heads, "positions": positions})


@pytest.mark.parametrize("name", names())
def test_every_system_says_where_to_look_for_better_settings(name: str) -> None:
    found = system(name)
    space = search_space(found.Config)
    assert bool(space) == (name not in NOTHING_TO_TUNE)
    assert found.card.space == space
    assert found.card.row()["tuned"] == (", ".join(space) or "-")


@pytest.mark.parametrize(("name", "setting"), [(name, setting) for name in SYSTEMS for setting in search_space(system(name).Config)])
def test_a_search_space_lies_within_type_and_limits(name: str, setting: str) -> None:
    found = system(name)
    where = search_space(found.Config)[setting]
    ends = (where.low, where.high) if isinstance(where, Span) else where.choices
    for value in ends:
        made = getattr(configure(found.Config, {setting: value}, owner=name), setting)
        assert made == value and type(made) is type(value), f"{name}.{setting} is searched at {value!r}"


@given(name=st.sampled_from(SYSTEMS), data=st.data())
def test_settings_drawn_from_a_search_space_go_together(name: str, data: st.DataObject) -> None:
    found, drawn = system(name), dict[str, Any]()
    for key, where in search_space(found.Config).items():
        if isinstance(where, Among):
            drawn[key] = data.draw(st.sampled_from(where.choices))
        else:
            whole = isinstance(where.low, int)
            drawn[key] = data.draw(st.integers(int(where.low), int(where.high)) if whole else st.floats(where.low, where.high))
    assert vars(found.create(drawn).config) == {**vars(found.Config()), **drawn}


@dataclass(frozen=True)
class Stages:
    kind: str = setting("a", "kind", search=among("a", "b", "c"))
    pretrain: bool = setting(True, "whether")
    weight: float = setting(0.0, "weight", search=span(0.0, 1.0))
    rate: float = setting(0.5, "rate", search=span(0.1, 1.0), when=when("pretrain", True))
    of_b: int = setting(2, "of b", search=span(1, 3), when=when("kind", "b"))
    of_others: int = setting(2, "of a and c", search=span(1, 3), when=unless("kind", "b"))
    heat: float = setting(0.5, "of what has the weight", search=span(0.1, 1.0), when=unless("weight", 0))
    nested: float = setting(0.5, "of b's", search=span(0.1, 1.0), when=when("of_b", 1, 2, 3))


@pytest.mark.parametrize(("fixed", "left"), [
    ({}, {"kind", "weight", "rate", "of_b", "of_others", "heat", "nested"}),
    ({"kind": "a"}, {"weight", "rate", "of_others", "heat"}),
    ({"kind": "b"}, {"weight", "rate", "of_b", "heat", "nested"}),
    ({"kind": "b", "of_b": 1}, {"weight", "rate", "heat", "nested"}),
    ({"pretrain": False}, {"kind", "weight", "of_b", "of_others", "heat", "nested"}),
    ({"weight": 0.0}, {"kind", "rate", "of_b", "of_others", "nested"}),
    ({"weight": 0.5, "kind": "c", "pretrain": False}, {"of_others", "heat"}),
])  # fmt: skip
def test_what_nothing_reads_is_not_searched(fixed: dict[str, Any], left: set[str]) -> None:
    """What depends on a setting that is searched too stays, as some of its values ask for it."""
    assert set(searched(Stages(**fixed), fixed)) == left


def test_what_makes_a_setting_matter_is_said_beside_its_search() -> None:
    said = {line.name: line.search for line in describe(Stages)}
    assert (said["rate"], said["of_others"]) == ("0.1 to 1, if pretrain=true", "1 to 3, unless kind=b") and said["kind"] == "a | b | c"


@pytest.mark.parametrize(("name", "setting"), [(name, entry) for name in SYSTEMS for entry in fields(system(name).Config) if entry.metadata.get("when")])
def test_a_setting_depends_on_one_that_there_is_and_a_value_that_it_takes(name: str, setting: Any) -> None:
    depends, found = setting.metadata["when"], system(name).Config
    together = {"profile": "sex"} if name == "peterrec" else {}
    assert depends.name in vars(found()) and depends.name != setting.name
    for value in depends.values:
        made = configure(found, {depends.name: value, **together}, owner=name)
        assert getattr(made, depends.name) == value
        assert setting.name not in search_space(found) or (setting.name in searched(made, {depends.name})) is not depends.unless


@pytest.mark.parametrize(("name", "fixed", "idle"), [
    ("s3rec", {"pretrain_epochs": 0}, {"pretrain_lr", "mask"}), ("transformers4rec", {"objective": "clm"}, {"mask", "last", "max_span", "rtd_weight"}),
    ("transformers4rec", {"objective": "mlm", "loss": "bpr"}, {"max_span", "rtd_weight", "smoothing"}), ("ppr", {"tune": "none"}, {"cold", "contrast"}),
    ("gsasrec", {"loss": "bpr"}, {"calibration"}), ("gsasrec", {"loss": "full"}, {"negatives", "calibration"}), ("cl4srec", {"weight": 0}, {"crop"}),
    ("cl4srec", {"changes": "informative"}, {"crop", "mask"}), ("cl4srec", {}, {"similar"}),
    ("uprec", {"pretrain": False}, {"attribute_weight", "relation_weight"}), ("peterrec", {"tune": "head", "profile": "sex"}, {"bottleneck"}),
])  # fmt: skip
def test_settings_of_what_is_switched_off_are_not_searched(name: str, fixed: dict[str, Any], idle: set[str]) -> None:
    found = system(name)
    left = searched(found.create(fixed).config, fixed)
    assert left and not idle & set(left) and idle <= set(found.card.space)


@pytest.mark.parametrize(("make", "message"), [
    (lambda: span(2, 1), r"span\(2, 1, log=False\): the first number must be the smaller one"),
    (lambda: span(0, 1, log=True), r"span\(0, 1, log=True\): .* above 0 where log=True"),
    (lambda: among(1), r"among\(1,\): give at least two choices, each of them once"),
    (lambda: among(1, 2, 1), r"among\(1, 2, 1\): give at least two choices"),
    (lambda: setting(3, "count", search=span(0.5, 4)), r"search 0\.5 to 4: the setting takes whole numbers"),
    (lambda: setting(0.3, "share", search=span(0.5, 1)), r"search 0\.5 to 1 does not hold the default 0\.3, with which a search begins"),
    (lambda: setting("a", "kind", search=among("b", "c")), r"search b \| c does not hold the default a"),
])  # fmt: skip
def test_a_search_space_that_cannot_be_is_refused_where_it_is_declared(make: Any, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        make()


def test_a_span_of_fractions_is_one_of_fractions_whatever_its_ends() -> None:
    @dataclass(frozen=True)
    class Toy:
        share: float = setting(0.5, "share", search=span(0, 1))
        count: int = setting(2, "count", search=span(1, 3))

    share, count = search_space(Toy).values()
    assert isinstance(share, Span) and isinstance(share.low, float) and 0.25 in share and True not in share
    assert isinstance(count, Span) and isinstance(count.low, int)
