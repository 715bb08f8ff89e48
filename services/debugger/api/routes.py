"""Every call of the API with what it needs, as one table. What is not in it does not exist."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from aiohttp import web

from services.debugger.api.flows import FlowCalls
from services.debugger.api.runs import RunCalls
from services.debugger.api.scopes import Permission
from services.debugger.api.tokens import TokenCalls

Call = Callable[[web.Request], Awaitable[web.Response]]


@dataclass(frozen=True, slots=True)
class Route:
    """One call: where it is, what its caller must be permitted, and who answers it."""

    method: str
    path: str
    needs: Permission
    call: Call


def table(flows: FlowCalls, runs: RunCalls, tokens: TokenCalls) -> tuple[Route, ...]:
    """Return all calls."""
    return (
        Route("GET", "/v1/flows", Permission.VIEW, flows.page),
        Route("POST", "/v1/flows", Permission.MANAGE, flows.create),
        Route("GET", "/v1/flows/{id}", Permission.VIEW, flows.read),
        Route("PUT", "/v1/flows/{id}", Permission.MANAGE, flows.replace),
        Route("PATCH", "/v1/flows/{id}", Permission.MANAGE, flows.patch),
        Route("DELETE", "/v1/flows/{id}", Permission.DELETE, flows.delete),
        Route("GET", "/v1/flows/{id}/versions", Permission.VIEW, flows.versions),
        Route("GET", "/v1/flows/{id}/versions/{n}", Permission.VIEW, flows.version),
        Route("GET", "/v1/flows/{id}/settings", Permission.VIEW, flows.settings),
        Route("POST", "/v1/flows/{id}/webhook-token/rotate", Permission.MANAGE, flows.rotate),
        Route("GET", "/v1/runs", Permission.VIEW, runs.page),
        Route("GET", "/v1/runs/{run_id}", Permission.VIEW, runs.read),
        Route("GET", "/v1/personal-access-tokens", Permission.VIEW, tokens.page),
        Route("POST", "/v1/personal-access-tokens", Permission.MANAGE, tokens.create),
        Route("DELETE", "/v1/personal-access-tokens/{id}", Permission.DELETE, tokens.delete),
        Route("POST", "/v1/personal-access-tokens/{id}/regenerate", Permission.MANAGE, tokens.regenerate),
    )
