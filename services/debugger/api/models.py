"""What callers may send beside flow documents: bodies strictly, query parameters as texts that are read."""

from typing import Annotated, Any, Final, Literal

from pydantic import AfterValidator, AwareDatetime, BaseModel, ConfigDict, Field

from libs.common import personal_tokens

FlowStatus = Literal["draft", "active", "paused"]
RunStatus = Literal["queued", "running", "waiting", "retrying", "success", "error", "cancelled"]
MAX_OVERLAP_S: Final = 30 * 86400
MAX_DAYS: Final = 3650
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


def _scope(value: str) -> str:
    scope = personal_tokens.canonical(value)
    if scope not in personal_tokens.SCOPES:
        raise ValueError(f"there are {', '.join(personal_tokens.SCOPES)}")
    return scope


def _once_each(scopes: list[str]) -> list[str]:
    return list(dict.fromkeys(scopes))


Days = Annotated[int, Field(ge=1, le=MAX_DAYS)]


class TokenWanted(Body):
    """A new personal access token: what it opens and for how many days, None for good."""

    expiration: Days | None = None
    scopes: Annotated[
        list[Annotated[str, AfterValidator(_scope)]], Field(min_length=1, max_length=16), AfterValidator(_once_each)
    ]
    note: str = Field("", max_length=255, pattern=_NO_NUL)


class TokenRenewal(Body):
    """When a token ends whose text is made anew; as before if nothing is said."""

    expiration: Days | None = None


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
