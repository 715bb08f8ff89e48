"""What callers may send beside flow documents: bodies strictly, query parameters as texts that are read."""

from typing import Any, Final, Literal

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field

FlowStatus = Literal["draft", "active", "paused"]
RunStatus = Literal["queued", "running", "waiting", "retrying", "success", "error", "cancelled"]
MAX_OVERLAP_S: Final = 30 * 86400
_UUID: Final = r"^[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}$"
_NO_NUL: Final = r"^[^\x00]*$"  # PostgreSQL's text holds none


class Body(BaseModel):
    """A JSON body: no unknown keys, no values that have to be guessed at."""

    model_config = ConfigDict(strict=True, extra="forbid", hide_input_in_errors=True)


class FlowPatch(Body):
    """What can be changed without sending the whole document; what is absent stays."""

    name: str = ""
    status: FlowStatus = "active"
    settings: dict[str, Any] = Field(default_factory=dict)


class Rotation(Body):
    """How long the last webhook token goes on opening the flow beside the new one."""

    overlap_seconds: int = Field(0, ge=0, le=MAX_OVERLAP_S)


class Query(BaseModel):
    """A page of a list."""

    model_config = ConfigDict(extra="forbid", hide_input_in_errors=True)

    cursor: str | None = None
    limit: int = Field(50, ge=1, le=200)


class FlowQuery(Query):
    """Which flows are listed."""

    status: FlowStatus | None = None
    q: str | None = Field(None, max_length=200, pattern=_NO_NUL)


class RunQuery(Query):
    """Which runs are listed."""

    flow_id: str | None = Field(None, pattern=_UUID)
    status: RunStatus | None = None
    since: AwareDatetime | None = None
    until: AwareDatetime | None = None
