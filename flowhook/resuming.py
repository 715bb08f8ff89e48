"""Go on with what an earlier process had accepted.

The bus inside a process ends with it, so no message of an unfinished run can be anywhere: each is published again at
once, in the name of whatever held it, and claimed like all that comes again. No sweep has to wait for a proof.
"""

from typing import Final
from uuid import UUID

import asyncpg

from libs.common import messages, topology
from libs.common.bus import port
from services.debugger import statements

AT_ONCE: Final = 500
BEFORE_ALL: Final = UUID(int=0)


async def resume(database_url: str, bus: port.Bus) -> int:
    """Publish every unfinished run again and return how many there were; only before any runner takes work."""
    connection = await asyncpg.connect(database_url)
    try:
        resumed, last = 0, BEFORE_ALL
        while rows := await connection.fetch(statements.load("list_unfinished_runs"), last, AT_ONCE):
            for row in rows:
                await bus.publish(port.letter(topology.AGAIN, "claimed", _wake(row), alone=True))
            resumed, last = resumed + len(rows), rows[-1]["id"]
        return resumed
    finally:
        await connection.close()


def _wake(row: asyncpg.Record) -> messages.Wake:
    replaces = messages.Holder(row["holder"], row["attempt"]) if row["holder"] else None
    return messages.Wake(run_id=str(row["id"]), replaces=replaces)
