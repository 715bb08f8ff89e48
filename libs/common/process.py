"""A service as a process: set by its environment, ended by a signal, with exit code 0 or one line that says why."""

import asyncio
import sys
from collections.abc import Callable, Coroutine, Mapping
from typing import Any, Protocol, TypeVar

import structlog

from libs.common import config, errors, health, lifecycle, logs

log = structlog.get_logger(__name__)

SettingsT = TypeVar("SettingsT", bound=config.Settings)


class Service(lifecycle.Part, Protocol):
    """A service that is put together. `checks` say by name what must hold for it to do its work."""

    @property
    def checks(self) -> Mapping[str, Callable[[], bool]]:
        """Conditions that are asked for `/readyz`."""


def main(settings_type: type[SettingsT], serve: Callable[[SettingsT], Coroutine[Any, Any, None]]) -> None:
    """Run `serve` with the settings of the environment; a process that cannot start says why in one line."""
    try:
        settings = settings_type.load()
        logs.configure(settings)
        with asyncio.Runner(loop_factory=_fast_loop()) as runner:
            runner.run(serve(settings))
    except errors.StartError as error:
        sys.exit(str(error))


async def run(settings: config.Settings, *around: lifecycle.Part, service: Service) -> None:
    """Let the service stand until SIGTERM or SIGINT, `around` it what starts before and stops after it.

    The admin port stands first and falls last, so that a service that waits for something can say so.
    """
    stopping = asyncio.Event()
    lifecycle.stop_on_signals(stopping)
    readiness = health.Readiness()
    for name, check in service.checks.items():
        readiness.add(name, check)
    admin = health.AdminServer(settings.host, settings.admin_port, readiness)
    await lifecycle.Lifecycle(admin, *around, service).run_until(stopping)
    log.info("service_stopped")


def _fast_loop() -> Callable[[], asyncio.AbstractEventLoop] | None:
    """Return the factory of uvloop's loops if it is installed: it saves a third of a request's time."""
    try:
        import uvloop  # noqa: PLC0415  # an extra of its own
    except ImportError:
        return None
    return uvloop.new_event_loop
