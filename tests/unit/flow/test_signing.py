"""`auth: {hmac: …}`: what may be written, every fault in its place, and where the secrets are seen."""

import re
from pathlib import Path
from typing import Any

import msgspec
import pytest

from libs.common import errors
from libs.common.flow import document, program, signing, webhook_secrets

PRESETS = ("github", "stripe", "slack", "shopify", "standard_webhooks")
PAGE = (Path(__file__).parents[3] / "docs/reference/webhook-endpoint.md").read_text(encoding="utf-8")
HMAC = "steps[0].with.auth.hmac"


def source(auth: Any, *steps: dict[str, Any]) -> bytes:
    first = {"ref": "web1", "type": "webhook", "with": {"auth": auth}}
    return msgspec.json.encode({"name": "A flow", "steps": [first, *steps]})


def load(auth: Any) -> document.FlowDocument:
    return document.load(source(auth), media="json")


def scheme_of(**hmac: Any) -> Any:
    compiled = program.compile_flow(load({"hmac": {"secrets": ["a"], **hmac}}), flow_id="f", version=1)
    assert compiled.webhook is not None
    return compiled.webhook.auth


def faults_of(auth: Any) -> dict[str, str]:
    with pytest.raises(errors.InvalidFlow) as refused:
        load(auth)
    return {fault.path: fault.message for fault in refused.value.faults}


@pytest.mark.parametrize("preset", PRESETS)
@pytest.mark.parametrize("count", [1, 2])
def test_a_preset_takes_one_or_two_secrets(preset: Any, count: int) -> None:
    secret = "whsec_c2VjcmV0"

    assert scheme_of(preset=preset, secrets=[secret] * count) == signing.PRESETS[preset]


def test_every_preset_of_the_contract_is_there() -> None:
    assert set(signing.PRESETS) == set(PRESETS)


def test_a_header_alone_is_sha256_in_hex_over_the_body() -> None:
    assert scheme_of(header="X-Signature") == signing.Scheme(
        "X-Signature", "sha256", "hex", "", None, 300, "{body}", "plain"
    )


def test_with_a_timestamp_it_is_signed_in_front_of_the_body() -> None:
    assert scheme_of(header="X-Signature", timestamp_header="X-Time").signed == "{timestamp}.{body}"


def test_every_part_of_a_scheme_can_be_written() -> None:
    given: dict[str, Any] = {
        "header": "X-Sig",
        "algorithm": "sha512",
        "encoding": "base64",
        "prefix": "v1=",
        "timestamp_header": "X-Time",
        "tolerance_s": 60,
        "signed": "{body}|{timestamp}",
    }

    assert scheme_of(**given) == signing.Scheme(*given.values())


@pytest.mark.parametrize(
    ("hmac", "path", "message"),
    [
        ({"preset": "github"}, ".secrets", "is missing"),
        ({"preset": "github", "secrets": []}, ".secrets", "must have at least 1 elements"),
        ({"preset": "github", "secrets": ["a", "b", "c"]}, ".secrets", "must have at most 2 elements"),
        ({"preset": "github", "secrets": "a"}, ".secrets", "must be a list"),
        ({"preset": "github", "secrets": [""]}, ".secrets[0]", "must have at least 1 characters"),
        ({"preset": "github", "secrets": ["a", 1]}, ".secrets[1]", "must be a text; put it in quotes"),
        ({"preset": "github", "secrets": ["{{ env.github }}"]}, ".secrets[0]", "`env` is not there yet"),
        ({"preset": "gitlab", "secrets": ["a"]}, ".preset", "must be one of 'github'"),
        ({"preset": "github", "secrets": ["a"], "header": "X"}, "", "leave out header"),
        ({"preset": "slack", "secrets": ["a"], "tolerance_s": 9}, "", "leave out tolerance_s"),
        ({"preset": "standard_webhooks", "secrets": ["YQ==", "no base64"]}, "", "secrets[1] is no base64"),
        ({"preset": "standard_webhooks", "secrets": ["whsec_"]}, "", "secrets[0] is no base64"),
        ({"preset": "standard_webhooks", "secrets": ["ä"]}, "", "secrets[0] is no base64"),
        ({"secrets": ["a"]}, "", "must have a `preset`"),
        ({"header": "X Y", "secrets": ["a"]}, ".header", "is no name of a header"),
        ({"header": "X", "secrets": ["a"], "algorithm": "md5"}, ".algorithm", "must be one of 'sha1'"),
        ({"header": "X", "secrets": ["a"], "encoding": "HEX"}, ".encoding", "must be one of 'hex'"),
        ({"header": "X", "secrets": ["a"], "prefix": "ä"}, ".prefix", "must be printable ASCII"),
        ({"header": "X", "secrets": ["a"], "tolerance_s": 0}, ".tolerance_s", "must be at least 1"),
        ({"header": "X", "secrets": ["a"], "tolerance_s": 90000}, ".tolerance_s", "must be at most 86400"),
        ({"header": "X", "secrets": ["a"], "tolerance_s": "300"}, ".tolerance_s", "must be a whole number"),
        ({"header": "X", "secrets": ["a"], "signed": "{url}{body}"}, ".signed", "no other braces"),
        ({"header": "X", "secrets": ["a"], "signed": "{body"}, ".signed", "no other braces"),
        ({"header": "X", "secrets": ["a"], "signed": "fixed"}, ".signed", "the place {body} once"),
        ({"header": "X", "secrets": ["a"], "signed": "{body}{body}"}, ".signed", "the place {body} once"),
        ({"header": "X", "secrets": ["a"], "signed": "{timestamp}{body}"}, "", "must have `timestamp_header`"),
        ({"header": "X", "secrets": ["a"], "timestamp_header": "T", "signed": "{body}"}, "", "`timestamp_header`"),
        ({"header": "X", "secrets": ["a"], "key": "b"}, ".key", "is not known here"),
    ],
)
def test_faults_say_where_and_what(hmac: dict[str, Any], path: str, message: str) -> None:
    found = faults_of({"hmac": hmac})

    assert list(found) == [HMAC + path]
    assert message in found[HMAC + path]


