"""`Content-Encoding`: what is undone, and where it ends."""

import contextlib
import gzip
import random
import subprocess
import sys
import zlib
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from libs.common import errors
from services.gateway import codings

BODY = b'{"a": "' + b"x" * 1000 + b'"}'


def raw_deflate(content: bytes) -> bytes:
    packer = zlib.compressobj(wbits=-15)
    return packer.compress(content) + packer.flush()


def undo(sent: bytes, *headers: str, limit: int = 10_000) -> bytes:
    return codings.undo(sent, codings.named(headers), limit=limit)


@pytest.mark.parametrize(
    ("sent", "header"),
    [
        (BODY, ""),
        (BODY, "identity"),
        (gzip.compress(BODY), "gzip"),
        (gzip.compress(BODY), " X-GZip "),
        (gzip.compress(BODY[:7]) + gzip.compress(BODY[7:]), "gzip"),
        (gzip.compress(BODY) + b"\0" * 512, "gzip"),
        (zlib.compress(BODY), "deflate"),
        (raw_deflate(BODY), "Deflate"),
        (gzip.compress(zlib.compress(BODY)), "deflate, gzip"),
        (gzip.compress(BODY), "identity, gzip"),
    ],
)
def test_what_was_encoded_is_as_before(sent: bytes, header: str) -> None:
    assert undo(sent, header) == BODY


def test_codings_in_two_headers_are_undone_from_the_last() -> None:
    assert undo(zlib.compress(gzip.compress(BODY)), "gzip", "deflate") == BODY


@pytest.mark.parametrize("header", ["br", "zstd", "compress", "gzip, br", "gzip;q=1", "gzip, gzip, gzip", "x"])
def test_another_encoding_is_told_which_there_are(header: str) -> None:
    with pytest.raises(errors.UnsupportedMediaType) as refusal:
        codings.named([header])

    assert refusal.value.headers == {"Accept-Encoding": "gzip, deflate"}


@pytest.mark.parametrize("header", ["gzip", "deflate"])
@pytest.mark.parametrize(
    "sent",
    [BODY, b"\x1f\x8b", gzip.compress(BODY)[:-1], gzip.compress(BODY) + b"x", zlib.compress(BODY)[:-5] + b"12345"],
)
def test_what_is_not_encoded_so_is_refused(sent: bytes, header: str) -> None:
    with pytest.raises(errors.InvalidPayload, match=header):
        undo(sent, header)


def test_a_wrong_checksum_or_more_after_the_end_is_refused() -> None:
    packed = bytearray(gzip.compress(BODY))
    packed[-6] ^= 1

    for sent, header in ((bytes(packed), "gzip"), (zlib.compress(BODY) + b"x", "deflate")):
        with pytest.raises(errors.InvalidPayload):
            undo(sent, header)


@pytest.mark.parametrize(
    ("pack", "header"), [(gzip.compress, "gzip"), (zlib.compress, "deflate"), (raw_deflate, "deflate")]
)
def test_the_limit_counts_what_is_decoded(pack: Callable[[bytes], bytes], header: str) -> None:
    assert len(undo(pack(b"x" * 500), header, limit=500)) == 500
    with pytest.raises(errors.PayloadTooLarge) as refusal:
        undo(pack(b"x" * 501), header, limit=500)

    assert refusal.value.data == {"max_bytes": 500}


def test_the_limit_counts_all_members_and_all_layers() -> None:
    for sent, header in (
        (gzip.compress(b"x" * 300) * 2, "gzip"),
        (gzip.compress(b"x" * 501), "identity, gzip"),
        (gzip.compress(gzip.compress(b"x" * 501)), "gzip, gzip"),
        (b"x" * 501, "identity"),
    ):
        with pytest.raises(errors.PayloadTooLarge):
            undo(sent, header, limit=500)


def test_a_file_of_endless_empty_members_is_refused() -> None:
    with pytest.raises(errors.InvalidPayload):
        undo(gzip.compress(b"") * 10_000, "gzip", limit=1 << 20)


def test_no_body_is_no_body_whatever_it_is_called() -> None:
    assert undo(b"", "gzip") == b""


BOMB = """
import resource, sys, zlib
from libs.common import errors
from services.gateway import codings

layer = zlib.compressobj(9, wbits=31)
bomb = b"".join(layer.compress(bytes(1 << 20)) for _ in range(1000)) + layer.flush()
twice = zlib.compress(bomb, 9)
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
for sent, header in ((bomb, "gzip"), (twice, "gzip, deflate")):
    try:
        codings.undo(sent, codings.named([header]), limit=1 << 20)
    except errors.PayloadTooLarge:
        print("stopped")
print((resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) // 1024)
"""


def test_a_bomb_costs_no_more_than_an_honest_body() -> None:
    ran = subprocess.run([sys.executable, "-c", BOMB], capture_output=True, text=True, check=True)

    *stopped, grown_mib = ran.stdout.split()
    assert stopped == ["stopped", "stopped"]
    assert int(grown_mib) < 16  # of the 1,000 that it is


@given(st.binary(max_size=2000), st.sampled_from(["gzip", "deflate", "deflate, gzip", "gzip, deflate", "br", ""]))
def test_any_bytes_have_an_answer(sent: bytes, header: str) -> None:
    with contextlib.suppress(errors.InvalidPayload, errors.PayloadTooLarge, errors.UnsupportedMediaType):
        assert len(undo(sent, header, limit=1000)) <= 1000


def test_what_does_not_compress_may_be_longer_on_the_wire() -> None:
    noise = random.Random(1).randbytes(1 << 20)

    for pack, header in ((gzip.compress, "gzip"), (raw_deflate, "deflate")):
        assert 1 << 20 < len(pack(noise)) <= codings.encoded_limit([header], 1 << 20)
    for header in ("", "identity", "br"):
        assert codings.encoded_limit([header], 1 << 20) == 1 << 20
