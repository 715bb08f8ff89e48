import asyncio
from types import SimpleNamespace
from typing import Any

from libs.common.bus import port
from services.debugger import batches, recorder

FOR_EVER_MS = 600_000


def delivery(lease: port.Lease, body: bytes = b"[]") -> Any:
    return SimpleNamespace(lease=lease, body=body)


async def test_a_full_batch_does_not_wait_for_its_window() -> None:
    inbox = batches.Inbox(window_ms=FOR_EVER_MS, limit=2)
    first, second, third = (delivery(port.Lease()) for _ in range(3))
    for one in (first, second, third):
        inbox.put(one)

    batch = await inbox.next_batch()

    assert batch == [first, second]
    assert len(inbox) == 1


async def test_a_batch_is_given_out_when_its_window_ends() -> None:
    inbox = batches.Inbox(window_ms=1, limit=1000)
    only = delivery(port.Lease())
    inbox.put(only)

    assert await inbox.next_batch() == [only]


async def test_a_batch_is_full_by_its_bytes_too() -> None:
    inbox = batches.Inbox(window_ms=FOR_EVER_MS, limit=1000)
    large = [delivery(port.Lease(), b"x" * (batches.MAX_BYTES // 2)) for _ in range(3)]
    for one in large:
        inbox.put(one)

    assert await inbox.next_batch() == large[:2]


async def test_nothing_is_given_out_while_nothing_has_come() -> None:
    inbox = batches.Inbox(window_ms=0, limit=1)
    waiting = asyncio.create_task(inbox.next_batch())
    await asyncio.sleep(0)
    assert not waiting.done()
    late = delivery(port.Lease())

    inbox.put(late)

    assert await waiting == [late]


async def test_what_has_lost_its_lease_is_left_out() -> None:
    inbox = batches.Inbox(window_ms=0, limit=10)
    lost, live = port.Lease(), port.Lease()
    kept = delivery(live)
    inbox.put(delivery(lost))
    inbox.put(kept)
    lost.end()

    assert await inbox.next_batch() == [kept]


def test_what_a_recorder_holds_fits_into_a_small_container() -> None:
    largest_request = 2 * 1024 * 1024  # as text and as input

    assert recorder.PREFETCH * largest_request <= 256 * 1024 * 1024
