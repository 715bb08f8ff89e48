"""`terminate`: end the run here."""

from typing import Annotated, Final, Literal

from libs.common.flow import answer_settings, model
from libs.common.flow.steps.spec import StepSpec


class TerminateWith(model.Strict):
    """How the run ends, what it says, and what the sender is answered."""

    status: Annotated[Literal["success", "error"], model.OrTemplate] = "success"
    message: str = ""
    response: answer_settings.ResponseSettings | None = None


SPEC: Final = StepSpec("terminate", TerminateWith)
