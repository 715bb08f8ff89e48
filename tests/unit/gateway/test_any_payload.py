"""Any bytes of any type have a documented answer, and what was accepted can be read by everybody."""

import itertools
import json
from typing import Any

import msgspec
from hypothesis import given
from hypothesis import strategies as st

from libs.common import errors
from services.gateway import payload
from tests.unit.gateway import samples
from tests.unit.gateway.world import World

TYPES = st.sampled_from(
    [
        "",
        "application/json",
        "application/x-www-form-urlencoded",
        "multipart/form-data; boundary=x",
        "application/xml",
        "image/svg+xml",
        "text/plain",
        "application/problem+json",
    ]
)
CHARSETS = st.sampled_from(["", "; charset=utf-8", "; charset=latin-1", "; charset=utf-16", "; charset=big5", ";;=;"])
WORDS = b"""{"a": [ ] } --x --x-- a=1 & % %C3 <a> </a> <! <?xml encoding=' 0 " Content-Disposition:form-data;name=a"""
PIECES = st.sampled_from([*WORDS.split(), b"\r\n", b"\xff\xfe", b"\xef\xbb\xbf", b"; filename=b"])
BODIES = st.binary(max_size=100) | st.lists(PIECES | st.binary(max_size=3), max_size=20).map(b"".join)


@given(st.text(max_size=20), TYPES | st.text(max_size=40), CHARSETS, BODIES)
def test_any_body_is_taken_or_refused(query: str, content_type: str, charset: str, body: bytes) -> None:
    query = query.encode("utf-8", "surrogatepass").decode("utf-8", "surrogateescape")

    try:
        content = payload.parse(query, content_type + charset, body)
    except errors.InvalidPayload:
        return

    assert msgspec.json.decode(content.input) == content.values
    assert msgspec.json.decode(msgspec.json.encode(content.text)) == content.text


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=20,
)


@given(st.dictionaries(st.text(), JSON), st.booleans(), st.sampled_from(["utf-8", "utf-16", "utf-32", "utf-8-sig"]))
def test_every_json_comes_out_as_it_was(value: dict[str, Any], escaped: bool, charset: str) -> None:
    body = json.dumps(value, ensure_ascii=escaped).encode(charset)

    content = payload.parse("", f"application/json; charset={charset}", body)

    assert content.values == value
    assert json.loads(bytes(content.input)) == value


ODD_TYPES = ["", "application/json", "application/xml", "application/x-www-form-urlencoded", "multipart/form-data"]
ODD_PARAMETERS = ["", "; boundary=x", "; charset=utf-16", '; charset="', "; boundary*0=x; charset*=a'b'%ff"]
ODD_BODIES = [b"\0", b"\xff\xfe", b"{" * 2000, b"<a>" * 2000, b"a=%", b"--x", b"--x\r\n\r\n\r\n--x--", b"<!DOCTYPE a>"]


async def test_no_body_is_answered_as_a_fault_of_ours(world: World) -> None:
    flow = world.save(samples.flow())
    statuses = set()

    for kind, parameters, body in itertools.product(ODD_TYPES, ODD_PARAMETERS, ODD_BODIES):
        for encoding in ("identity", "deflate"):
            headers = {"Content-Type": kind + parameters, "Content-Encoding": encoding}
            statuses.add((await world.call(flow, data=body, headers=headers)).status)

    assert statuses <= {200, 400}
