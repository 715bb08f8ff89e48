"""What the gateway reads from its environment."""

from pydantic import Field, SecretStr, field_validator

from libs.common import config, networks


class GatewaySettings(config.Settings):
    """The webhook endpoint."""

    gateway_port: int = Field(8080, ge=0, le=65535, description="Port of the webhook endpoint; 0 takes a free one")
    database_url: SecretStr = Field(description="PostgreSQL's address: postgresql://user:password@host:5432/name")
    secret_key: SecretStr = Field(
        min_length=32, description="The installation's secret, at least 32 characters; the same in every service"
    )
    sync_timeout_seconds: float = Field(
        30, gt=0, le=600, description="How long the sender of a synchronous flow waits at most, in seconds"
    )
    max_body_bytes: int = Field(
        1024 * 1024, ge=1, le=4 * 1024 * 1024, description="The longest body that a webhook takes, in bytes"
    )
    body_timeout_s: float = Field(30, gt=0, description="How long a body may take to arrive, in seconds")
    idle_timeout_s: float = Field(
        75, gt=0, description="How long a connection may be without a whole request head, in seconds; then it is closed"
    )
    flow_cache_size: int = Field(10_000, ge=1, description="The most flows that are kept in memory")
    token_cache_size: int = Field(10_000, ge=1, description="The most personal access tokens that are kept in memory")
    flow_refresh_s: float = Field(
        30, gt=0, description="How often all flows and tokens are compared with PostgreSQL's, in seconds"
    )
    shed_min_waiting: int = Field(
        200, ge=1, description="No request is turned away as too much while fewer messages wait in its lane"
    )
    rate_limit: int = Field(
        300, ge=1, le=1_000_000_000, description="How many requests of one client address are admitted in a window"
    )
    rate_window_seconds: int = Field(
        300, ge=1, le=86_400, description="How long such a window is, from an address's first request on, in seconds"
    )
    trusted_proxies: str = Field(
        "",
        description="Networks (CIDRs, with commas) of the proxies whose word on the client's address is believed: "
        "X-Forwarded-For or Forwarded",
    )
    stop_grace_s: float = Field(10, gt=0, description="How long requests under way may take at a stop, in seconds")

    @field_validator("trusted_proxies")
    @classmethod
    def _names_networks(cls, value: str) -> str:
        networks.networks_of(value)
        return value
