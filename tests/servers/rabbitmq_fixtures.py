"""Fixtures of RabbitMQ: one server a session, one virtual host a test."""

import os
from collections.abc import Iterator

import pytest

from tests.servers import rabbitmq as servers
from tests.servers.rabbitmq_nodes import HOW_TO_GET


@pytest.fixture(scope="session")
def rabbitmq() -> Iterator[servers.RabbitServer]:
    """The session's broker. Tests that kill it take `own_rabbitmq`."""
    _require(servers.missing())
    server = servers.shared_server()
    server.start()
    yield server
    server.discard()


@pytest.fixture
def amqp_url(rabbitmq: servers.RabbitServer) -> str:
    """The address of a fresh virtual host."""
    return rabbitmq.new_url()


@pytest.fixture
def own_rabbitmq() -> Iterator[servers.RabbitServer]:
    """A broker of the test's own, that it may stop, kill and start again."""
    _require(None if servers.can_own() else HOW_TO_GET)
    server = servers.RabbitServer()
    server.start()
    yield server
    server.discard()


def _require(missing: str | None) -> None:
    """Skip for want of a broker; where tests count (CI) that is a failure."""
    if missing is None:
        return
    if os.environ.get("CI"):
        pytest.fail(missing)
    pytest.skip(missing)
