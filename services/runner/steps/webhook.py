"""`webhook`: the input that the run came with."""

from libs.common.flow.steps.webhook import SPEC
from services.runner.steps import port


class Webhook(port.Leaf):
    """Gives the run's input as its output."""

    spec = SPEC

    async def run(self, call: port.Call) -> port.Verdict:
        """Return the input as it travelled."""
        return port.Output(raw=call.request.input)
