"""The flows that a first start brings along are good flows, with a sample each."""

import json
import re

import pytest

from flowhook import example_flows
from libs.common.flow import document


@pytest.mark.parametrize("name", example_flows.NAMES)
def test_an_example_is_a_good_flow_with_a_fixed_id(name: str) -> None:
    loaded = document.load((example_flows.FOLDER / f"{name}.yaml").read_bytes(), media="yaml")

    assert loaded.id is not None
    assert re.fullmatch(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", loaded.id)
    assert loaded.status == "active"


@pytest.mark.parametrize("name", example_flows.NAMES)
def test_its_sample_is_an_object(name: str) -> None:
    assert isinstance(json.loads((example_flows.FOLDER / f"{name}.json").read_text()), dict)
