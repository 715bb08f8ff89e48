"""What the client raises, in our words. The only place that knows both.

A publish that fails for any reason but a return may have been taken all the same. Whatever else is asked of the broker
is asked again, so there it only counts that it is not available.
"""

import asyncio
from collections.abc import Mapping
from typing import Final

import aio_pika.exceptions
import aiormq.exceptions
import pamqp.exceptions

from libs.common import errors

PUBLISHING: Final[Mapping[type[BaseException], type[errors.BusError]]] = {
    aiormq.exceptions.PublishError: errors.Unroutable,  # basic.return; it comes before the ack that it turns into this
    aiormq.exceptions.DeliveryError: errors.Nacked,  # basic.nack
    aiormq.exceptions.AMQPError: errors.OutcomeUnknown,  # the channel or the connection ended meanwhile
    aiormq.exceptions.ChannelInvalidStateError: errors.OutcomeUnknown,  # the same; a RuntimeError, no AMQPError
    pamqp.exceptions.PAMQPException: errors.OutcomeUnknown,
    aio_pika.exceptions.QueueEmpty: errors.OutcomeUnknown,
    TimeoutError: errors.OutcomeUnknown,
    OSError: errors.OutcomeUnknown,
    StopAsyncIteration: errors.OutcomeUnknown,
    RuntimeError: errors.OutcomeUnknown,  # a channel of a connection that is gone
    asyncio.CancelledError: errors.OutcomeUnknown,  # nobody cancelled it: a hung broker was given up
}

# What the client raises when the broker cannot be asked. CancelledError too, though nobody cancelled: see `ours`.
TROUBLE: Final[tuple[type[BaseException], ...]] = tuple(PUBLISHING)


def of_publish(error: BaseException) -> errors.BusError:
    """Return what a failed publish means to its caller; an error that is not known leaves the outcome unknown."""
    for kind in type(error).__mro__:
        if kind in PUBLISHING:
            return PUBLISHING[kind](_describe(error))
    return errors.OutcomeUnknown(_describe(error))


def of_question(error: BaseException) -> errors.BusUnavailable:
    """Return what it means that the broker could not be asked."""
    return errors.BusUnavailable(_describe(error))


def ours(error: BaseException) -> bool:
    """Tell whether this is the running task's own cancellation, which must go on, and not the client's."""
    return isinstance(error, asyncio.CancelledError) and ending()


def ending() -> bool:
    """Tell whether the running task was cancelled. The client may have kept that to itself: a loop has to ask."""
    task = asyncio.current_task()
    return task is not None and task.cancelling() > 0


def pass_on(error: BaseException) -> None:
    """Raise the running task's own cancellation, also where the client has made another error of it."""
    if ours(error):
        raise error
    if ending():
        raise asyncio.CancelledError from error


def _describe(error: BaseException) -> str:
    return f"{type(error).__name__}: {error}" if str(error) else type(error).__name__
