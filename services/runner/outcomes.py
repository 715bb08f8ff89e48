"""What can become of a delivery in a runner's hands. Values only: `settlement` says what follows for the message."""

from dataclasses import dataclass

from libs.common import messages

Steps = tuple[messages.Step, ...]


@dataclass(frozen=True, slots=True)
class Finished:
    """The run went through. `steps` are those that no confirmed event bears; `ran_ms` leaves waits out."""

    steps: Steps
    ran_ms: int
    response: messages.Response | None = None


@dataclass(frozen=True, slots=True)
class Failed:
    """The run ended in an error; a `terminate` step may have given it a response all the same."""

    steps: Steps
    ran_ms: int
    error: messages.RunError
    response: messages.Response | None = None


@dataclass(frozen=True, slots=True)
class Cancelled:
    """Somebody asked for the run's end."""

    steps: Steps
    ran_ms: int


@dataclass(frozen=True, slots=True)
class Parked:
    """The run waits for a time without a runner."""

    until_ms: int
    status: messages.ParkStatus
    steps: Steps = ()


@dataclass(frozen=True, slots=True)
class Interrupted:
    """The runner stops; another one goes on behind `steps`."""

    steps: Steps = ()


@dataclass(frozen=True, slots=True)
class Untouched:
    """The runner stops before the run has begun here."""


@dataclass(frozen=True, slots=True)
class Superseded:
    """Another message, confirmed, stands for this one."""


@dataclass(frozen=True, slots=True)
class Dropped:
    """The recorder says that there is nothing to do: the run has ended, waits, or is somebody else's."""


@dataclass(frozen=True, slots=True)
class Unreadable:
    """The message cannot be understood."""

    why: str


@dataclass(frozen=True, slots=True)
class Lost:
    """The lease is gone, the run is somebody else's: nothing is published and nothing is settled."""


Ended = Finished | Failed | Cancelled
Executed = Ended | Parked | Interrupted | Lost
Outcome = Executed | Untouched | Superseded | Dropped | Unreadable
