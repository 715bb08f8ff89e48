"""Settings: one frozen object a service, read once from `FLOWHOOK_*` variables, every fault reported together.

Each field carries its default, its unit in its name, and its meaning; `flowhook config` and the reference page are
printed from them. A bad value is never repeated in an error, since it may be a secret.
"""

from typing import Any, Self

from pydantic import Field, SecretStr, ValidationError
from pydantic_settings import BaseSettings, SettingsConfigDict

from libs.common import errors

PREFIX = "FLOWHOOK_"


class Settings(BaseSettings):
    """What all services read."""

    model_config = SettingsConfigDict(
        env_prefix=PREFIX,
        env_ignore_empty=True,  # compose files set what they leave open to nothing
        frozen=True,
        extra="ignore",
        hide_input_in_errors=True,
        validate_default=True,
    )

    host: str = Field("0.0.0.0", description="The address that the service listens on (127.0.0.1 for `dev`)")  # noqa: S104
    admin_port: int = Field(
        8090, ge=0, le=65535, description="Port of /healthz, /readyz and /metrics; 0 takes a free one"
    )
    amqp_url: SecretStr = Field(
        SecretStr(""), description="RabbitMQ's address; several, separated by commas, are tried in turn"
    )
    heartbeat_s: int = Field(10, ge=1, description="AMQP heartbeat in seconds; a hung peer is given up after three")
    log_format: str = Field("auto", pattern="^(auto|json|text)$", description="json, text, or auto: text in a terminal")
    log_level: str = Field("info", pattern="^(debug|info|warning|error)$", description="The least level that is logged")

    @classmethod
    def load(cls, **overrides: Any) -> Self:
        """Return the settings; `StartError` names every variable that is missing or wrong."""
        try:
            return cls(**overrides)
        except ValidationError as error:
            raise errors.StartError(_faults(error)) from None

    def broker_urls(self) -> str:
        """Return RabbitMQ's addresses; `StartError` if there is none, as only the all-in-one may have it."""
        urls = self.amqp_url.get_secret_value()
        if not urls:
            raise errors.StartError("FLOWHOOK_AMQP_URL is not set: give RabbitMQ's address, amqp://user:password@host/")
        return urls


def _faults(error: ValidationError) -> str:
    lines = (
        f"{PREFIX}{str(fault['loc'][0]).upper() if fault['loc'] else '*'}: {fault['msg']}" for fault in error.errors()
    )
    return "Settings are wrong. " + "; ".join(lines)
