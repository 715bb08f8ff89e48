"""RabbitMQ killed, restarted and purged under a running installation."""

import aio_pika
import pytest

from libs.common import topology
from tests.acceptance import flows
from tests.acceptance.installation import Flow, Installation
from tests.acceptance.outside import Outside
from tests.acceptance.processes import eventually
from tests.servers.rabbitmq import RabbitServer, let_queues_settle

pytestmark = [pytest.mark.processes, pytest.mark.rabbitmq, pytest.mark.postgres]


async def test_killed_broker_means_503_in_time_and_recovery_without_a_restart(
    broker_installation: Installation, own_rabbitmq: RabbitServer
) -> None:
    installation = broker_installation
    await installation.start_all()
    flow = await installation.save(flows.echo())
    assert (await installation.call(flow, {"n": 1})).status == 200
    let_queues_settle()

    own_rabbitmq.kill()
    refused = await installation.call(flow, {"n": 1})
    own_rabbitmq.restart()
    back = await eventually(lambda: answered(installation, flow), within_s=10, what="an answer")

    assert refused.status == 503
    assert refused.json["error"] == "unavailable"
    assert int(refused.headers["Retry-After"]) >= 1
    assert refused.waited_s < 2
    assert back
    assert all(process.alive for process in installation.processes)


async def answered(installation: Installation, flow: Flow) -> bool:
    """Tell whether a request is answered by its flow."""
    return (await installation.call(flow, {"n": 1})).status == 200


async def test_runs_held_over_a_broker_restart_are_not_done_twice(
    broker_installation: Installation, own_rabbitmq: RabbitServer
) -> None:
    installation = broker_installation
    await installation.start_all(runners=2)
    async with Outside() as outside:
        outside.hold("/one")
        flow = await installation.save(
            flows.flow(
                flows.webhook(is_async=True),
                flows.http("one", f"{outside.url}/one"),
                flows.http("two", f"{outside.url}/two"),
            )
        )
        replies = [await installation.call(flow) for _ in range(6)]
        await outside.asked("/one", 6)
        let_queues_settle()

        own_rabbitmq.kill()
        own_rabbitmq.restart()
        await outside.asked("/one", 12)
        outside.release("/one")

        runs = [await installation.ended(reply.run_id) for reply in replies]
        assert {run["status"] for run in runs} == {"success"}
        assert outside.calls == {"/one": 12, "/two": 6}
        assert {run["redelivered"] for run in runs} == {1}


async def purge(url: str, queue: str) -> int:
    """Empty a queue; return how many messages it held."""
    async with await aio_pika.connect(url) as connection:
        channel = await connection.channel()
        declared = await channel.declare_queue(queue, passive=True)
        purged = await declared.purge()
        return purged.message_count or 0


async def test_purged_queue_is_brought_back_by_the_sweeper(installation: Installation) -> None:
    await installation.start("debugger")
    await installation.start("gateway")
    flow = await installation.save(flows.echo(is_async=True))
    replies = [await installation.call(flow, {"n": n}) for n in range(5)]
    lane = topology.lane_queue("async", topology.lane_of(flow.id))

    purged = await purge(installation.env["FLOWHOOK_AMQP_URL"], lane)
    await installation.start("runner")

    assert purged == 5
    runs = [await installation.ended(reply.run_id) for reply in replies]
    assert {run["status"] for run in runs} == {"success"}
