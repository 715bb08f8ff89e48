"""What travels over the bus: frozen, versioned, JSON.

Every schema has a name with its version (`run/1`), which travels in the message's properties. Bytes become objects in
`decode` and nowhere else; an unknown schema or a bad body raises `UnreadableMessage`, which keeps the bytes.

Times are milliseconds since the epoch (`*_at_ms`), durations are milliseconds (`*_ms`). `msgspec.Raw` is JSON that its
carrier need not look into. Values are exact here; masking and cutting belong to the record.
"""

from typing import Any, ClassVar, Final, Literal

import msgspec

from libs.common import errors

Mode = Literal["sync", "async"]
EndStatus = Literal["success", "error", "cancelled"]
ParkStatus = Literal["waiting", "retrying", "queued"]
StepStatus = Literal["running", "waiting", "retrying", "success", "error", "skipped"]

NULL: Final = msgspec.Raw(b"null")


class Message(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """The parent of all that travels."""

    schema: ClassVar[str]


# --- parts ---------------------------------------------------------------------------------------------------------


class Trigger(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Who or what started a run, and of which run it is a child or a repetition."""

    kind: Literal["webhook", "flow", "rerun", "test", "schedule"]
    run_id: str | None = None


class HttpRequest(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A request as it came in. Secret headers are not in `headers`; their names are in `masked`."""

    method: str
    path: str
    query: msgspec.Raw  # an object: names to a text or a list of texts
    headers: dict[str, str]  # lower-case names
    ip: str
    body: str
    received_at_ms: int
    masked: tuple[str, ...] = ()


class Step(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What became of one step. `(path, attempt)` is unique in a run; `attempt` counts the step's own retries from 1.

    `path` is its place in the document, with the round behind a loop's step: `steps[2].then[0]`, `steps[3].steps[0]#7`.
    """

    path: str
    ref: str
    type: str
    status: StepStatus
    attempt: int = 1
    title: str = ""
    started_at_ms: int
    duration_ms: int | None = None
    input: msgspec.Raw = NULL
    output: msgspec.Raw = NULL
    error: "RunError | None" = None


class RunError(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Why a run or a step failed: a stable code, a sentence, and for a run the failing step's ref."""

    code: str
    message: str
    step: str | None = None


class Response(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """The answer for a sender, rendered. `headers` holds at least `Content-Type`."""

    status: int
    headers: dict[str, str]
    body: str


class Holder(msgspec.Struct, frozen=True):
    """Which message held a run, at which attempt; `message_id` is None where nobody claimed it."""

    message_id: str | None
    attempt: int


# --- run requests (flowhook.runs) ------------------------------------------------------------------------------------


class RunRequest(Message, frozen=True, kw_only=True, omit_defaults=True):
    """Run this version of this flow with this input."""

    schema: ClassVar[str] = "run/1"

    run_id: str
    flow_id: str
    flow_name: str
    flow_version: int
    document: msgspec.Raw  # the version's document, as saved
    mode: Mode
    lane: int
    reply_to: str | None = None  # the gateway that waits
    trigger: Trigger
    received_at_ms: int
    request: HttpRequest | None = None
    input: msgspec.Raw
    must_claim: bool = False
    traceparent: str | None = None


# --- woken runs (flowhook.again) -------------------------------------------------------------------------------------


class Wake(Message, frozen=True, kw_only=True, omit_defaults=True):
    """Go on with this run, after a claim. What it needs comes with the claim's answer."""

    schema: ClassVar[str] = "wake/1"

    run_id: str
    replaces: Holder | None = None  # the grant that this message may take over
    replaces_nonce: str | None = None  # the claim without an answer that it may take over


# --- events (flowhook.events) ----------------------------------------------------------------------------------------


class Event(Message, frozen=True, kw_only=True, omit_defaults=True, tag_field="event"):
    """Something that happened to a run. The recorder ignores one whose attempt is below the run's."""

    schema: ClassVar[str] = "event/1"

    run_id: str


class Started(Event, frozen=True, kw_only=True, omit_defaults=True, tag="started"):
    """A runner begins or goes on with a run. A claimed attempt has it confirmed before its first step."""

    attempt: int
    at_ms: int
    now_ms: int  # what now() gives in this attempt and those that go on from it
    runner_id: str


class StepsDone(Event, frozen=True, kw_only=True, omit_defaults=True, tag="step"):
    """Steps that are finished for good: the last one had an effect outside, the others travel with it."""

    attempt: int
    now_ms: int
    steps: tuple[Step, ...]


class Parked(Event, frozen=True, kw_only=True, omit_defaults=True, tag="parked"):
    """The run waits without a runner until a time; nobody holds it any more. `queued`: it goes on at once."""

    attempt: int
    until_ms: int
    status: ParkStatus
    steps: tuple[Step, ...] = ()


class HandedBack(Event, frozen=True, kw_only=True, omit_defaults=True, tag="handed_back"):
    """A stopping runner returns the message after this; the attempt does not count as lost."""

    attempt: int
    now_ms: int
    steps: tuple[Step, ...] = ()


class Result(Event, frozen=True, kw_only=True, omit_defaults=True, tag="result"):
    """The run has ended. `steps` are those that no earlier event bore."""

    attempt: int
    status: EndStatus
    steps: tuple[Step, ...] = ()
    response: Response | None = None
    error: RunError | None = None
    started_at_ms: int
    finished_at_ms: int
    queued_ms: int
    run_ms: int


class Replied(Event, frozen=True, kw_only=True, omit_defaults=True, tag="replied"):
    """A gateway answered its sender with this status, so long after the request was accepted."""

    status: int
    reply_ms: int


class Refused(Event, frozen=True, kw_only=True, omit_defaults=True, tag="refused"):
    """A gateway answered 503 since it could not know whether the run was taken."""

    at_ms: int


class Claim(Event, frozen=True, kw_only=True, omit_defaults=True, tag="claim"):
    """May the runner execute this run? Sent behind all that a lost runner published for it."""

    message_id: str
    nonce: str
    runner_id: str
    at_ms: int
    suspect: bool = False  # it came from runs.suspect
    redelivered: bool = False  # it was in other hands before
    replaces: Holder | None = None
    replaces_nonce: str | None = None
    request: RunRequest | None = None  # where the claimant has it


class Dead(Event, frozen=True, kw_only=True, omit_defaults=True, tag="dead"):
    """A message of this run was refused or came too often."""

    reason: str
    request: RunRequest | None = None


class Mark(Event, frozen=True, kw_only=True, omit_defaults=True, tag="mark"):
    """The sweeper's own: everything that was published before it has been recorded. `run_id` is the mark's id."""


AnyEvent = Started | StepsDone | Parked | HandedBack | Result | Replied | Refused | Claim | Dead | Mark


# --- control (flowhook.control) --------------------------------------------------------------------------------------


class Answer(Message, frozen=True, kw_only=True, omit_defaults=True):
    """The recorder's answer to a claim."""

    schema: ClassVar[str] = "answer/1"

    run_id: str
    nonce: str
    verdict: Literal["go", "suspect", "drop"]
    attempt: int = 0
    replaces: Holder | None = None  # suspect: what the replacement says that it replaces
    request: RunRequest | None = None  # go: what to run
    journal: tuple[Step, ...] = ()  # go: what is finished
    now_ms: int | None = None  # go: the frozen clock, unless the wait has ended it


class Cancel(Message, frozen=True, kw_only=True, omit_defaults=True):
    """Whoever executes this run stops it and says so in its result."""

    schema: ClassVar[str] = "cancel/1"

    run_id: str


# --- flow documents (flowhook.flows) ---------------------------------------------------------------------------------


class FlowQuery(Message, frozen=True, kw_only=True, omit_defaults=True):
    """Which document does this version have? `version` None: the current one."""

    schema: ClassVar[str] = "flow-query/1"

    query_id: str
    runner_id: str
    flow_id: str
    version: int | None = None


class FlowFound(Message, frozen=True, kw_only=True, omit_defaults=True):
    """The document, or JSON's null where there is no such flow or version."""

    schema: ClassVar[str] = "flow-found/1"

    query_id: str
    flow_id: str
    flow_name: str = ""
    version: int = 0
    document: msgspec.Raw = NULL


# --- bytes -----------------------------------------------------------------------------------------------------------

_DECODERS: Final[dict[str, msgspec.json.Decoder[Any]]] = {
    RunRequest.schema: msgspec.json.Decoder(RunRequest),
    Wake.schema: msgspec.json.Decoder(Wake),
    Event.schema: msgspec.json.Decoder(AnyEvent),
    Answer.schema: msgspec.json.Decoder(Answer),
    Cancel.schema: msgspec.json.Decoder(Cancel),
    FlowQuery.schema: msgspec.json.Decoder(FlowQuery),
    FlowFound.schema: msgspec.json.Decoder(FlowFound),
}
_encode = msgspec.json.Encoder().encode


def encode(message: Message) -> bytes:
    """Return the message as it travels."""
    return _encode(message)


def decode(schema: str, body: bytes | memoryview) -> Any:
    """Return the message that these bytes are; `UnreadableMessage` if they are none."""
    decoder = _DECODERS.get(schema)
    if decoder is None:
        raise errors.UnreadableMessage(f"unknown schema {schema!r}", bytes(body))
    try:
        return decoder.decode(body)
    except (msgspec.MsgspecError, RecursionError) as error:
        raise errors.UnreadableMessage(f"{schema}: {error}", bytes(body)) from error
