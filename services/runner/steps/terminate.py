"""`terminate`: the run ends here."""

from libs.common import errors
from libs.common.flow.steps.terminate import SPEC
from services.runner.steps import port


class Terminate(port.Leaf):
    """Ends the run in `success` or `error`, with a message and, if it has one, a response."""

    spec = SPEC

    async def run(self, call: port.Call) -> port.Verdict:
        """Return the end; `StepError` for a status that is neither of the two."""
        status = call.inputs.get("status", "success")
        if status not in ("success", "error"):
            raise errors.StepError("terminate", "status must be success or error")
        message = call.inputs.get("message")
        return port.End(status, "" if message is None else str(message), call.inputs.get("response"))
