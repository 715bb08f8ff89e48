"""Scopes and the header that bears a token."""

from typing import Any

import pytest

from services.debugger.api import access, scopes
from services.debugger.api.scopes import Permission


@pytest.mark.parametrize(
    ("scope", "permitted"),
    [
        ("automation", {Permission.VIEW, Permission.MANAGE, Permission.DELETE}),
        ("automation.manage", {Permission.VIEW, Permission.MANAGE}),
        ("automation:manage", {Permission.VIEW, Permission.MANAGE}),
        ("automation.view", {Permission.VIEW}),
        ("automation:view", {Permission.VIEW}),
        ("automation.webhook_run", set()),
        ("automation.everything", set()),
        ("", set()),
    ],
)
def test_a_scope_permits(scope: Any, permitted: Any) -> None:
    assert scopes.permissions(frozenset({scope})) == permitted


def test_scopes_permit_together() -> None:
    granted = scopes.permissions(frozenset({"automation.webhook_run", "automation.view"}))

    assert granted == {Permission.VIEW}


@pytest.mark.parametrize("header", ["Bearer fh_pat_abc", "bearer fh_pat_abc", "BEARER fh_pat_abc"])
def test_the_scheme_is_read_in_any_case(header: Any) -> None:
    assert access.bearer(header) == "fh_pat_abc"


@pytest.mark.parametrize(
    "header", [None, "", "Bearer", "Bearer ", "Bearer  fh_pat_abc", "Basic fh_pat_abc", "fh_pat_abc", "Bearer \u00e4"]
)
def test_anything_else_is_no_token(header: Any) -> None:
    assert access.bearer(header) is None
