"""`delay`: wait."""

from typing import Annotated, Final

from pydantic import Field

from libs.common.flow import model
from libs.common.flow.steps.spec import StepSpec

LONGEST_S: Final = 366 * 24 * 3600


class DelayWith(model.Strict):
    """How long, in seconds."""

    seconds: Annotated[float, Field(ge=0, le=LONGEST_S), model.OrTemplate]


SPEC: Final = StepSpec("delay", DelayWith, effect="wait")
