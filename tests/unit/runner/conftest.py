from collections.abc import AsyncIterator

import pytest

from tests.unit.runner.running import Installation


@pytest.fixture
async def installation() -> AsyncIterator[Installation]:
    made = Installation()
    await made.start()
    yield made
    await made.stop()
