"""`auth: {hmac: …}` of a webhook: how a request is signed, by a vendor's scheme or by one that is written out.

A scheme says what is signed and where the signature stands; the secrets are kept apart from it, see `webhook_secrets`.
"""

import base64
import binascii
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Any, Final, Literal, Self

from pydantic import AfterValidator, Field, model_validator

from libs.common.flow import model, webhook_secrets
from libs.common.templating import source

Preset = Literal["github", "stripe", "slack", "shopify", "standard_webhooks"]
Algorithm = Literal["sha1", "sha256", "sha512"]
Encoding = Literal["hex", "base64"]
# plain: one header, one signature. list: `v1,<signature> …`, separated by spaces. stripe: `t=…,v1=…,v1=…`.
Layout = Literal["plain", "list", "stripe"]

DEFAULT_TOLERANCE_S: Final = 300
MAX_TOLERANCE_S: Final = 86_400
MAX_SECRETS: Final = 2
_HEADER: Final = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]{1,100}")
_PLACE: Final = re.compile(r"\{[^{}]*\}|[{}]")
_BASE64_KEY_PREFIX: Final = "whsec_"


@dataclass(frozen=True, slots=True)
class Scheme:
    """How a request is signed. `signed` is what the signature is over, with the places {id}, {timestamp} and {body}."""

    header: str
    algorithm: Algorithm = "sha256"
    encoding: Encoding = "hex"
    prefix: str = ""
    timestamp_header: str | None = None
    tolerance_s: int = DEFAULT_TOLERANCE_S
    signed: str = "{body}"
    layout: Layout = "plain"
    id_header: str | None = None
    delivery_header: str | None = None  # the same when the sender sends a delivery again
    base64_keys: bool = False

    @property
    def timed(self) -> bool:
        """Whether a timestamp is signed along."""
        return "{timestamp}" in self.signed

    def key(self, secret: str) -> bytes:
        """Return the key that a secret stands for; ValueError where it stands for none."""
        if not self.base64_keys:
            return secret.encode()
        text = secret.removeprefix(_BASE64_KEY_PREFIX)
        try:
            key = base64.b64decode(text + "=" * (-len(text) % 4), validate=True)
        except (binascii.Error, ValueError):  # the latter for what is no ASCII
            key = b""
        if not key:
            raise ValueError("is no base64, as this preset has it, with or without `whsec_` before it")
        return key


PRESETS: Final[Mapping[Preset, Scheme]] = {
    "github": Scheme("X-Hub-Signature-256", prefix="sha256=", delivery_header="X-GitHub-Delivery"),
    "shopify": Scheme("X-Shopify-Hmac-Sha256", encoding="base64", delivery_header="X-Shopify-Webhook-Id"),
    "slack": Scheme(
        "X-Slack-Signature",
        prefix="v0=",
        timestamp_header="X-Slack-Request-Timestamp",
        signed="v0:{timestamp}:{body}",
    ),
    "stripe": Scheme("Stripe-Signature", layout="stripe", prefix="v1=", signed="{timestamp}.{body}"),
    "standard_webhooks": Scheme(
        "webhook-signature",
        layout="list",
        prefix="v1,",
        encoding="base64",
        timestamp_header="webhook-timestamp",
        id_header="webhook-id",
        delivery_header="webhook-id",
        signed="{id}.{timestamp}.{body}",
        base64_keys=True,
    ),
}


def _secret(value: str) -> str:
    if source.is_template(value):
        raise ValueError("is a template, but `env` is not there yet; write the secret itself")
    return value


def _header(value: str) -> str:
    if not _HEADER.fullmatch(value):
        raise ValueError("is no name of a header")
    return value


def _printable(value: str) -> str:
    if not value.isascii() or not value.isprintable():
        raise ValueError("must be printable ASCII")
    return value


def _signed(value: str) -> str:
    for place in _PLACE.findall(value):
        if place not in ("{body}", "{timestamp}"):
            raise ValueError("has the places {body} and {timestamp}, and no other braces")
    if value.count("{body}") != 1 or value.count("{timestamp}") > 1:
        raise ValueError("must have the place {body} once, and {timestamp} at most once")
    return _printable(value)


Secret = Annotated[str, Field(min_length=1, max_length=500), AfterValidator(_secret)]
Header = Annotated[str, AfterValidator(_header)]


class HmacAuth(model.Strict):
    """What stands under `hmac`: a preset and its secrets, or every part of a scheme."""

    preset: Preset | None = None
    secrets: Annotated[list[Secret], Field(min_length=1, max_length=MAX_SECRETS)]
    header: Header | None = None
    algorithm: Algorithm = "sha256"
    encoding: Encoding = "hex"
    prefix: Annotated[str, Field(max_length=50), AfterValidator(_printable)] = ""
    timestamp_header: Header | None = None
    tolerance_s: Annotated[int, Field(ge=1, le=MAX_TOLERANCE_S)] = DEFAULT_TOLERANCE_S
    signed: Annotated[str, Field(max_length=200), AfterValidator(_signed)] | None = None

    @model_validator(mode="after")
    def _fits_together(self) -> Self:
        if self.preset is not None:
            self._check_preset(self.preset)
        elif self.header is None:
            raise ValueError(f"must have a `preset` ({', '.join(PRESETS)}) or the `header` that bears the signature")
        elif self.signed is not None and (self.timestamp_header is not None) != ("{timestamp}" in self.signed):
            raise ValueError("must have `timestamp_header` where `signed` has {timestamp}, and only there")
        return self

    def _check_preset(self, preset: Preset) -> None:
        given = sorted(self.model_fields_set - {"preset", "secrets"})
        if given:
            raise ValueError(f"the preset {preset} says all of it; leave out {', '.join(given)}")
        for number, secret in enumerate(self.secrets):
            if secret != webhook_secrets.MASK:
                try:
                    PRESETS[preset].key(secret)
                except ValueError as error:
                    raise ValueError(f"secrets[{number}] {error}") from None

    def scheme(self) -> Scheme:
        """Return how requests are signed."""
        if self.preset is not None:
            return PRESETS[self.preset]
        assert self.header is not None
        return Scheme(
            header=self.header,
            algorithm=self.algorithm,
            encoding=self.encoding,
            prefix=self.prefix,
            timestamp_header=self.timestamp_header,
            tolerance_s=self.tolerance_s,
            signed=self.signed or ("{timestamp}.{body}" if self.timestamp_header is not None else "{body}"),
        )


def unwrapped(value: Any) -> Any:
    """Return what stands under `hmac`, or the name of the scheme; ValueError for anything else."""
    if isinstance(value, dict) and value.keys() == {"hmac"}:
        if not isinstance(value["hmac"], dict):
            raise ValueError("`hmac` must be an object")
        return value["hmac"]
    if isinstance(value, HmacAuth) or value in ("token", "none"):
        return value
    raise ValueError("must be token, none or {hmac: …}")
