"""The table of faults, held against the client's own lists."""

import asyncio
import inspect

import aio_pika.exceptions
import aiormq.exceptions
import pytest

from libs.common import errors
from libs.common.bus.rabbitmq import faults

RAISED = sorted(
    {
        kind
        for module in (aiormq.exceptions, aio_pika.exceptions)
        for _, kind in inspect.getmembers(module, inspect.isclass)
        if issubclass(kind, BaseException)
    }
    | set(aio_pika.exceptions.CONNECTION_EXCEPTIONS),
    key=lambda kind: kind.__name__,
)
TOLD_APART: dict[type[BaseException], type[errors.BusError]] = {
    aiormq.exceptions.PublishError: errors.Unroutable,
    aiormq.exceptions.DeliveryError: errors.Nacked,
}


@pytest.mark.parametrize("kind", RAISED, ids=lambda kind: str(kind.__name__))
def test_everything_that_the_client_raises_is_in_the_table(kind: type[BaseException]) -> None:
    entry = next((known for known in kind.__mro__ if known in faults.PUBLISHING), None)

    assert entry is not None
    assert faults.PUBLISHING[entry] is TOLD_APART.get(kind, errors.OutcomeUnknown)
    assert issubclass(kind, faults.TROUBLE)


@pytest.mark.parametrize("error", [TimeoutError(), OSError("cut"), asyncio.CancelledError(), KeyError("a bug")])
def test_outcome_is_unknown_after_any_other_failure(error: BaseException) -> None:
    assert type(faults.of_publish(error)) is errors.OutcomeUnknown


async def test_cancellation_is_ours_only_if_somebody_cancelled_us() -> None:
    seen = []

    async def work() -> None:
        seen.append(faults.ours(asyncio.CancelledError()))  # as a client raises it that gives up a hung broker
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError as error:
            seen.append(faults.ours(error))
            raise

    task = asyncio.create_task(work())
    await asyncio.sleep(0)
    task.cancel()
    await asyncio.wait({task})

    assert seen == [False, True]
