import codecs
import json
from typing import Any

import pytest

from libs.common import errors
from services.gateway import payload


def parse(body: bytes | str = b"", query: str = "", content_type: str = "application/json") -> payload.Content:
    return payload.parse(query, content_type, body.encode() if isinstance(body, str) else body)


def input_of(*args: Any, **kwargs: Any) -> Any:
    content = parse(*args, **kwargs)
    assert json.loads(bytes(content.input)) == content.values
    return content.values


def test_nothing_sent_is_an_empty_dictionary() -> None:
    assert input_of() == {}
    assert input_of(content_type="application/xml") == {}


def test_query_and_body_are_one_dictionary_and_the_body_wins() -> None:
    assert input_of('{"a": 1, "b": 2}', "b=query&c=3") == {"a": 1, "b": 2, "c": "3"}


def test_a_repeated_parameter_is_a_list_and_a_blank_one_is_kept() -> None:
    assert input_of(query="a=1&a=2&a=3&b=&c") == {"a": ["1", "2", "3"], "b": "", "c": ""}


def test_parameters_are_decoded_as_utf8() -> None:
    assert input_of(query="n=%C3%A4+%2B&%C3%B6=\udcc3\udcb6") == {"n": "ä +", "ö": "ö"}


@pytest.mark.parametrize("query", ["a=%ff", "a=\udcff", "a=%ED%A0%80", "&".join(["a=1"] * 10_001)])
def test_a_query_that_is_no_utf8_or_endless_is_refused(query: str) -> None:
    with pytest.raises(errors.InvalidPayload):
        parse(query=query)


@pytest.mark.parametrize(
    ("body", "value"), [("[1, 2]", [1, 2]), ("null", None), ('"x"', "x"), ("1.5", 1.5), (" true\n", True)]
)
def test_json_that_is_no_object_stands_under_body(body: str, value: Any) -> None:
    assert input_of(body) == {"body": value}
    assert input_of(body, "q=1") == {"q": "1", "body": value}


@pytest.mark.parametrize(
    "content_type",
    ["", "application/json", "application/vnd.api+json", "text/plain", "nonsense", "application/json; charset=UTF-8"],
)
def test_json_is_read_whatever_the_type_says(content_type: str) -> None:
    assert input_of('{"a": 1}', content_type=content_type) == {"a": 1}


@pytest.mark.parametrize("content_type", ["", "text/plain", "application/octet-stream", "nonsense"])
def test_a_body_of_another_type_is_a_form_where_all_of_it_is_plainly_one(content_type: str) -> None:
    body = "a=1&a=2&user%5Bid%5D=7&x[y].z-ä_=p q&b="

    assert input_of(body, "q=1", content_type=content_type) == {
        "q": "1",
        "a": ["1", "2"],
        "user[id]": "7",
        "x[y].z-ä_": "p q",
        "b": "",
    }


@pytest.mark.parametrize(
    "body",
    ["hello", "a=1&b", "a=1&&b=2", "=1", "a b=1", "<a b='1'/>", '{"a": "b=c"', "[a]=1", "a%zz=1", " a=1", "a=%ff"],
)
def test_what_is_neither_json_nor_plainly_a_form_is_refused(body: str) -> None:
    with pytest.raises(errors.InvalidPayload):
        parse(body, content_type="text/plain")


def test_a_form_of_another_type_keeps_to_the_limits_of_forms() -> None:
    with pytest.raises(errors.InvalidPayload, match="more than 10000 fields"):
        parse("&".join(["a=1"] * 10_001), content_type="text/plain")


def test_a_content_type_that_is_too_long_counts_as_none() -> None:
    assert input_of("a=1", content_type="application/json; x=" + "y" * 500) == {"a": "1"}


def test_json_of_type_json_is_never_a_form() -> None:
    with pytest.raises(errors.InvalidPayload, match="not valid JSON"):
        parse("a=1", content_type="application/json")


