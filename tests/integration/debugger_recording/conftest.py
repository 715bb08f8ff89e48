from collections.abc import AsyncIterator

import pytest

from tests.integration.debugger_recording.desk import Desk, open_desk


@pytest.fixture
async def desk(database_url: str) -> AsyncIterator[Desk]:
    """A recorder on a fresh database."""
    async with open_desk(database_url) as standing:
        yield standing
