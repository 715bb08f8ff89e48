"""`allow_ips`: which networks may be written, and whom they admit."""

import re
from pathlib import Path
from typing import Any

import msgspec
import pytest

from libs.common import errors
from libs.common.flow import allow_list, document, program

PAGE = (Path(__file__).parents[3] / "docs/reference/webhook-endpoint.md").read_text(encoding="utf-8")


def load(allow_ips: Any) -> document.FlowDocument:
    first = {"ref": "web1", "type": "webhook", "with": {"allow_ips": allow_ips}}
    return document.load(msgspec.json.encode({"name": "A flow", "steps": [first]}), media="json")


def admits(allow_ips: list[str] | None, ip: str) -> bool:
    webhook = program.compile_flow(load(allow_ips), flow_id="f", version=1).webhook
    assert webhook is not None
    return allow_list.admits(webhook.allow_ips, ip)


@pytest.mark.parametrize(
    ("allowed", "ip", "may"),
    [
        (None, "203.0.113.7", True),
        (None, "", True),
        (["203.0.113.0/24"], "203.0.113.255", True),
        (["203.0.113.0/24"], "203.0.114.0", False),
        (["198.51.100.1", "203.0.113.7"], "203.0.113.7", True),
        (["203.0.113.7"], "203.0.113.8", False),
        (["0.0.0.0/0"], "2001:db8::1", False),
        (["2001:db8::/32"], "2001:db8:1::1", True),
        (["2001:DB8:0::/32"], "2001:db9::1", False),
        (["::/0"], "203.0.113.7", False),
        (["::1"], "::1", True),
        (["0.0.0.0/0", "::/0"], "", False),
    ],
)
def test_whom_a_list_admits(allowed: list[str] | None, ip: str, may: bool) -> None:
    assert admits(allowed, ip) is may


def test_the_example_of_the_reference_can_be_saved() -> None:
    section = PAGE.partition("## Addresses that may call")[2].partition("\n## ")[0]
    (example,) = re.findall(r"```yaml\n(.*?)```", section, flags=re.DOTALL)

    document.load(f"name: An example\nsteps:\n{example}", media="yaml")


@pytest.mark.parametrize(
    ("allowed", "path", "message"),
    [
        ([], "", "must have at least 1 elements"),
        (["10.0.0.0/8"] * 201, "", "must have at most 200 elements"),
        ("10.0.0.0/8", "", "must be a list"),
        (["10.0.0.0/8", "10.0.0.300"], "[1]", "must be a network or an address"),
        (["example.com"], "[0]", "must be a network or an address"),
        (["10.0.0.0/33"], "[0]", "must be a network or an address"),
        (["fe80::1%eth0"], "[0]", "must be a network or an address"),
        ([""], "[0]", "must be a network or an address"),
        ([7], "[0]", "must be a text"),
        (["10.1.2.3/8"], "[0]", "did you mean 10.0.0.0/8?"),
        (["2001:db8::1/32"], "[0]", "did you mean 2001:db8::/32?"),
        (["::ffff:10.0.0.0/104"], "[0]", "the IPv4 network that it stands for"),
        (["{{ env.office }}"], "[0]", "must be a network or an address"),
    ],
)
def test_faults_say_where_and_what(allowed: Any, path: str, message: str) -> None:
    with pytest.raises(errors.InvalidFlow) as refused:
        load(allowed)

    (fault,) = refused.value.faults
    assert fault.path == "steps[0].with.allow_ips" + path
    assert message in fault.message
