"""multipart/form-data as browsers, curl and libraries send it."""

import base64
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from libs.common import errors
from services.gateway import payload

BOUNDARY = "----WebKitFormBoundaryVk4x"


def part(disposition: str, content: bytes | str = b"", *headers: str) -> bytes:
    lines = [f"Content-Disposition: form-data{disposition}", *headers]
    return "\r\n".join(lines).encode() + b"\r\n\r\n" + (content.encode() if isinstance(content, str) else content)


def body_of(*parts: bytes) -> bytes:
    return b"".join(b"--%b\r\n%b\r\n" % (BOUNDARY.encode(), each) for each in parts) + f"--{BOUNDARY}--\r\n".encode()


def parse(body: bytes, parameters: str = f"; boundary={BOUNDARY}") -> Any:
    content = payload.parse("", f"multipart/form-data{parameters}", body)
    assert json.loads(bytes(content.input)) == content.values
    return content.values


def form(*parts: bytes) -> Any:
    return parse(body_of(*parts))


def file(filename: str, content_type: str, content: bytes) -> dict[str, Any]:
    return {
        "filename": filename,
        "content_type": content_type,
        "size": len(content),
        "content": base64.b64encode(content).decode(),
    }


def test_fields_are_texts_repeated_ones_lists_and_blank_ones_kept() -> None:
    values = form(
        part('; name="a"', " ä\r\n\0 "), part('; name="b"', "1"), part('; name="b"'), part("; name=c", "x"), part("")
    )

    assert values == {"a": " ä\r\n\0 ", "b": ["1", ""], "c": "x", "": ""}


def test_a_file_is_its_name_type_size_and_content() -> None:
    content = bytes(range(256)) + b"\r\n--no boundary\r\n"

    values = form(part('; name="f"; filename="ä.bin"', content, "Content-Type: image/png"))

    assert values == {"f": file("ä.bin", "image/png", content)}


def test_files_of_one_name_are_a_list() -> None:
    values = form(
        part('; name="f"; filename="a"', b"1", "Content-Type: text/plain; charset=utf-8"),
        part('; name="f"; filename="b"', b""),
    )

    assert values == {"f": [file("a", "text/plain; charset=utf-8", b"1"), file("b", "application/octet-stream", b"")]}


def test_a_browsers_file_field_without_a_file_is_null() -> None:
    empty = part('; name="f"; filename=""', b"", "Content-Type: application/octet-stream")

    assert form(empty) == {"f": None}
    assert form(part('; name="f"; filename=""', b"x")) == {"f": file("", "application/octet-stream", b"x")}


def test_a_part_with_a_type_but_without_a_filename_is_text() -> None:
    forged = json.dumps(file("a", "text/plain", b"1"))

    assert form(part('; name="j"', forged, "Content-Type: application/json")) == {"j": forged}


def test_a_text_may_name_its_charset() -> None:
    latin = part('; name="a"', b"\xe4", 'Content-Type: text/plain; charset="iso-8859-1"')

    assert form(latin) == {"a": "ä"}
    assert parse(body_of(part('; name="a"', b"\xe4")), f"; charset=latin-1; boundary={BOUNDARY}") == {"a": "ä"}


def test_a_byte_order_mark_in_a_field_is_part_of_it() -> None:
    assert form(part('; name="a"', "\ufeffx")) == {"a": "\ufeffx"}


@pytest.mark.parametrize(
    ("sent", "name"),
    [
        ('filename="a%22b%0D%0A.txt"', 'a"b\r\n.txt'),
        ('filename="a\\"b.txt"', 'a"b.txt'),
        ('filename="100%.txt"', "100%.txt"),
        ('filename="a;b=c.txt"', "a;b=c.txt"),
        ("filename=plain.txt", "plain.txt"),
        ("filename=\"x\"; filename*=UTF-8''%C3%A4%20b.txt", "ä b.txt"),
        ("filename*=utf-8'en'%E2%82%AC.txt", "€.txt"),
    ],
)
def test_names_are_read_as_browsers_and_older_senders_write_them(sent: str, name: str) -> None:
    assert form(part(f'; name="f"; {sent}', b"x"))["f"]["filename"] == name


