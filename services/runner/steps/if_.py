"""`if`: one comparison, two branches."""

from typing import Any

from libs.common.flow.steps.if_ import SPEC
from services.runner.steps import comparison, port


class If:
    """Compares `a` with `b` and leads into `then` or `else`."""

    spec = SPEC

    async def run(self, call: port.Call) -> port.Verdict:
        """Return `{result}`; `StepError` where the two cannot be compared."""
        inputs = call.inputs
        result = comparison.compare(inputs.get("op"), inputs.get("a"), inputs.get("b"))
        return port.Output({"result": result})

    def branch(self, output: Any) -> str | None:
        """Return the branch that the result leads into."""
        return "then" if output["result"] else "else"
