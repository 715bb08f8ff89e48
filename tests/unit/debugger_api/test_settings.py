"""The debugger's settings."""

from typing import Any

import pytest

from libs.common import errors
from services.debugger.config import DebuggerSettings

GOOD = {"database_url": "postgresql://u:p@h/d", "secret_key": "a-secret-of-32-characters-or-more"}


def test_ages_out_of_order_are_refused_together() -> None:
    with pytest.raises(errors.StartError) as refused:
        DebuggerSettings.load(**GOOD, claim_hold_s=400, sweep_after_s=360, claim_age_s=5000, sweep_anyway_s=4500)

    text = str(refused.value)
    assert "FLOWHOOK_CLAIM_HOLD_S (400) must be less than FLOWHOOK_SWEEP_AFTER_S (360)" in text
    assert "FLOWHOOK_CLAIM_AGE_S (5000) must be less than FLOWHOOK_SWEEP_ANYWAY_S (4500)" in text
    assert "\n" not in text


def test_a_short_secret_is_refused_without_being_repeated() -> None:
    with pytest.raises(errors.StartError) as refused:
        DebuggerSettings.load(database_url="postgresql://u:p@h/d", secret_key="too-short-secret")

    assert "FLOWHOOK_SECRET_KEY" in str(refused.value)
    assert "too-short-secret" not in str(refused.value)


@pytest.mark.parametrize("url", ["hooks.example.com", "ftp://hooks.example.com", "https://", "https://h/?q=1"])
def test_a_public_url_that_is_no_address_is_refused(url: Any) -> None:
    with pytest.raises(errors.StartError, match="FLOWHOOK_PUBLIC_URL"):
        DebuggerSettings.load(**GOOD, public_url=url)


def test_every_setting_says_what_it_means() -> None:
    fields = DebuggerSettings.model_fields

    assert [name for name, field in fields.items() if not field.description] == []
    assert "too-short" not in repr(DebuggerSettings.load(**{**GOOD, "bootstrap_token": "too-short-to-see-0123456789"}))
