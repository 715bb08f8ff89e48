"""What the debugger reads from its environment."""

from typing import Final, Self

from pydantic import Field, SecretStr, model_validator

from libs.common import config

AGES_IN_ORDER: Final = (
    ("claim_hold_s", "sweep_after_s", "else a run is swept that a runner still holds"),
    ("claim_age_s", "sweep_anyway_s", "else a swept run may also start without asking"),
)


class DebuggerSettings(config.Settings):
    """The recorder, the scheduler and sweeper, the management API and the console."""

    database_url: SecretStr = Field(description="PostgreSQL's address: postgresql://user:password@host:5432/name")
    secret_key: SecretStr = Field(
        min_length=32, description="The installation's secret, at least 32 characters; the same in every service"
    )
    console_port: int = Field(8081, ge=0, le=65535, description="Port of the API and the console; 0 takes a free one")
    public_url: str = Field(
        "http://127.0.0.1:8080",
        pattern=r"^https?://[^\s/?#]+(/[^\s?#]*)?$",
        description="The gateway's address as senders see it; webhook addresses begin with it",
    )
    bootstrap_token: SecretStr | None = Field(
        None,
        min_length=20,
        description="A personal access token with scope automation that exists from the first start",
    )
    api_max_body_bytes: int = Field(
        1024 * 1024, ge=1024, description="The longest body that the API reads, in bytes (a flow document, say)"
    )
    database_wait_s: float = Field(
        60, ge=0, description="How long a start waits for PostgreSQL before it gives up, in seconds"
    )
    database_pool: int = Field(
        10, ge=2, le=200, description="The most connections of the API to PostgreSQL; the recorder has its own"
    )

    record_batch_ms: int = Field(
        20, ge=0, description="How long the recorder gathers events for one transaction, in ms"
    )
    record_batch_max: int = Field(
        50,
        ge=1,
        le=100,
        description="The most messages in one transaction; at most 100 are in hand, the others come meanwhile",
    )

    claim_age_s: float = Field(3600, gt=0, description="A run request older than this must be claimed, in seconds")
    claim_hold_s: float = Field(300, gt=0, description="One held unstarted for longer must be claimed, in seconds")
    schedule_every_s: float = Field(1, gt=0, description="How often parked runs that are due are woken, in seconds")
    sweep_every_s: float = Field(15, gt=0, description="How often the sweeper looks for runs without a sign of life")
    sweep_after_s: float = Field(
        360, gt=0, description="A run without a sign of life is suspected after this, in seconds"
    )
    sweep_anyway_s: float = Field(4500, gt=0, description="And brought back in any case after this, in seconds")

    @model_validator(mode="after")
    def _ages_are_in_order(self) -> Self:
        wrong = [
            f"FLOWHOOK_{less.upper()} ({getattr(self, less):g}) must be less than "
            f"FLOWHOOK_{more.upper()} ({getattr(self, more):g}): {why}"
            for less, more, why in AGES_IN_ORDER
            if not getattr(self, less) < getattr(self, more)
        ]
        if wrong:
            raise ValueError("; ".join(wrong))
        return self
