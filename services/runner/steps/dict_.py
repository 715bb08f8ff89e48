"""`dict`: values under names, rendered."""

from libs.common.flow.steps.dict_ import SPEC
from services.runner.steps import port


class Dict(port.Leaf):
    """Gives its own keys, rendered."""

    spec = SPEC

    async def run(self, call: port.Call) -> port.Verdict:
        """Return the rendered keys."""
        return port.Output(call.inputs)
