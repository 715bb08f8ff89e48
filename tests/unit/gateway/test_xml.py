"""XML, converted as xmltodict does, and what of XML is not taken."""

import base64
import codecs
import gzip
import json
from pathlib import Path
from typing import Any

import pytest
import xmltodict

from libs.common import errors
from services.gateway import payload

SAMPLES = Path(__file__).parents[4] / "shared" / "suites" / "soap-samples.json.gz"


def xml(body: bytes | str, content_type: str = "application/xml", query: str = "") -> Any:
    content = payload.parse(query, content_type, body.encode() if isinstance(body, str) else body)
    assert json.loads(bytes(content.input)) == content.values
    return content.values


@pytest.mark.parametrize("content_type", ["application/xml", "text/xml; charset=utf-8", "Application/SOAP+XML"])
def test_the_root_is_kept_attributes_and_text_are_marked(content_type: str) -> None:
    body = '<o:order xmlns:o="urn:x" id="7"><item>a</item><item n="1">b &lt;&#x20ac;</item><note/> tail</o:order>'

    assert xml(body, content_type, "q=1") == {
        "q": "1",
        "o:order": {
            "@xmlns:o": "urn:x",
            "@id": "7",
            "item": ["a", {"@n": "1", "#text": "b <€"}],
            "note": None,
            "#text": "tail",
        },
    }


def test_soap_samples_are_converted_as_xmltodict_does() -> None:
    if not SAMPLES.exists():
        pytest.skip(f"{SAMPLES.name} is not beside the project")
    samples = json.loads(gzip.decompress(SAMPLES.read_bytes()))
    assert len(samples) > 50

    for sample in samples:
        body = base64.b64decode(sample["body"])
        if b"<!DOCTYPE" in body:
            with pytest.raises(errors.InvalidPayload, match="DOCTYPE"):
                xml(body, "text/xml")
        else:
            assert xml(body, "text/xml") == xmltodict.parse(body), sample["name"]


@pytest.mark.parametrize(
    ("body", "content_type"),
    [
        ("<a>ä</a>".encode(), "text/xml"),
        ("<a>ä</a>".encode("latin-1"), "text/xml; charset=ISO-8859-1"),
        ('<?xml version="1.0" encoding="ISO-8859-1"?><a>ä</a>'.encode("latin-1"), "text/xml"),
        ("<?xml version='1.0' encoding = 'windows-1252' ?><a>ä</a>".encode("cp1252"), "text/xml"),
        ('<?xml version="1.0" encoding="ISO-8859-1"?><a>ä</a>'.encode(), "text/xml; charset=utf-8"),
        (codecs.BOM_UTF8 + '<?xml version="1.0" encoding="latin-1"?><a>ä</a>'.encode(), "text/xml; charset=latin-1"),
        ('<?xml version="1.0" encoding="UTF-16"?><a>ä</a>'.encode("utf-16"), "text/xml"),
        ('<?xml version="1.0" encoding="UTF-16"?><a>ä</a>'.encode("utf-16-le"), "text/xml"),
        ('<?xml version="1.0" encoding="UTF-16"?><a>ä</a>'.encode("utf-16-be"), "text/xml"),
        ("<a>ä</a>".encode("utf-16-be"), "text/xml; charset=utf-16be"),
        ("<a>ä</a>".encode("shift_jisx0213", "xmlcharrefreplace"), "text/xml; charset=Shift_JISx0213"),
    ],
)
def test_the_encoding_is_that_of_mark_then_type_then_declaration(body: bytes, content_type: str) -> None:
    content = payload.parse("", content_type, body)

    assert content.values == {"a": "ä"}
    assert content.text.endswith("</a>")
    assert content.text[0] == "<"


@pytest.mark.parametrize(
    "body",
    [
        b"<a>\xe4</a>",
        b'<?xml version="1.0" encoding="klingon"?><a/>',
        b'<?xml version="1.0" encoding="base64"?><a/>',
        b'<?xml version="1.0" encoding="utf-7"?><a/>',
        b'<?xml version="1.0" encoding="us-ascii"?><a>\xc3\xa4</a>',
        b'<?xml version="1.0" encoding="utf-16"?><a>b</a>',
    ],
)
def test_an_encoding_that_is_unknown_or_wrong_is_refused(body: bytes) -> None:
    with pytest.raises(errors.InvalidPayload):
        xml(body)


@pytest.mark.parametrize(
    "body",
    [
        " ",
        "a=1",
        '{"a": 1}',
        "<a>",
        "<a></b>",
        "<a/><b/>",
        "<a b=1/>",
        "<a>&b;</a>",
        "<a>&#0;</a>",
        "<a>&#xD800;</a>",
        "<a>\0</a>",
        "x<a/>",
        '<a b="1" b="2"/>',
    ],
)
def test_what_is_not_well_formed_is_refused(body: str) -> None:
    with pytest.raises(errors.InvalidPayload):
        xml(body)


def test_a_refusal_says_where() -> None:
    with pytest.raises(errors.InvalidPayload, match="mismatched tag at line 2, column 5"):
        xml("<a>\n  </b>")


@pytest.mark.parametrize(
    "doctype",
    [
        "<!DOCTYPE a>",
        '<!DOCTYPE a SYSTEM "http://127.0.0.1:1/a.dtd">',
        '<!DOCTYPE a PUBLIC "-//W3C//DTD" "http://127.0.0.1:1/a.dtd">',
        '<!DOCTYPE a [<!ENTITY b "c">]>',
        '<!DOCTYPE a [<!ENTITY b SYSTEM "file:///etc/passwd">]>',
        '<!DOCTYPE a [<!ENTITY % b SYSTEM "file:///etc/passwd"> %b;]>',
        '<!DOCTYPE a [<!ENTITY b "' + "x" * 1000 + '"><!ENTITY c "' + "&b;" * 1000 + '">]>',
        "<!DOCTYPE a [<!ELEMENT a ANY>]>",
    ],
)
def test_a_document_type_is_refused_before_anything_is_made_of_it(doctype: str) -> None:
    for encoding in ("utf-8", "utf-16"):
        with pytest.raises(errors.InvalidPayload, match="DOCTYPE"):
            xml(f'<?xml version="1.0"?>{doctype}<a>&b;</a>'.encode(encoding))


def test_an_inclusion_is_an_element_as_any_other() -> None:
    include = '<xi:include xmlns:xi="http://www.w3.org/2001/XInclude" href="file:///etc/passwd" parse="text"/>'

    assert xml(f"<a>{include}</a>")["a"]["xi:include"]["@href"] == "file:///etc/passwd"


def test_64_levels_pass_and_65_do_not() -> None:
    xml("<a>" * 64 + "</a>" * 64)

    for body in ("<a>" * 65 + "</a>" * 65, "<a>" * 300_000):
        with pytest.raises(errors.InvalidPayload, match="nested deeper than 64"):
            xml(body)


def test_elements_side_by_side_are_no_nesting() -> None:
    assert xml("<a>" + "<b/>" * 1000 + "</a>") == {"a": {"b": [None] * 1000}}
