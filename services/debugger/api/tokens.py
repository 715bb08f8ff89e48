"""The calls on personal access tokens. A token's text is in the one answer to whoever makes it, and nowhere else.

Nobody can make a token, or learn the new text of one, that permits more than their own does.
"""

from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from aiohttp import web

from libs.common import errors, personal_tokens
from services.debugger.api import access, answers, cursors, envelope, inputs, models, scopes
from services.debugger.token_store import Renewal, TokenRow, TokenStore


class TokenCalls:
    """Handlers of `/v1/personal-access-tokens`."""

    def __init__(self, tokens: TokenStore) -> None:
        self._tokens = tokens

    async def page(self, request: web.Request) -> web.Response:
        """List tokens, newest first, without their texts."""
        wanted = inputs.query(request, models.Query)
        rows = await self._tokens.page(cursors.read(wanted.cursor, UUID), wanted.limit + 1)
        shown = rows[: wanted.limit]
        cursor = cursors.write(UUID(shown[-1].id)) if len(rows) > wanted.limit else None
        return answers.json_answer({"items": [_shown(row) for row in shown], "next_cursor": cursor})

    async def create(self, request: web.Request) -> web.Response:
        """Make a token."""
        wanted = await inputs.read(request, models.TokenWanted)
        _check_permits_no_more(request, wanted.scopes)
        text = personal_tokens.new()
        row = await self._tokens.create(text, scopes=tuple(wanted.scopes), note=wanted.note, days=wanted.expiration)
        return answers.json_answer({**_shown(row), "token": text}, status=201)

    async def delete(self, request: web.Request) -> web.Response:
        """Revoke a token."""
        if not await self._tokens.delete(inputs.identifier(request, "id", "token")):
            raise inputs.missing("token")
        return answers.nothing()

    async def regenerate(self, request: web.Request) -> web.Response:
        """Make the token's text anew; the last one opens nothing any more."""
        wanted = await inputs.read(request, models.TokenRenewal)
        token_id = inputs.identifier(request, "id", "token")

        def renewal(row: TokenRow) -> Renewal:
            _check_permits_no_more(request, row.scopes)
            changes = "expiration" in wanted.model_fields_set
            if not changes and row.expires_at is not None and row.expires_at <= datetime.now(UTC):
                raise envelope.invalid(errors.Fault("expiration", "must be given: the token has run out"))
            return Renewal(changes, wanted.expiration)

        text = personal_tokens.new()
        row = await self._tokens.regenerate(token_id, text, renewal)
        if row is None:
            raise inputs.missing("token")
        return answers.json_answer({**_shown(row), "token": text}, status=201)


def _check_permits_no_more(request: web.Request, wanted: list[str] | tuple[str, ...]) -> None:
    if not scopes.permissions(wanted) <= request[access.PERMITTED]:
        raise errors.Forbidden("A token cannot permit more than the one that it is made with.")


def _shown(row: TokenRow) -> dict[str, Any]:
    return {
        "id": row.id,
        "expiration": answers.time(row.expires_at),
        "note": row.note,
        "last_used": answers.time(row.last_used),
        "scopes": row.scopes,
    }
