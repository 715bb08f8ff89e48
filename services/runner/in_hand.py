"""What this runner holds: every delivery from its arrival to its settlement, and the orders that it is to hear."""

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from libs.common import messages
from libs.common.bus import port
from services.runner.orders import Order, Orders

Work = messages.RunRequest | messages.Wake


@dataclass(frozen=True, slots=True, eq=False)
class Held:
    """One delivery, read, with the orders that it is to hear. `arrived` is on the monotonic clock."""

    delivery: port.Delivery
    message: Work
    arrived: float
    orders: Orders = field(default_factory=Orders)


class InHand:
    """The deliveries in hand, by run and by lease."""

    def __init__(self) -> None:
        self._by_lease: dict[port.Lease, set[Orders]] = {}
        self._by_run: dict[str, set[Orders]] = {}
        self._standing: set[Order] = set()
        self._empty = asyncio.Event()
        self._empty.set()

    def __len__(self) -> int:
        return sum(map(len, self._by_run.values()))

    @contextmanager
    def keep(self, held: Held) -> Iterator[None]:
        """Hold a delivery for the length of the block; orders reach it meanwhile."""
        run_id, orders = held.message.run_id, held.orders
        orders.given |= self._standing
        of_lease = self._of_lease(held.delivery.lease)
        of_lease.add(orders)
        self._by_run.setdefault(run_id, set()).add(orders)
        self._empty.clear()
        try:
            yield
        finally:
            of_lease.discard(orders)
            of_run = self._by_run[run_id]
            of_run.discard(orders)
            if not of_run:
                del self._by_run[run_id]
            if not self._by_run:
                self._empty.set()

    def _of_lease(self, lease: port.Lease) -> set[Orders]:
        held = self._by_lease.get(lease)
        if held is None:  # one callback a lease, not one a delivery: leases live for days
            held = self._by_lease[lease] = set()
            lease.on_lost(lambda: self._lost(lease))
        return held

    def _lost(self, lease: port.Lease) -> None:
        for orders in tuple(self._by_lease.pop(lease, ())):
            orders.give(Order.LOST)

    def cancel(self, run_id: str) -> bool:
        """Cancel a run; tell whether it is here."""
        here = tuple(self._by_run.get(run_id, ()))
        for orders in here:
            orders.give(Order.CANCEL)
        return bool(here)

    def order_all(self, order: Order) -> None:
        """Give an order to all that is in hand, and to all that still comes."""
        self._standing.add(order)
        for orders in tuple(orders for held in self._by_run.values() for orders in held):
            orders.give(order)

    async def wait_empty(self) -> None:
        """Return once nothing is in hand."""
        await self._empty.wait()
