"""The reference page lists what there is: each call with what it needs, each error."""

import re
from pathlib import Path
from typing import Any, cast

from libs.common import errors
from services.debugger.api import routes
from services.debugger.api.flows import FlowCalls
from services.debugger.api.runs import RunCalls
from services.debugger.api.scopes import Permission
from services.debugger.api.tokens import TokenCalls
from services.debugger.flow_store import FlowStore

PAGE = (Path(__file__).parents[3] / "docs/reference/api.md").read_text(encoding="utf-8")
WORDS = {Permission.VIEW: "read", Permission.MANAGE: "change", Permission.DELETE: "delete"}
NOTHING = cast("Any", None)


def test_the_page_lists_every_call_and_no_other() -> None:
    written = re.findall(r"^\| `([A-Z]+) ([^`?]+)[^`]*` \| (\w+) \|", PAGE, flags=re.MULTILINE)

    table = routes.table(FlowCalls(cast("FlowStore", NOTHING), NOTHING), RunCalls(NOTHING), TokenCalls(NOTHING))

    assert written == [(route.method, route.path, WORDS[route.needs]) for route in table]


def test_the_page_gives_errors_as_they_are() -> None:
    written = re.findall(r"^\| (\d{3}) \| `(\w+)` \|", PAGE, flags=re.MULTILINE)

    kinds: list[type[errors.RequestError]] = [errors.RequestError, *errors.RequestError.__subclasses__()]
    known = {(str(kind.status), kind.code) for kind in kinds}
    assert len(written) == 12
    assert set(written) <= known