@pytest.mark.parametrize("auth", ["hmac", "Token", None, 1, [], {}, {"hmac": {}, "x": 1}, {"basic": {}}])
def test_what_is_no_way_to_authorize_says_which_there_are(auth: Any) -> None:
    assert faults_of(auth) == {"steps[0].with.auth": "must be token, none or {hmac: …}"}


@pytest.mark.parametrize("secret", ["hidden{{ x", "hidden{% if", "{{ hidden.x }}"])
def test_no_fault_quotes_a_secret(secret: str) -> None:
    found = faults_of({"hmac": {"preset": "standard_webhooks", "secrets": [secret]}})

    assert "hidden" not in repr(found)


def test_a_program_has_no_secrets() -> None:
    compiled = program.compile_flow(load({"hmac": {"preset": "github", "secrets": ["hidden"]}}), flow_id="f", version=1)

    assert "hidden" not in repr(compiled)


def test_every_example_of_the_reference_can_be_saved_and_each_preset_has_one() -> None:
    section = PAGE.partition("## Signed webhooks")[2].partition("\n## ")[0]
    examples = re.findall(r"```yaml\n(.*?)```", section, flags=re.DOTALL)

    schemes = [_scheme_of_steps(example) for example in examples]

    assert schemes[:-1] == [
        signing.PRESETS[preset] for preset in re.findall(r"^\| `(\w+)`", section, flags=re.MULTILINE)
    ]
    assert len(schemes) == len(PRESETS) + 1
    assert schemes[-1] == signing.Scheme("X-Signature", timestamp_header="X-Timestamp", signed="{timestamp}.{body}")


def _scheme_of_steps(yaml: str) -> Any:
    loaded = document.load(f"name: An example\nsteps:\n{yaml}", media="yaml")
    webhook = program.compile_flow(loaded, flow_id="f", version=1).webhook
    assert webhook is not None
    return webhook.auth


# --- masks


def saved(*secrets: str) -> bytes:
    return load({"hmac": {"preset": "github", "secrets": list(secrets)}}).to_json()


def test_secrets_are_taken_out_of_a_saved_document_and_the_rest_stays() -> None:
    masked, secrets = webhook_secrets.taken_out(saved("one", "two"))

    assert secrets == ("one", "two")
    assert masked == saved("***", "***")


@pytest.mark.parametrize(
    "document",
    [
        source("token"),
        source("token", {"ref": "a", "type": "dict", "with": {"auth": {"hmac": {"secrets": ["kept"]}}}}),
        b'{"steps":[{"type":"dict","with":{"auth":{"hmac":{"secrets":["kept"]}}}}]}',
        b'{"steps":[],"name":"\\"hmac\\""}',
        b'{"steps":[{"type":"webhook","with":{"auth":"\\"hmac\\""}}]}',
        b'not JSON "hmac"',
    ],
)
def test_a_document_without_secrets_stays_as_it_is(document: bytes) -> None:
    assert webhook_secrets.taken_out(document) == (document, ())


@pytest.mark.parametrize(
    ("given", "stored", "kept"),
    [
        (("***",), ("a",), ("a",)),
        (("***", "new"), ("a",), ("a", "new")),
        (("new", "***"), ("a",), ("new", "a")),
        (("***", "***"), ("a", "b"), ("a", "b")),
        (("new", "***"), ("a", "b"), ("new", "b")),
        (("***", "new"), ("a", "b"), ("a", "new")),
        (("***",), ("a", "b"), ("a",)),
        (("new",), ("a", "b"), ("new",)),
    ],
)
def test_a_mask_that_is_sent_back_keeps_its_secret(
    given: tuple[str, ...], stored: tuple[str, ...], kept: tuple[str, ...]
) -> None:
    parsed = document.load(saved(*given), media="json")

    whole = webhook_secrets.put_back(parsed, saved(*stored))

    assert whole.to_json() == saved(*kept)


@pytest.mark.parametrize(
    ("given", "stored"), [(("a", "***"), None), (("***", "***"), saved("a")), (("***",), source("token"))]
)
def test_a_mask_of_nothing_is_a_fault(given: tuple[str, ...], stored: bytes | None) -> None:
    parsed = document.load(saved(*given), media="json")

    with pytest.raises(errors.InvalidFlow) as refused:
        webhook_secrets.put_back(parsed, stored)

    (fault,) = refused.value.faults
    assert fault.path.startswith(HMAC + ".secrets[")
    assert fault.message == "masks a secret that is not kept"
