"""Ordered start and stop."""

import asyncio

import pytest

from libs.common import errors
from libs.common.lifecycle import Lifecycle


class Part:
    """Notes what is done with it; `waits` keeps its start from ending."""

    def __init__(self, name: str, told: list[str], *, waits: bool = False, fails: bool = False) -> None:
        self._name = name
        self._told = told
        self._waits = waits
        self._fails = fails
        self.starting = asyncio.Event()

    async def start(self) -> None:
        self.starting.set()
        if self._waits:
            await asyncio.Event().wait()
        if self._fails:
            raise errors.StartError("no")
        self._told.append(f"{self._name} stands")

    async def stop(self) -> None:
        self._told.append(f"{self._name} stops")


async def test_what_was_started_last_is_stopped_first() -> None:
    told: list[str] = []
    stopping = asyncio.Event()
    parts = Lifecycle(Part("one", told), last := Part("two", told))
    running = asyncio.create_task(parts.run_until(stopping))
    await last.starting.wait()

    stopping.set()
    await asyncio.wait_for(running, 5)

    assert told == ["one stands", "two stands", "two stops", "one stops"]


async def test_a_start_that_fails_stops_what_stood_and_is_told() -> None:
    told: list[str] = []

    with pytest.raises(errors.StartError):
        await Lifecycle(Part("one", told), Part("two", told, fails=True)).run_until(asyncio.Event())

    assert told == ["one stands", "one stops"]


async def test_a_signal_ends_a_start_that_still_waits() -> None:
    told: list[str] = []
    stopping = asyncio.Event()
    waiting = Part("two", told, waits=True)
    running = asyncio.create_task(Lifecycle(Part("one", told), waiting).run_until(stopping))
    await waiting.starting.wait()

    stopping.set()
    await asyncio.wait_for(running, 5)

    assert told == ["one stands", "one stops"]
