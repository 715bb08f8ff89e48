"""Faults at random under mixed traffic; afterwards everything is accounted for, see `conservation`.

What is done when follows from one number, as far as processes can be played twice: `FLOWHOOK_CHAOS_SEED` sets it.
`FLOWHOOK_SOAK=1` goes on for `FLOWHOOK_CHAOS_S` seconds (300), with another number each time, and kills the broker
now and then.
"""

import asyncio
import os
import sys
import time
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import suppress
from pathlib import Path
from random import Random

import asyncpg
import pytest

from tests.acceptance import conservation
from tests.acceptance.chaos import Campaign
from tests.acceptance.chaos_senders import Ledger, Senders
from tests.acceptance.installation import Installation
from tests.acceptance.processes import eventually
from tests.servers.rabbitmq import RabbitServer, let_queues_settle

pytestmark = [pytest.mark.processes, pytest.mark.rabbitmq, pytest.mark.postgres]

SOAK = os.environ.get("FLOWHOOK_SOAK") == "1"
SECONDS = float(os.environ.get("FLOWHOOK_CHAOS_S", "300")) if SOAK else 6.0
SEED = int(os.environ.get("FLOWHOOK_CHAOS_SEED", int(time.time()) if SOAK else 1))
SETTLED_WITHIN_S = 90.0 if SOAK else 40.0
MAY_GROW_KIB = 100 * 1024
SETTINGS = {
    "FLOWHOOK_SYNC_TIMEOUT_SECONDS": "4",
    "FLOWHOOK_RATE_LIMIT": "10000000",
    "FLOWHOOK_LATER_AFTER_S": "10",
    "FLOWHOOK_CLAIM_AGE_S": "25",
    "FLOWHOOK_SWEEP_ANYWAY_S": "30",
    "FLOWHOOK_SHED_MIN_WAITING": "10000",
}


@pytest.fixture
async def campaign(broker_installation: Installation, own_rabbitmq: RabbitServer) -> AsyncIterator[Campaign]:
    broker_installation.env |= SETTINGS
    one = Campaign(broker_installation, own_rabbitmq, SEED)
    yield one
    await one.close()


@pytest.mark.timeout(SECONDS + 600)
async def test_what_was_accepted_is_conserved(
    campaign: Campaign, broker_installation: Installation, own_rabbitmq: RabbitServer, tmp_path: Path
) -> None:
    sys.stdout.write(f"FLOWHOOK_CHAOS_SEED={SEED}, logs in {tmp_path}\n")
    await campaign.start()
    senders = Senders(broker_installation, campaign.gateways, SEED, pause_s=0.15)
    async with Ledger(Random(SEED)) as outside:
        await senders.start(outside.url, 6)
        let_queues_settle()
        campaign.weigh()

        await campaign.rage(SECONDS, broker_every_s=60 if SOAK else None)
        await campaign.calm()
        await senders.stop()
        runs = await conservation.record_of(broker_installation, within_s=SETTLED_WITHIN_S)

        sys.stdout.write(told(senders, campaign, runs))
        assert conservation.violations(senders.sent, runs, outside, campaign.faults) == []
    assert await journals_left(broker_installation) == 0
    assert await left_of_queues(own_rabbitmq, broker_installation) == {}
    grown = {name: after - before for name, (before, after) in campaign.growth_kib().items()}
    assert max(grown.values()) < MAY_GROW_KIB


def told(senders: Senders, campaign: Campaign, runs: list[dict[str, object]]) -> str:
    """Return what happened, in figures."""
    statuses = Counter(one.reply.status if one.reply else 0 for one in senders.sent)
    faults = Counter(f"{fault.kind} {fault.service}" for fault in campaign.faults)
    attempts = Counter(run["redelivered"] for run in runs)
    return (
        f"replies {dict(statuses)}\nfaults {dict(faults)}\nruns {len(runs)}, redelivered {dict(attempts)}\n"
        f"KiB before and after {campaign.growth_kib()}\n"
    )


async def journals_left(installation: Installation) -> int:
    """Return how many entries of journals are still there though every run has ended."""
    connection = await asyncpg.connect(installation.env["FLOWHOOK_DATABASE_URL"])
    try:
        left: int = await connection.fetchval("select count(*) from run_journals")
    finally:
        await connection.close()
    return left


async def left_of_queues(broker: RabbitServer, installation: Installation) -> dict[str, int]:
    """Return what the queues of all hold: nothing, as soon as the broker's own account has come round to it."""
    vhost = installation.env["FLOWHOOK_AMQP_URL"].rpartition("/")[2]
    held: dict[str, int] = {}

    async def look() -> bool:
        nonlocal held
        listed = await asyncio.to_thread(broker.list_queues, vhost)
        counts = {str(queue["name"]): int(queue["messages"]) for queue in listed if queue["messages"]}
        held = {name: count for name, count in counts.items() if not name.startswith(("control.", "replies."))}
        return not held

    with suppress(AssertionError):
        await eventually(look, within_s=SETTLED_WITHIN_S, what="an end of all messages")
    return held
