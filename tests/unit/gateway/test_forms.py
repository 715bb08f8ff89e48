"""Forms as browsers, `curl -d` and servers send them, without files."""

import json
from typing import Any
from urllib.parse import urlencode

import pytest
from hypothesis import given
from hypothesis import strategies as st

from libs.common import errors
from services.gateway import payload

FORM = "application/x-www-form-urlencoded"


def form(body: bytes | str, content_type: str = FORM) -> Any:
    content = payload.parse("", content_type, body.encode() if isinstance(body, str) else body)
    assert json.loads(bytes(content.input)) == content.values
    return content.values


def test_fields_are_texts_repeated_ones_lists_and_blank_ones_kept() -> None:
    assert form("a=1&b=2&b=&b=2&c=&d&=e") == {"a": "1", "b": ["2", "", "2"], "c": "", "d": "", "": "e"}


def test_escapes_are_undone_once() -> None:
    assert form("a+b=c+d%2B%26%3D&x=%2541&y=a=b&z=%C3%A4ö%00&p=100%") == {
        "a b": "c d+&=",
        "x": "%41",
        "y": "a=b",
        "z": "äö\0",
        "p": "100%",
    }


@pytest.mark.parametrize(
    ("body", "charset"),
    [
        (b"a=%E4&b=\xe4", "iso-8859-1"),
        (b"a=%C3%A4&b=\xc3\xa4", "UTF-8"),
        (b"\xef\xbb\xbfa=%C3%A4&b=%C3%A4", "utf-8"),
        ("a=%C3%A4&b=ä".encode("utf-16"), "utf-16"),
        ("a=%C3%A4&b=ä".encode("cp500"), "cp500"),
    ],
)
def test_the_charset_is_that_of_the_bytes_that_are_escaped(body: bytes, charset: str) -> None:
    assert form(body, f"{FORM}; charset={charset}") == {"a": "ä", "b": "ä"}


def test_escapes_between_the_letters_of_a_stateful_charset_are_one_text() -> None:
    escaped = urlencode({"a": "日本"}, encoding="iso-2022-jp")

    assert form(escaped, f"{FORM}; charset=iso-2022-jp") == {"a": "日本"}


@pytest.mark.parametrize("body", [b"a=%ff", b"a=\xff", b"a=%ED%A0%80", b"%C3=1"])
def test_what_is_no_text_is_refused(body: bytes) -> None:
    with pytest.raises(errors.InvalidPayload):
        form(body)


def test_10000_fields_pass_and_10001_do_not() -> None:
    assert len(form("&".join(["a=1"] * 10_000))["a"]) == 10_000

    with pytest.raises(errors.InvalidPayload, match="10000 fields"):
        form("&".join(["a=1"] * 10_001))


@pytest.mark.parametrize("content_type", [FORM, "multipart/form-data", "multipart/form-data; boundary=x"])
def test_an_object_or_array_that_is_labelled_a_form_is_json(content_type: str) -> None:
    assert form(' {"a": "b=c&d"}', content_type) == {"a": "b=c&d"}
    assert form("[1]", content_type) == {"body": [1]}


@pytest.mark.parametrize("body", ['{"a": 1,}', '{"a": "b=c",}', "[1, 2", "[" * 65 + "]" * 65])
def test_what_begins_as_json_but_is_none_is_told_what_is_wrong_with_it(body: str) -> None:
    with pytest.raises(errors.InvalidPayload, match="JSON"):
        form(body)


def test_a_name_in_brackets_is_a_name() -> None:
    assert form("[a]=1&{b}=2") == {"[a]": "1", "{b}": "2"}


def test_any_other_json_that_is_labelled_a_form_is_a_name() -> None:
    assert form("12") == {"12": ""}
    assert form('"a"') == {'"a"': ""}


def test_the_body_is_kept_as_text() -> None:
    assert payload.parse("", f"{FORM}; charset=latin-1", b"a=%E4\xe4").text == "a=%E4ä"


@given(st.dictionaries(st.text(min_size=1), st.text() | st.lists(st.text(), min_size=2, max_size=4), min_size=1))
def test_every_form_comes_out_as_it_was(fields: dict[str, Any]) -> None:
    assert form(urlencode(fields, doseq=True)) == fields


@given(st.dictionaries(st.text(), st.text() | st.lists(st.text(), min_size=2, max_size=4), min_size=1))
def test_every_query_comes_out_as_it_was(fields: dict[str, Any]) -> None:
    assert payload.parse(urlencode(fields, doseq=True), "", b"").values == fields
