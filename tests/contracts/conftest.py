"""Each test of the bus runs once on every adapter."""

from collections.abc import AsyncIterator

import pytest

from tests.contracts.sites import MemorySite, RabbitSite, Site


@pytest.fixture(params=["memory", pytest.param("rabbitmq", marks=pytest.mark.rabbitmq)])
async def site(request: pytest.FixtureRequest) -> AsyncIterator[Site]:
    """A broker with the desk's queues, all empty."""
    if request.param == "memory":
        memory = MemorySite()
        yield memory
        await memory.close()
        return
    rabbit = RabbitSite(request.getfixturevalue("rabbitmq"))
    await rabbit.prepare()
    yield rabbit
    await rabbit.close()
