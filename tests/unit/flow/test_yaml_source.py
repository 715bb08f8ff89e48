"""YAML as flow documents have it: scalars mean what they mean in JSON, and nothing multiplies."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from libs.common import errors
from libs.common.flow import yaml_source, yaml_writer

PLAIN = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.text(st.characters(codec="utf-8"))
    | st.from_regex(r"-?[0-9.eE+-]{1,6}", fullmatch=True),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text("abc", min_size=1), inner, max_size=3),
    max_leaves=8,
)


def read(source: str) -> Any:
    return yaml_source.read(source.encode())[0]


@pytest.mark.parametrize(
    ("scalar", "value"),
    [
        ("yes", "yes"),
        ("no", "no"),
        ("on", "on"),
        ("off", "off"),
        ("1:20", "1:20"),
        ("012", "012"),
        ("0x1F", "0x1F"),
        ("0o17", "0o17"),
        ("1_000", "1_000"),
        ("+1", "+1"),
        ("1.", "1."),
        (".5", ".5"),
        (".inf", ".inf"),
        (".nan", ".nan"),
        ("2026-01-01", "2026-01-01"),
        ("True", "True"),
        ("NULL", "NULL"),
        ("=", "="),
        ("true", True),
        ("false", False),
        ("null", None),
        ("~", None),
        ("", None),
        ("0", 0),
        ("-12", -12),
        ("1.50", 1.5),
        ("1e3", 1000.0),
        ("'1'", "1"),
        ('"true"', "true"),
        ("123456789012345678901234567890", 123456789012345678901234567890),
    ],
)
def test_scalar_means_what_it_means_in_json(scalar: str, value: Any) -> None:
    result = read(f"x: {scalar}")["x"]

    assert result == value
    assert type(result) is type(value)


@given(st.dictionaries(st.text("abc", min_size=1), PLAIN))
def test_what_yaml_writes_is_read_back(value: dict[str, Any]) -> None:
    assert read(yaml_writer.write(value)) == value


@pytest.mark.parametrize(
    ("source", "message"),
    [
        ("a: &x 1\nb: *x", "anchors are not taken"),
        ("a: &x [1]\nb: [*x, *x]", "aliases are not taken"),
        ("a: 1\na: 2", "stands twice"),
        ("a: !!python/object:os.system 1", "tags are not taken"),
        ("a: !!str 12", "tags are not taken"),
        ("? [a]\n: 1", "a key must be a text"),
        ("a: 1e400", "too large"),
        ("a: " + "9" * 5000, "too large"),
        ("a: 1\n---\nb: 2", "more than one YAML document"),
        ("a: [", "is not YAML"),
        ("a: \x01", "is not YAML"),
        ("a: " + "[" * 70 + "]" * 70, "nested deeper than 64"),
        ("a: " + "[" * 5000, "nesting depth"),
        ("<<: {a: 1}\n<<: {b: 1}", "stands twice"),
    ],
)
def test_refused(source: str, message: str) -> None:
    with pytest.raises(errors.InvalidFlow, match=message):
        read(source)


def test_all_refused_parts_are_told_with_their_places() -> None:
    with pytest.raises(errors.InvalidFlow) as raised:
        read("a: &x 1\nb:\n  - *x\n  - c: 1\n    c: 2\n")

    assert [(fault.path, fault.line, fault.column) for fault in raised.value.faults] == [
        ("a", 1, 4),
        ("b[0]", 3, 5),
        ("b[1].c", 5, 5),
    ]


def test_empty_source_is_null() -> None:
    assert read("") is None


def test_marks_point_at_keys_and_values() -> None:
    _, marks = yaml_source.read(b"a:\n  - b: 1\n    'c d': 2\n")

    assert (marks.keys["a[0].b"].line, marks.keys["a[0].b"].column) == (2, 5)
    assert (marks.values["a[0].b"].line, marks.values["a[0].b"].column) == (2, 8)
    assert marks.keys["a[0]['c d']"].line == 3
