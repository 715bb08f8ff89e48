from prometheus_client import REGISTRY

from tests.unit.gateway import samples
from tests.unit.gateway.world import World


def value(name: str, **labels: str) -> float:
    return REGISTRY.get_sample_value(f"flowhook_gateway_{name}", labels) or 0.0


async def test_answers_and_what_is_turned_away_are_counted(world: World) -> None:
    flow = world.save(samples.flow())
    answered, away = value("answers_total", status="200"), value("unavailable_total", reason="away")
    timed = value("reply_seconds_count")

    await world.call(flow)
    world.broker.down()
    await world.call(flow)

    assert value("answers_total", status="200") == answered + 1
    assert value("unavailable_total", reason="away") == away + 1
    assert value("reply_seconds_count") == timed + 1
    assert (value("flows"), value("waiting")) == (1, 0)
