"""The last resort against code that holds the event loop for good, inside one C call for instance.

Templates have budgets, but a budget is checked between operations, and what holds the interpreter cannot be checked at
all. So the kernel keeps a timer on the *processor time* of this process, which the event loop sets anew several times
within its span. If the loop does not come round, the kernel kills the process, even inside a C call; where it was is
written to stderr first. Its runs are redelivered, and the recorder counts the loss: who kills five runners ends as
`crashed`.

Processor time, not the clock on the wall: a process that was frozen or starved has done nothing wrong.
"""

import asyncio
import faulthandler
import signal


class Watchdog:
    """Kills the process once its event loop has been stuck for `seconds` of processor time. For the main thread."""

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        self._next: asyncio.TimerHandle | None = None

    async def start(self) -> None:
        """Begin to watch."""
        signal.signal(signal.SIGPROF, signal.SIG_DFL)
        faulthandler.register(signal.SIGPROF, all_threads=False, chain=True)
        self._set_anew()

    def _set_anew(self) -> None:
        signal.setitimer(signal.ITIMER_PROF, self._seconds)
        self._next = asyncio.get_running_loop().call_later(self._seconds / 4, self._set_anew)

    async def stop(self) -> None:
        """Watch no more."""
        if self._next is not None:
            self._next.cancel()
            self._next = None
            signal.setitimer(signal.ITIMER_PROF, 0)
            faulthandler.unregister(signal.SIGPROF)
