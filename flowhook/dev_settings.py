"""What `flowhook dev` reads from its environment, beside the settings of the services."""

from pathlib import Path

from pydantic import Field, SecretStr

from libs.common import config


class DevSettings(config.Settings):
    """The all-in-one: what is not set, it makes itself and keeps in its data folder."""

    host: str = Field("127.0.0.1", description="The address that `flowhook dev` listens on")
    log_level: str = Field(
        "warning", pattern="^(debug|info|warning|error)$", description="The least level that is logged"
    )
    data_dir: Path = Field(Path(".flowhook"), description="The folder that `flowhook dev` keeps its data in")
    database_url: SecretStr | None = Field(
        None, description="PostgreSQL's address; unset: an embedded PostgreSQL in the data folder"
    )
    amqp_url: SecretStr = Field(
        SecretStr(""), description="RabbitMQ's address; unset: a bus inside the process, recorded before it confirms"
    )
    gateway_port: int = Field(8080, ge=0, le=65535, description="Port of the webhook endpoint; 0 takes a free one")
    console_port: int = Field(8081, ge=0, le=65535, description="Port of the API and the console; 0 takes a free one")
    public_url: str | None = Field(
        None, description="The gateway's address as senders see it; unset: the one that it listens on"
    )
    secret_key: SecretStr | None = Field(
        None, min_length=32, description="The installation's secret; unset: made once and kept in the data folder"
    )
    bootstrap_token: SecretStr | None = Field(
        None, min_length=20, description="The first personal access token; unset: made once and kept in the data folder"
    )
    record_batch_ms: int = Field(
        2, ge=0, description="How long the recorder gathers events; short, since every confirm waits for it"
    )
    grace_s: float = Field(3, ge=0, description="How long a stop takes at most, in seconds; what runs is handed back")
    stop_grace_s: float = Field(3, gt=0, description="How long requests under way may take at a stop, in seconds")
