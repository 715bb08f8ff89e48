"""Who runs where, when there is more than can run."""

from libs.common import messages, topology
from tests.unit.runner import flows, requests
from tests.unit.runner.flows import WEBHOOK
from tests.unit.runner.running import Installation, OneRunner, settle

SLOW = flows.source(WEBHOOK, '{ref: a, type: http, with: {url: "http://slow"}}')
QUICK = flows.source(WEBHOOK, "{ref: d, type: dict, with: {a: 1}}")
SLOW_FLOW = "0b6f6f5c-6f0e-4c39-9a44-6f6bb1a9a111"
OTHER_FLOW = next(
    flow_id
    for flow_id in (f"0b6f6f5c-6f0e-4c39-9a44-6f6bb1a9a{number:03}" for number in range(200, 300))
    if topology.lane_of(flow_id) != topology.lane_of(SLOW_FLOW)
)


async def runners(installation: Installation, count: int) -> list[OneRunner]:
    made = [await installation.runner() for _ in range(count)]
    for runner in made:
        runner.http.hangs = True
    return made


async def test_a_burst_is_shared_by_all_runners(installation: Installation) -> None:
    four = await runners(installation, 4)

    for _ in range(32):
        await installation.publish(requests.request(SLOW, flow_id=SLOW_FLOW))
    await settle()

    assert [len(runner.http.calls) for runner in four] == [8, 8, 8, 8]


async def test_a_backlog_is_not_hoarded_by_the_first_that_comes(installation: Installation) -> None:
    for _ in range(32):
        await installation.publish(requests.request(SLOW, flow_id=SLOW_FLOW))

    four = await runners(installation, 4)
    await settle()

    assert [len(runner.http.calls) for runner in four] == [8, 8, 8, 8]


async def test_a_flood_of_one_flow_leaves_room_for_other_lanes(installation: Installation) -> None:
    (runner,) = await runners(installation, 1)
    for _ in range(1000):
        await installation.publish(requests.request(SLOW, flow_id=SLOW_FLOW))
    await settle()

    other = requests.request(QUICK, flow_id=OTHER_FLOW)
    await installation.publish(other)
    result = await installation.result()

    assert result.run_id == other.run_id
    assert len(runner.http.calls) == 8


async def test_no_more_runs_at_once_than_the_setting_says(installation: Installation) -> None:
    runner = await installation.runner(runner_concurrency=4, runner_prefetch=100)
    runner.http.hangs = True

    for flow_id in (SLOW_FLOW, OTHER_FLOW):
        for _ in range(10):
            await installation.publish(requests.request(SLOW, flow_id=flow_id))
    await settle()

    assert len(runner.http.calls) == 4


async def test_a_runner_takes_only_from_its_lanes(installation: Installation) -> None:
    await installation.runner(runner_lanes="async")

    await installation.publish(requests.request(QUICK, mode="sync"))
    await installation.publish(requests.request(QUICK, run_id="async", mode="async"))
    result = await installation.result()
    await settle()

    assert result.run_id == "async"
    assert len([e for e in installation.recorder.events if isinstance(e, messages.Result)]) == 1