@pytest.mark.parametrize(
    ("encoding", "sent"), [("base64", b"w6Q9\r\n"), ("Quoted-Printable", b"=C3=A4=3D"), ("8bit", "ä=".encode())]
)
def test_a_transfer_encoding_is_undone(encoding: str, sent: bytes) -> None:
    assert form(part('; name="a"', sent, f"Content-Transfer-Encoding: {encoding}")) == {"a": "ä="}


def test_a_quoted_boundary_a_preamble_and_an_epilogue_are_fine() -> None:
    body = b"This is a form.\r\n" + body_of(part('; name="a"', "1")) + b"the end"

    assert parse(body, f'; charset=utf-8; boundary="{BOUNDARY}"') == {"a": "1"}


def test_a_form_without_fields_is_empty() -> None:
    assert form() == {}


def test_10000_parts_pass_and_10001_do_not() -> None:
    assert len(form(*[part('; name="a"', "1")] * 10_000)["a"]) == 10_000

    with pytest.raises(errors.InvalidPayload, match="10000 fields"):
        form(*[part('; name="a"', "1")] * 10_001)


@pytest.mark.parametrize(
    "body",
    [
        b"a=1",
        b"--" + BOUNDARY.encode(),
        body_of(part('; name="a"', "1"))[:-10],
        body_of(part('; name="a"', "1")).replace(b"\r\n", b"\n"),
        body_of(b"\r\n1"),
        body_of(b"Content-Type: text/plain\r\n\r\n1"),
        body_of(b"Content-Disposition: attachment; name=a\r\n\r\n1"),
        body_of(b"Content-Disposition: form-data; name=\xff\r\n\r\n1"),
        body_of(part('; name="a"', b"\xff")),
        body_of(part('; name="a"', b"x", "Content-Type: text/plain; charset=klingon")),
        body_of(part('; name="a"', b"x", "Content-Type: text/plain; charset=utf-7")),
        body_of(part("; name=a; filename*=utf-8''%ff", b"x")),
        body_of(part('; name="a"', b"x", "Content-Length: 7")),
        body_of(part('; name="a"', b"x", "nonsense")),
        body_of(part('; name="a"', b"x", "X-Long: " + "x" * 5000)),
        body_of(part('; name="a"', b"x", *["X-A: b"] * 50)),
        body_of(part('; name="a"', b"w6Q9x", "Content-Transfer-Encoding: base64")),
    ],
)
def test_what_is_no_such_form_is_refused(body: bytes) -> None:
    with pytest.raises(errors.InvalidPayload):
        parse(body)


@pytest.mark.parametrize("parameters", ["", "; boundary=", '; boundary=""', "; boundary*=utf-8''x"])
def test_a_boundary_must_be_named(parameters: str) -> None:
    with pytest.raises(errors.InvalidPayload, match="boundary"):
        parse(body_of(), parameters)


def test_a_charset_that_is_not_known_is_refused_even_for_files() -> None:
    with pytest.raises(errors.InvalidPayload, match="charset"):
        parse(body_of(part("; name=a; filename=b", b"x")), f"; charset=klingon; boundary={BOUNDARY}")


def test_the_body_is_kept_as_text_as_far_as_it_is_text() -> None:
    body = body_of(part('; name="f"; filename="ä"', b"a\xff"))

    assert payload.parse("", f"multipart/form-data; boundary={BOUNDARY}", body).text == body.decode(errors="replace")


NAMES = st.text(st.characters(exclude_characters='\\%"\r\n', codec="utf-8"), max_size=20)
FILES = st.tuples(NAMES.filter(bool), st.binary(max_size=200))


@given(st.dictionaries(NAMES, st.text(max_size=50) | FILES, max_size=5))
def test_every_form_comes_out_as_it_was(fields: dict[str, Any]) -> None:
    parts = [
        part(f'; name="{name}"', value)
        if isinstance(value, str)
        else part(f'; name="{name}"; filename="{value[0]}"', value[1], "Content-Type: image/png")
        for name, value in fields.items()
    ]

    wanted = {
        name: value if isinstance(value, str) else file(value[0], "image/png", value[1])
        for name, value in fields.items()
    }
    assert form(*parts) == wanted
