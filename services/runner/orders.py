"""What a run in hand is told from outside: that its runner stops, that it is cancelled, that its lease is lost.

An order is heard in two ways. Between steps the engine asks. In a wait (an HTTP call, a confirm, a free slot) the run's
task is cancelled, but only inside `interruptible`, which turns that cancellation into `Told`; outside of it nothing is
cut short, least of all the publishing of a result.
"""

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from enum import Enum, auto
from typing import Final


class Order(Enum):
    """One order; several may be given."""

    STOP = auto()  # the runner stops: begin nothing that acts or waits
    INTERRUPT = auto()  # its grace is over: end now what you wait for
    CANCEL = auto()
    LOST = auto()


BEFORE_IT_BEGINS: Final = frozenset({Order.STOP, Order.INTERRUPT, Order.LOST})
DURING_A_STEP: Final = frozenset({Order.INTERRUPT, Order.CANCEL, Order.LOST})


class Told(Exception):
    """A wait ended by an order; see `Orders.given`."""


class Orders:
    """The orders given to one run in hand."""

    __slots__ = ("_breaks", "_broken", "_task", "given")

    def __init__(self) -> None:
        self.given: set[Order] = set()
        self._task: asyncio.Task[object] | None = None
        self._breaks: frozenset[Order] = frozenset()
        self._broken = False

    def give(self, order: Order) -> None:
        """Tell the run; a wait that this order breaks ends with `Told`."""
        self.given.add(order)
        if self._task is not None and order in self._breaks and not self._broken:
            self._broken = True
            self._task.cancel()

    @contextmanager
    def interruptible(self, breaks: frozenset[Order]) -> Iterator[None]:
        """Let these orders break the block: `Told`, also if one of them was given before. Blocks do not nest."""
        if self.given & breaks:
            raise Told
        task = asyncio.current_task()
        self._task, self._breaks, self._broken = task, breaks, False
        try:
            yield
        except BaseException as error:
            if self._leave() and isinstance(error, asyncio.CancelledError):
                raise Told from None
            raise
        self._leave()

    def _leave(self) -> bool:
        """Forget the block; tell whether an order, and nobody else, has cancelled the task."""
        task, self._task = self._task, None
        return self._broken and task is not None and task.uncancel() == 0
