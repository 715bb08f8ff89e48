"""Every error that Flowhook itself raises.

FlowhookError
├── RequestError                    what a caller is told, in the envelope
│   ├── NotFound                    404 not_found
│   ├── MethodNotAllowed            405 method_not_allowed
│   ├── Unauthorized                401 unauthorized
│   ├── Forbidden                   403 forbidden
│   ├── RateLimited                 429 rate_limited
│   ├── PayloadTooLarge             413 payload_too_large
│   ├── InvalidPayload              400 invalid_payload
│   ├── UnsupportedMediaType        415 unsupported_media_type
│   ├── InvalidRequest              422 invalid_request
│   ├── Conflict                    409 conflict
│   ├── PreconditionFailed          412 precondition_failed
│   ├── IdempotencyConflict         422 idempotency_conflict
│   ├── Timeout                     408 timeout
│   ├── FlowFailed                  500 flow_error
│   └── Unavailable                 503 unavailable
├── BusError                        what the message bus could not do
│   ├── BusUnavailable              nothing was sent: not connected, or blocked by the broker
│   ├── Unroutable                  returned: no queue took it
│   ├── MessageTooLarge             refused before it was sent
│   ├── LeaseLost                   the channel that delivered the run is gone: nothing is sent for it
│   └── OutcomeUnknown              it may have been taken, or not
│       └── Nacked                  at least one queue refused it
├── StepError                       a step of a flow failed; its code and message go into the record
│   └── TemplateError               a template could not be rendered
├── InvalidFlow                     a flow document with all its faults
├── UnreadableMessage               bytes from the bus that are no message that we know
└── StartError                      the process cannot start; its message says what to do
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar


class FlowhookError(Exception):
    """The root of the tree."""


class RequestError(FlowhookError):
    """An answer other than success: an HTTP status, a stable code and what the caller can do."""

    status: ClassVar[int] = 500
    code: ClassVar[str] = "internal"
    retryable: ClassVar[bool] = False

    def __init__(self, message: str, *, data: Any = None, headers: Mapping[str, str] | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.data = data
        self.headers = dict(headers or {})

    def envelope(self) -> dict[str, Any]:
        """Return the one shape in which every error is answered."""
        return {"status": self.status, "error": self.code, "message": self.message, "data": self.data}


class NotFound(RequestError):
    """There is nothing at this address."""

    status, code = 404, "not_found"


class MethodNotAllowed(RequestError):
    """The address exists, the method does not; `Allow` lists those that do."""

    status, code = 405, "method_not_allowed"


class Unauthorized(RequestError):
    """Credentials are missing or wrong; `WWW-Authenticate` names the scheme."""

    status, code = 401, "unauthorized"


class Forbidden(RequestError):
    """The credentials are good and do not suffice."""

    status, code = 403, "forbidden"


class RateLimited(RequestError):
    """Too many requests; `Retry-After` says when the next one is admitted."""

    status, code, retryable = 429, "rate_limited", True


class PayloadTooLarge(RequestError):
    """The body is longer than the limit."""

    status, code = 413, "payload_too_large"


class InvalidPayload(RequestError):
    """The body is not what its content type says."""

    status, code = 400, "invalid_payload"


class UnsupportedMediaType(RequestError):
    """The body is encoded in a way that is not known."""

    status, code = 415, "unsupported_media_type"


class InvalidRequest(RequestError):
    """The management API's word for a bad body; every fault is in `data`."""

    status, code = 422, "invalid_request"


class Conflict(RequestError):
    """It contradicts what is there."""

    status, code = 409, "conflict"


class PreconditionFailed(RequestError):
    """Somebody else changed it in the meantime."""

    status, code = 412, "precondition_failed"


class IdempotencyConflict(RequestError):
    """The key was used with another body."""

    status, code = 422, "idempotency_conflict"


class Timeout(RequestError):
    """The run goes on; its sender has waited long enough."""

    status, code = 408, "timeout"


class FlowFailed(RequestError):
    """The run ended in an error."""

    status, code = 500, "flow_error"


class Unavailable(RequestError):
    """It cannot be stored now; `Retry-After` says when to try again."""

    status, code, retryable = 503, "unavailable", True


class BusError(FlowhookError):
    """The message bus could not do what was asked."""


class BusUnavailable(BusError):
    """Nothing was sent: the broker is away or has blocked this connection."""


class Unroutable(BusError):
    """The broker returned it: no queue is bound to its key. Nothing holds it."""


class MessageTooLarge(BusError):
    """It is longer than a broker takes; nothing was sent."""


class LeaseLost(BusError):
    """The channel that delivered the run is gone, so nothing more is published for it."""


class OutcomeUnknown(BusError):
    """It was sent and not confirmed: it may be in none, some or all of its queues."""


class Nacked(OutcomeUnknown):
    """A queue refused it; another one may have taken it."""


class StepError(FlowhookError):
    """A step failed. `output` is what it has to show all the same (an HTTP answer, say)."""

    def __init__(self, code: str, message: str, *, output: Any = None) -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.output = output


class TemplateError(StepError):
    """A template could not be rendered: an undefined name, a type, or its budget is used up."""


@dataclass(frozen=True, slots=True)
class Fault:
    """One thing that is wrong with a document. `path` is as in `steps[2].with.op`; line and column count from 1."""

    path: str
    message: str
    line: int | None = None
    column: int | None = None

    def __str__(self) -> str:
        where = f" (line {self.line}, column {self.column})" if self.line is not None else ""
        return f"{self.path or 'document'}: {self.message}{where}"


class InvalidFlow(FlowhookError):
    """A flow document that is refused whole, with every fault at once."""

    def __init__(self, faults: tuple[Fault, ...]) -> None:
        super().__init__("\n".join(map(str, faults)))
        self.faults = faults


class UnreadableMessage(FlowhookError):
    """Bytes that are no message of a version that we know; they are kept for whoever looks."""

    def __init__(self, why: str, body: bytes) -> None:
        super().__init__(why)
        self.body = body


class StartError(FlowhookError):
    """The process cannot start. The message is one line that says what to do."""
