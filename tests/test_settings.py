"""Typed settings: parsed from text, refused by name, listed from the fields."""

from dataclasses import dataclass, fields
from typing import Any, Literal

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from tastelm.errors import SettingError
from tastelm.settings import LARGEST, configure, describe, parse_assignments, setting
from tastelm.systems.catalogue import names, system

SYSTEMS = [name for name in names() if fields(system(name).Config)]


@dataclass(frozen=True)
class Config:
    dim: int = setting(8, "width", source="a paper", at_least=1)
    rate: float = setting(0.5, "share", above=0, at_most=1)
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
    assert (lines[0].meaning, lines[0].source, lines[1].source) == ("width", "a paper", "TasteLM")


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
