"""`idempotency` of a webhook: what may be written, and where keys stand then."""

import re
from pathlib import Path
from typing import Any

import msgspec
import pytest

from libs.common import errors
from libs.common.flow import document, idempotency, program

PAGE = (Path(__file__).parents[3] / "docs/reference/webhook-endpoint.md").read_text(encoding="utf-8")
SECRETS = ["It's a Secret to Everybody"]
BASE64 = ["whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"]


def load(**webhook: Any) -> document.FlowDocument:
    steps = [
        {"ref": "web1", "type": "webhook", "with": webhook},
        {"ref": "later", "type": "dict", "with": {"a": 1}},
    ]
    return document.load(msgspec.json.encode({"name": "A flow", "steps": steps}), media="json")


def source(**webhook: Any) -> idempotency.KeySource | None:
    compiled = program.compile_flow(load(**webhook), flow_id="f", version=1).webhook
    assert compiled is not None
    return compiled.key_source


def faults(setting: Any) -> list[tuple[str, str]]:
    with pytest.raises(errors.InvalidFlow) as caught:
        source(idempotency=setting)
    return [(fault.path, fault.message) for fault in caught.value.faults]


@pytest.mark.parametrize("webhook", [{}, {"idempotency": True}, {"auth": "none"}])
def test_by_default_the_key_is_the_header_idempotency_key(webhook: dict[str, Any]) -> None:
    assert source(**webhook) == idempotency.KeySource(headers=("Idempotency-Key",))


@pytest.mark.parametrize(
    ("preset", "secrets", "header"),
    [
        ("github", SECRETS, "X-GitHub-Delivery"),
        ("shopify", SECRETS, "X-Shopify-Webhook-Id"),
        ("standard_webhooks", BASE64, "webhook-id"),
    ],
)
def test_a_preset_knows_the_header_of_its_deliveries(preset: str, secrets: list[str], header: str) -> None:
    found = source(auth={"hmac": {"preset": preset, "secrets": secrets}})

    assert found == idempotency.KeySource(headers=("Idempotency-Key", header))


def test_it_can_be_turned_off() -> None:
    assert source(idempotency=False) is None


def test_a_template_takes_the_place_of_the_headers() -> None:
    found = source(idempotency={"key": "{{ web1.order }}-{{ request.method }}"})

    assert found is not None
    assert found.headers == ()
    assert found.template is not None
    assert found.template.render({"web1": {"order": 7}, "request": {"method": "PUT"}}) == "7-PUT"


@pytest.mark.parametrize("setting", ["yes", 1, None, [], {}, {"header": "X"}, {"key": "{{ web1.a }}", "ttl": 3}])
def test_anything_else_is_refused(setting: Any) -> None:
    assert faults(setting) == [("steps[0].with.idempotency", "must be true, false or {key: a template}")]


@pytest.mark.parametrize(
    ("key", "path", "message"),
    [
        (7, "", "`key` must be a template, in quotes"),
        ("order", ".key", "must be a template, such as {{ web1.order_id }}: a fixed key would make all requests one"),
        ("{{ web1." + "a" * 2_000 + " }}", ".key", "must have at most 2000 characters"),
        ("{{ later.a }}", ".key", "knows `web1` and `request`; `later` is known only to a run"),
        ("{{ web1.a }}{{ run.id }}", ".key", "knows `web1` and `request`; `run` is known only to a run"),
    ],
)
def test_a_key_that_cannot_be_one_is_refused_with_its_place(key: Any, path: str, message: str) -> None:
    assert faults({"key": key}) == [(f"steps[0].with.idempotency{path}", message)]


def test_a_key_that_is_no_template_is_refused_with_its_line() -> None:
    ((path, message),) = faults({"key": "{{ web1. }}"})

    assert path == "steps[0].with.idempotency.key"
    assert message.startswith("template, line 1: ")


def test_the_example_of_the_reference_can_be_saved() -> None:
    section = PAGE.partition("## Sending a request again")[2].partition("\n## ")[0]
    (example,) = re.findall(r"```yaml\n(.*?)```", section, flags=re.DOTALL)

    document.load(f"name: An example\nsteps:\n{example}", media="yaml")
