"""The recording half of the service, put together: what its composition root starts beside the API."""

from collections.abc import Callable, Coroutine
from functools import partial
from typing import Any

import asyncpg

from libs.common.bus import port
from libs.common.lifecycle import Part
from services.debugger import leftovers, partitions, proofs
from services.debugger.config import DebuggerSettings
from services.debugger.dead import DeadRuns
from services.debugger.leadership import Leadership
from services.debugger.record_store import RecordStore
from services.debugger.recorder import Recorder
from services.debugger.scheduler import DueStore, Scheduler
from services.debugger.silence_store import SilenceStore
from services.debugger.sweeper import Sweeper


def build_recorder(settings: DebuggerSettings, bus: port.Bus, pool: asyncpg.Pool) -> Recorder:
    """Return the recorder; every debugger stands ready to be the one that records."""
    return Recorder(bus, RecordStore(pool), batch_ms=settings.record_batch_ms, batch_max=settings.record_batch_max)


def build_duties(settings: DebuggerSettings, bus: port.Bus, pool: asyncpg.Pool, *, forgetful: bool) -> tuple[Part, ...]:
    """Return the background duties, in the order in which they start.

    `forgetful`: the broker begins empty with this process, so what was accepted before is brought back at once.
    """
    scheduler = Scheduler(bus, DueStore(pool), every_s=settings.schedule_every_s)
    sweeper = Sweeper(
        bus,
        SilenceStore(pool),
        proofs.Ages(settings.claim_hold_s, settings.sweep_after_s, settings.sweep_anyway_s),
        every_s=settings.sweep_every_s,
        forgetful=forgetful,
    )
    duties: dict[str, Callable[[], Coroutine[Any, Any, None]]] = {
        "scheduler": scheduler.work,
        "sweeper": sweeper.work,
        **{what.name: partial(leftovers.work, pool, what) for what in leftovers.ALL},
    }
    return (
        DeadRuns(bus),
        partitions.duty(pool),
        Leadership(settings.database_url.get_secret_value(), duties),
    )
