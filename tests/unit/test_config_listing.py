"""`flowhook config`: every setting, its value here, where that comes from, and never a secret."""

from flowhook import config_listing


def test_a_value_of_the_environment_is_shown_with_its_source() -> None:
    text = config_listing.as_text({"FLOWHOOK_GATEWAY_PORT": "9000"})

    assert "FLOWHOOK_GATEWAY_PORT=9000  [environment; dev, gateway]" in text
    assert "FLOWHOOK_CONSOLE_PORT=8081  [default; dev, debugger]" in text


def test_a_secret_is_not_shown() -> None:
    text = config_listing.as_text({"FLOWHOOK_SECRET_KEY": "s3cr3t", "FLOWHOOK_AMQP_URL": "amqp://u:s3cr3t@h"})

    assert "s3cr3t" not in text
    assert "FLOWHOOK_SECRET_KEY=(set, hidden)" in text


def test_what_must_be_set_says_so() -> None:
    required = {setting.name for setting in config_listing.settings() if setting.default == "(must be set)"}

    assert required == {"FLOWHOOK_DATABASE_URL", "FLOWHOOK_SECRET_KEY"}
