"""A public suite of JSON texts, where it is beside the project: what must be accepted is, the rest is refused."""

import base64
import gzip
import json
from pathlib import Path

import pytest

from libs.common import errors
from services.gateway import payload

SUITE = Path(__file__).parents[4] / "shared" / "suites" / "json-suite.json.gz"
AN_EMPTY_BODY = "n_structure_no_data"  # no byte at all is an empty input, whatever the type


def _texts(beginning: str) -> dict[str, bytes]:
    if not SUITE.exists():
        pytest.skip(f"{SUITE.name} is not beside the project")
    suite = json.loads(gzip.decompress(SUITE.read_bytes()))
    texts = {name: base64.b64decode(text) for name, text in suite.items() if name.startswith(beginning)}
    assert len(texts) > 80
    return texts


def _is_accepted(text: bytes) -> bool:
    try:
        content = payload.parse("", "application/json", text)
    except errors.InvalidPayload:
        return False
    json.loads(bytes(content.input))
    return True


def test_all_that_must_be_accepted_is() -> None:
    refused = [name for name, text in _texts("y_").items() if not _is_accepted(text)]

    assert refused == []


def test_all_that_must_be_refused_is() -> None:
    accepted = [name for name, text in _texts("n_").items() if _is_accepted(text)]

    assert accepted == [AN_EMPTY_BODY]
