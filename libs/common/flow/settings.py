"""What is set for a whole flow."""

from typing import Annotated, Any, Final, Literal
from uuid import UUID

from pydantic import AfterValidator, Field

from libs.common.flow import model

Status = Literal["draft", "active", "paused"]
LONGEST_RUN_S: Final = 86_400


def _uuid(value: str) -> str:
    try:
        identifier = str(UUID(value))
    except ValueError:
        raise ValueError("must be a UUID") from None
    if identifier != value.lower():
        raise ValueError("must be a UUID, as in 0b6f6f5c-6f0e-4c39-9a44-6f6bb1a9a111")
    return identifier


def _retention(value: Any) -> Any:
    if value not in (0, 1, 7, 30, 90, 365):
        raise ValueError("must be one of 0, 1, 7, 30, 90, 365")
    return value


Identifier = Annotated[str, AfterValidator(_uuid)]


class FlowSettings(model.Strict):
    """How a flow's runs are treated."""

    retries: bool = True
    log_steps: bool = True
    retention_days: Annotated[int, AfterValidator(_retention)] = 30
    error_flow: Identifier | None = None
    max_duration: Annotated[int, Field(ge=1, le=LONGEST_RUN_S)] = 900  # seconds spent running
