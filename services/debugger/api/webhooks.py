"""Where a flow is called from outside, and the token that opens it."""

from typing import Final

from libs.common import keys, webhook_tokens

PATH: Final = "/v1/flow-webhook/"


class WebhookAddresses:
    """The addresses and tokens of an installation's webhooks."""

    def __init__(self, public_url: str, secret_key: str) -> None:
        self._base = public_url.rstrip("/") + PATH
        self._key = keys.derive(secret_key, "webhook-tokens")

    def url(self, flow_id: str) -> str:
        """Return the address that senders call."""
        return self._base + flow_id

    def token(self, flow_id: str, generation: int) -> str:
        """Return the token of this generation."""
        return webhook_tokens.sign(self._key, flow_id=flow_id, generation=generation)
