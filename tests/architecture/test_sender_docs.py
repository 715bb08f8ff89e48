"""The page for senders knows every error of the endpoint, by the status and the code that the code gives it."""

import re
from pathlib import Path

from libs.common import errors
from tests.unit.gateway import test_reference_page

DOCS = Path(__file__).parents[2] / "docs/reference"
API_ONLY = {errors.InvalidRequest, errors.PreconditionFailed}
NO_ERROR = ("200", "biz_logic")  # how a paused flow answers


def documented() -> set[tuple[str, str]]:
    """Return status and code of each row of the tables of errors."""
    page = (DOCS / "webhook-endpoint.md").read_text(encoding="utf-8")
    section = page.partition("\n## Errors\n")[2].partition("\n## ")[0]
    return set(re.findall(r"^\| (\d{3}) \| `(\w+)`", section, re.MULTILINE))


def test_every_error_of_the_endpoint_is_documented_and_no_other() -> None:
    raised = {
        (str(error.status), error.code)
        for error in errors.RequestError.__subclasses__()
        if error.__module__ == errors.__name__ and error not in API_ONLY
    }

    assert documented() == {*raised, NO_ERROR}


def test_every_test_of_the_reference_page_is_listed() -> None:
    listed = set(re.findall(r"::(\w+)`", (DOCS / "webhook-promises.md").read_text(encoding="utf-8")))

    assert {name for name in vars(test_reference_page) if name.startswith("test_")} <= listed
