"""The addresses that a gateway keeps in mind: those that came last, and never more than so many."""

from collections import OrderedDict
from collections.abc import Callable, Iterator

from services.gateway.rate_window import Window

_TRIES = 8


class Windows:
    """Windows by address.

    What is forgotten costs a question to the shared count when it comes again, and nothing else; while that is away, a
    forgotten address begins anew. A window that `is_engaged` (requests wait for it) is not forgotten; there are no more
    of these than connections.
    """

    def __init__(self, limit: int, *, is_engaged: Callable[[Window], bool], forget: Callable[[Window], None]) -> None:
        self._limit = limit
        self._is_engaged = is_engaged
        self._forget = forget
        self._windows: OrderedDict[str, Window] = OrderedDict()

    def __len__(self) -> int:
        return len(self._windows)

    def __iter__(self) -> Iterator[Window]:
        return iter(list(self._windows.values()))

    def find(self, address: str) -> Window | None:
        """Return the window of an address that just came, if it is known."""
        window = self._windows.get(address)
        if window is not None:
            self._windows.move_to_end(address)
        return window

    def peek(self, address: str) -> Window | None:
        """Return the window of an address without taking it as a sign of life."""
        return self._windows.get(address)

    def find_or_add(self, address: str) -> Window:
        """Return the window of an address that just came; for an unknown one the oldest may be forgotten."""
        window = self.find(address)
        if window is None:
            window = self._windows[address] = Window(address)
            self._make_room()
        return window

    def _make_room(self) -> None:
        for _ in range(_TRIES):
            if len(self._windows) <= self._limit:
                return
            address, oldest = next(iter(self._windows.items()))
            if self._is_engaged(oldest):
                self._windows.move_to_end(address)
            else:
                del self._windows[address]
                self._forget(oldest)
