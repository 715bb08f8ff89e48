"""Whose request it is, whatever proxies and strangers write into its headers."""

import string

import pytest
from aiohttp.test_utils import make_mocked_request
from hypothesis import given
from hypothesis import strategies as st
from multidict import CIMultiDict

from services.gateway.clients import Client, Clients, networks_of

PROXY = "10.0.0.1"
TRUSTED = networks_of("10.0.0.0/8, 2001:db8:aaaa::/48")


def find(peer: str | None, *headers: tuple[str, str], trusted: bool = True) -> Client:
    request = make_mocked_request("POST", "/", headers=CIMultiDict(headers)).clone(remote=peer or "")
    return Clients(TRUSTED if trusted else ()).of(request)


def x_forwarded_for(*values: str) -> str:
    return find(PROXY, *(("X-Forwarded-For", value) for value in values)).ip


def forwarded(*values: str) -> str:
    return find(PROXY, *(("Forwarded", value) for value in values)).ip


@pytest.mark.parametrize(
    ("peer", "ip", "counted_as"),
    [
        ("192.0.2.7", "192.0.2.7", "192.0.2.7"),
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"),
        ("::ffff:192.0.2.7", "192.0.2.7", "192.0.2.7"),
        ("fe80::1%eth0", "fe80::1", "fe80::/64"),
        (None, "", ""),
    ],
)
def test_without_a_proxy_the_peer_is_the_client(peer: str | None, ip: str, counted_as: str) -> None:
    assert find(peer) == (ip, counted_as)


@pytest.mark.parametrize("trusted", [True, False])
def test_a_stranger_is_not_believed(trusted: bool) -> None:
    headers = (("X-Forwarded-For", "198.51.100.1"), ("Forwarded", "for=198.51.100.1"))

    assert find("192.0.2.7", *headers, trusted=trusted).ip == "192.0.2.7"


@pytest.mark.parametrize(
    ("values", "ip"),
    [
        (["192.0.2.7"], "192.0.2.7"),
        (["203.0.113.9, 192.0.2.7"], "192.0.2.7"),
        (["203.0.113.9", "192.0.2.7"], "192.0.2.7"),
        (["192.0.2.7, 10.1.1.1,10.2.2.2"], "192.0.2.7"),
        (["192.0.2.7, ::ffff:10.1.1.1"], "192.0.2.7"),
        (["192.0.2.7, 2001:db8:aaaa::5"], "192.0.2.7"),
        (["192.0.2.7:4711"], "192.0.2.7"),
        (["[2001:db8:1::7]:4711"], "2001:db8:1::7"),
        (["2001:db8:1::7"], "2001:db8:1::7"),
        (["::ffff:192.0.2.7"], "192.0.2.7"),
        (["192.0.2.7, "], "192.0.2.7"),
        (["10.1.1.1, 10.2.2.2"], "10.1.1.1"),
        (["192.0.2.7, unknown"], PROXY),
        (["192.0.2.7, unknown, 10.1.1.1"], "10.1.1.1"),
        (["192.0.2.300"], PROXY),
        (["192.0.2.07"], PROXY),
        (["1.2.3.4.5"], PROXY),
        (['"192.0.2.7"'], PROXY),
        ([""], PROXY),
        (["\u0661.2.3.4"], PROXY),
    ],
)
def test_x_forwarded_for_is_read_from_the_right(values: list[str], ip: str) -> None:
    assert x_forwarded_for(*values) == ip


@pytest.mark.parametrize(
    ("values", "ip"),
    [
        (["for=192.0.2.7"], "192.0.2.7"),
        (["For=192.0.2.7;proto=https;by=10.0.0.1"], "192.0.2.7"),
        (['proto=https; for="192.0.2.7:4711"'], "192.0.2.7"),
        (['for="[2001:db8:1::7]"'], "2001:db8:1::7"),
        (['for="[2001:db8:1::7]:4711"'], "2001:db8:1::7"),
        (['for="[2001:db8:1::7]:_port"'], "2001:db8:1::7"),
        (["for=203.0.113.9, for=192.0.2.7"], "192.0.2.7"),
        (["for=203.0.113.9", "for=192.0.2.7, for=10.1.1.1"], "192.0.2.7"),
        (["for=192.0.2.7;"], "192.0.2.7"),
        (["for=192.0.2.7, for=unknown"], PROXY),
        (["for=192.0.2.7, for=_hidden, for=10.1.1.1"], "10.1.1.1"),
        (['for="_hidden:4711"'], PROXY),
        (["for=192.0.2.7, by=10.1.1.1"], PROXY),
        (["for=192.0.2.7;for=192.0.2.8"], PROXY),
        (["for="], PROXY),
        (["nonsense"], PROXY),
        (["for=[2001:db8:1::7]"], PROXY),  # must be quoted
        (['for="203.0.113.9, for=192.0.2.7'], "192.0.2.7"),  # a sender's quote does not hide what a proxy added
        (['for=192.0.2.7;host="x, for=203.0.113.9"'], PROXY),  # nor does a name pass for an element
        (['for=192.0.2.7;host="x, for=203.0.113.9;y=\\""'], PROXY),
    ],
)
def test_forwarded_is_read_as_rfc_7239_says_from_the_right(values: list[str], ip: str) -> None:
    assert forwarded(*values) == ip


@pytest.mark.parametrize(("standard", "ip"), [("for=192.0.2.7", "192.0.2.7"), ("for=203.0.113.9", PROXY)])
def test_where_both_headers_are_there_they_must_agree(standard: str, ip: str) -> None:
    assert find(PROXY, ("X-Forwarded-For", "192.0.2.7"), ("Forwarded", standard)).ip == ip


@given(
    st.text(alphabet=string.printable.replace("\r", "").replace("\n", ""), max_size=80),
    st.sampled_from(
        [("X-Forwarded-For", "192.0.2.7"), ("Forwarded", "for=192.0.2.7"), ("Forwarded", 'for="192.0.2.7"')]
    ),
)
def test_nothing_that_a_sender_writes_changes_what_a_trusted_proxy_adds(written: str, added: tuple[str, str]) -> None:
    name, element = added

    assert find(PROXY, (name, f"{written}, {element}")).ip == "192.0.2.7"


def test_networks_are_named_where_they_are_none() -> None:
    with pytest.raises(ValueError, match=r"10\.0\.0\.1/8"):
        networks_of("192.0.2.0/24, 10.0.0.1/8")
