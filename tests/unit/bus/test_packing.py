"""How letters share messages."""

from dataclasses import dataclass

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from libs.common import errors
from libs.common.bus import port
from libs.common.bus.rabbitmq import packing


@dataclass(frozen=True)
class Bearer:
    letter: port.Letter


def bearer(body: bytes = b"1", *, key: str = "k", schema: str = "s/1", alone: bool = False) -> Bearer:
    return Bearer(port.Letter("exchange", key, schema, body, alone=alone))


def sizes(*bearers: Bearer) -> list[int]:
    return [len(pack) for pack in packing.packs(bearers)]


def test_letters_to_one_address_share_a_message() -> None:
    assert sizes(bearer(), bearer(), bearer()) == [3]


def test_nothing_to_send_is_no_message() -> None:
    assert sizes() == []


def test_message_holds_no_more_letters_than_the_limit() -> None:
    assert sizes(*[bearer()] * (2 * port.MAX_PACK + 1)) == [port.MAX_PACK, port.MAX_PACK, 1]


def test_letter_to_another_address_ends_the_message_so_that_none_overtakes() -> None:
    assert sizes(bearer(), bearer(key="other"), bearer()) == [1, 1, 1]
    assert sizes(bearer(), bearer(schema="s/2")) == [1, 1]


def test_letter_with_other_headers_ends_the_message() -> None:
    marked = Bearer(port.Letter("exchange", "k", "s/1", b"1", headers={"traceparent": "00-1-2-01"}))

    assert sizes(bearer(), marked, marked) == [1, 2]


def test_letter_that_is_to_be_alone_is() -> None:
    assert sizes(bearer(), bearer(alone=True), bearer(), bearer()) == [1, 1, 2]


def test_letter_longer_than_a_message_may_be_goes_by_itself() -> None:
    long = bearer(b"1" * (port.MAX_PACK_BYTES + 1))

    assert sizes(bearer(), long, bearer()) == [1, 1, 1]


@given(st.lists(st.integers(1, port.MAX_PACK_BYTES // 2), max_size=12))
def test_message_of_several_letters_is_no_longer_than_the_limit(lengths: list[int]) -> None:
    bodies = [b"1" * length for length in lengths]

    packed = [[one.letter.body for one in pack] for pack in packing.packs([bearer(body) for body in bodies])]

    assert [body for pack in packed for body in pack] == bodies
    assert all(len(packing.join(pack)) <= port.MAX_PACK_BYTES for pack in packed)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)


@given(st.lists(JSON.map(msgspec.json.encode), min_size=1, max_size=5))
def test_what_is_joined_is_split_to_the_same_bytes(bodies: list[bytes]) -> None:
    assert packing.split(packing.join(bodies)) == bodies


@pytest.mark.parametrize("body", [b"", b"{}", b"[]", b"[1,", b'"text"', b"\xff"])
def test_what_is_no_list_is_unreadable_and_kept(body: bytes) -> None:
    with pytest.raises(errors.UnreadableMessage) as raised:
        packing.split(body)

    assert raised.value.body == body
