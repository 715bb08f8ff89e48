"""The admin port, over HTTP."""

from collections.abc import AsyncIterator

import aiohttp
import pytest

from libs.common import errors, health


@pytest.fixture
def readiness() -> health.Readiness:
    return health.Readiness()


@pytest.fixture
async def admin(readiness: health.Readiness) -> AsyncIterator[health.AdminServer]:
    server = health.AdminServer("127.0.0.1", 0, readiness)
    await server.start()
    yield server
    await server.stop()


async def get(server: health.AdminServer, path: str) -> tuple[int, str]:
    async with aiohttp.ClientSession() as session, session.get(f"http://127.0.0.1:{server.port}{path}") as reply:
        return reply.status, await reply.text()


async def test_a_living_process_is_healthy_though_not_ready(
    admin: health.AdminServer, readiness: health.Readiness
) -> None:
    readiness.add("bus", lambda: False)

    assert await get(admin, "/healthz") == (200, '{"status": "ok"}')


async def test_readiness_names_what_fails_and_recovers_by_itself(
    admin: health.AdminServer, readiness: health.Readiness
) -> None:
    standing = {"bus": False, "database": True}
    readiness.add("bus", lambda: standing["bus"])
    readiness.add("database", lambda: standing["database"])

    before = await get(admin, "/readyz")
    standing["bus"] = True
    after = await get(admin, "/readyz")

    assert before == (503, '{"ready": false, "failing": ["bus"]}')
    assert after == (200, '{"ready": true, "failing": []}')


async def test_metrics_are_in_the_format_of_prometheus(admin: health.AdminServer) -> None:
    status, text = await get(admin, "/metrics")

    assert status == 200
    assert "# TYPE python_info gauge" in text


async def test_a_port_in_use_is_one_clear_line(admin: health.AdminServer, readiness: health.Readiness) -> None:
    second = health.AdminServer("127.0.0.1", admin.port, readiness)

    with pytest.raises(errors.StartError, match=rf"127\.0\.0\.1:{admin.port}: the port is in use.*FLOWHOOK_ADMIN_PORT"):
        await second.start()
