"""Executing a granted run: its flow is compiled, its start announced, its steps done."""

from collections.abc import Callable

import structlog

from libs.common import errors, messages
from libs.common.flow import program
from services.runner import engine, metrics, orders, outcomes, reports
from services.runner.grants import Grant

log = structlog.get_logger(__name__)

Compile = Callable[[messages.RunRequest], program.Program]


def compile_request(request: messages.RunRequest) -> program.Program:
    """Return the compiled flow, from memory where its version is known; `InvalidFlow` if it cannot be."""
    return program.program_of(
        bytes(request.document), flow_id=request.flow_id, flow_name=request.flow_name, version=request.flow_version
    )


class Executor:
    """Executes what was granted, and tells of it."""

    def __init__(self, core: engine.Engine, reports: reports.Reports, compiled: Compile = compile_request) -> None:
        self._core = core
        self._reports = reports
        self._compiled = compiled

    async def run(self, grant: Grant, given: orders.Orders) -> outcomes.Executed:
        """Execute one attempt. A lost lease is an outcome here, not an error."""
        try:
            flow = self._compiled(grant.request)
        except errors.InvalidFlow as error:
            return outcomes.Failed((), 0, messages.RunError(code="invalid_flow", message=str(error)))
        metrics.RUNNING.inc()
        try:
            if not await self._announced(grant, flow):
                return outcomes.Lost()
            attempt = engine.Attempt(grant.request, flow, grant.attempt, grant.now_ms, grant.arrived, grant.journal)
            return await self._core.execute(attempt, given, lambda steps: self._reports.steps(grant, steps))
        finally:
            metrics.RUNNING.dec()

    async def report(self, grant: Grant, outcome: outcomes.Executed) -> outcomes.Executed:
        """Publish what became of an attempt, confirmed; return what the message is to be settled by."""
        return await self._reports.outcome(grant, outcome)

    async def _announced(self, grant: Grant, flow: program.Program) -> bool:
        """Tell of the start where somebody needs to know; False if the lease is lost.

        A claimed attempt has it confirmed before its first step, so that a runner lost with it is counted. A fresh run
        of a flow that acts or waits only shows a sign of life; any other one shows it by its result.
        """
        if grant.claimed:
            try:
                await self._reports.started(grant)
            except errors.LeaseLost:
                return False
        elif not flow.pure:
            self._reports.show_life(grant)
        return True
