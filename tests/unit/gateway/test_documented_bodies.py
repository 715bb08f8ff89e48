"""The bodies that the docs show become what the docs say."""

import json
import re
from pathlib import Path

import pytest

from services.gateway import payload

PAGE = Path(__file__).parents[3] / "docs" / "reference" / "webhook-endpoint.md"
EXAMPLES = re.findall(
    r"```http\nContent-Type: ([^\n]+)\n\n(.*?)\n```\n\n```json\n(.*?)```", PAGE.read_text(encoding="utf-8"), re.DOTALL
)


def test_there_is_an_example_of_each_format() -> None:
    assert len(EXAMPLES) == 4


@pytest.mark.parametrize(("content_type", "body", "values"), EXAMPLES, ids=[example[0] for example in EXAMPLES])
def test_an_example_becomes_what_is_shown(content_type: str, body: str, values: str) -> None:
    content = payload.parse("", content_type, body.replace("\n", "\r\n").encode())

    assert content.values == json.loads(values)