def test_integers_and_characters_are_kept_exactly() -> None:
    body = '{"n": %s, "s": "\\u0000\\u2028\U0001f600"}' % ("9" * 4300)

    content = parse(body)

    assert bytes(content.input) == body.encode()
    assert content.values["s"] == "\0\u2028\U0001f600"
    assert str(parse(body, "q=1").values["n"]) == "9" * 4300


@pytest.mark.parametrize(
    "body",
    [
        "",
        " ",
        "NaN",
        "[Infinity]",
        '{"a": 1e400}',
        '["\\ud800"]',
        '["\\udc00\\ud800"]',
        "{'a': 1}",
        '{"a": 1,}',
        "[1",
        "{} {}",
        "a=1&b=2",
        "1" * 4301,
        "\x00",
    ],
)
def test_what_is_no_strict_json_is_refused(body: str) -> None:
    for content_type in ("application/json", "application/x+json"):
        with pytest.raises(errors.InvalidPayload):
            parse(b"\xef\xbb\xbf" + body.encode(), content_type=content_type)


def test_a_refusal_says_where() -> None:
    with pytest.raises(errors.InvalidPayload, match="line 2, column 10"):
        parse('{\n  "ä": 1,}')


@pytest.mark.parametrize(
    ("body", "content_type"),
    [
        (b'\xef\xbb\xbf{"a": "\xc3\xa4"}', "application/json"),
        (b'{"a": "\xe4"}', "application/json; charset=iso-8859-1"),
        (b'{"a": "\xe4"}', 'application/json; charset="windows-1252"'),
        ('{"a": "ä"}'.encode("utf-16"), "application/json; charset=utf-16"),
        ('{"a": "ä"}'.encode("utf-8-sig"), "application/json; charset=utf-8-sig"),
        ('{"a": "ä"}'.encode("utf-16"), "application/json"),
        (codecs.BOM_UTF16_BE + '{"a": "ä"}'.encode("utf-16-be"), "text/plain"),
        ('{"a": "ä"}'.encode("utf-32"), ""),
    ],
)
def test_the_charset_is_obeyed_and_a_byte_order_mark_is_fine(body: bytes, content_type: str) -> None:
    content = parse(body, content_type=content_type)

    assert content.values == {"a": "ä"}
    assert content.text == '{"a": "ä"}'
    assert bytes(content.input) == '{"a": "ä"}'.encode()


@pytest.mark.parametrize(
    ("body", "charset"),
    [
        (b'{"a": "\xe4"}', "utf-8"),
        (b'{"a": "\xed\xa0\x80"}', "utf-8"),
        (b"{}", "klingon"),
        (b"{}", "hex"),
        (b"{}", "base64"),
        (b"{}", "idna"),
        (b"{}", "unicode_escape"),
        (b"{}", "undefined"),
        (b"{}", "\0"),
        (b"{", "utf-16"),
    ],
)
def test_what_cannot_be_decoded_is_refused(body: bytes, charset: str) -> None:
    with pytest.raises(errors.InvalidPayload):
        parse(body, content_type=f"application/json; charset={charset}")


@pytest.mark.parametrize(("opening", "closing"), [("[", "]"), ('{"a":', "}"), ('[{"[":', "}]")])
def test_64_levels_pass_and_65_do_not(opening: str, closing: str) -> None:
    brackets = opening.count("[") + opening.count("{") - opening.count('"[')
    times = 64 // brackets

    parse(opening * times + "1" + closing * times)

    with pytest.raises(errors.InvalidPayload, match="nested deeper than 64"):
        parse("[" + opening * times + "1" + closing * times + "]")


def test_brackets_in_texts_and_side_by_side_are_no_nesting() -> None:
    wide = [{"a": '[[[[\\"{{{{' * 20, "b": []} for _ in range(500)]

    assert input_of(json.dumps(wide)) == {"body": wide}


@pytest.mark.parametrize("body", ["[" * 100_000, '{"a":' * 100_000, "[" * 500_000 + "]" * 500_000, "[]" * 500_000])
def test_a_body_made_to_be_nested_is_refused_without_recursion(body: str) -> None:
    with pytest.raises(errors.InvalidPayload):
        parse(body)
