"""What the runner reads from its environment."""

from typing import Final, Self

from pydantic import Field, field_validator, model_validator

from libs.common import config, networks
from services.runner import lanes

MOST_HELD_S: Final = 1740  # RabbitMQ ends a channel that has had a message for half an hour


class RunnerSettings(config.Settings):
    """Executing flows."""

    runner_lanes: str = Field(
        "sync,async", description="The lanes that this runner serves: sync, async, or single ones (sync.0), with commas"
    )
    runner_concurrency: int = Field(32, ge=1, le=10_000, description="How many runs execute at once")
    runner_prefetch: int = Field(
        8, ge=1, le=1000, description="The most messages of one lane that this runner holds, never over 3/4 of its runs"
    )
    grace_s: float = Field(25, ge=0, description="How long a stop takes at most, in seconds")

    claim_age_s: float = Field(3600, gt=0, description="A run request older than this must be claimed, in seconds")
    claim_hold_s: float = Field(300, gt=0, description="One held unstarted for longer must be claimed, in seconds")
    claims_in_flight: int = Field(8, ge=1, description="How many claims wait for an answer at once")
    later_after_s: float = Field(
        600, gt=0, description="A claim without an answer makes room for others after this, in seconds"
    )
    park_after_s: float = Field(5, ge=0, le=60, description="A longer wait leaves the runner, in seconds")
    hold_s: float = Field(600, gt=0, description="A run that has held its message for this long leaves, in seconds")

    http_allow: str = Field(
        "", description="Networks (CIDRs, with commas) that http steps may call though they are not public"
    )
    http_max_timeout_s: float = Field(300, gt=0, description="How long an http step waits at most, in seconds")
    http_max_bytes: int = Field(4 * 1024 * 1024, ge=1, description="The longest answer that it takes, in bytes")
    http_max_redirects: int = Field(5, ge=0, description="How many redirects it follows")

    stuck_after_s: float = Field(
        10, gt=0, description="The process ends if its event loop is stuck for this long, in seconds of processor time"
    )

    @field_validator("runner_lanes")
    @classmethod
    def _names_lanes(cls, value: str) -> str:
        lanes.queues_of(value)
        return value

    @field_validator("http_allow")
    @classmethod
    def _names_networks(cls, value: str) -> str:
        networks.networks_of(value)
        return value

    @model_validator(mode="after")
    def _a_message_is_not_held_for_too_long(self) -> Self:
        longest_s = 2 * self.claim_hold_s + self.later_after_s + self.http_max_timeout_s
        if longest_s >= MOST_HELD_S:
            raise ValueError(
                "FLOWHOOK_CLAIM_HOLD_S (twice), FLOWHOOK_LATER_AFTER_S and FLOWHOOK_HTTP_MAX_TIMEOUT_S "
                f"together must stay below {MOST_HELD_S} s, since RabbitMQ takes back what is held for half an hour"
            )
        return self

    @property
    def lane_prefetch(self) -> int:
        """How many messages of one lane are in hand at once."""
        return max(1, min(self.runner_prefetch, self.runner_concurrency * 3 // 4))
