"""Keys are derived from the installation's secret, one for each purpose."""

from libs.common import keys

SECRET = "an-installation-secret-for-tests-0123456789"


def test_each_purpose_has_a_key_of_its_own() -> None:
    one, other = keys.derive(SECRET, "webhook-tokens"), keys.derive(SECRET, "env")

    assert one != other
    assert SECRET.encode() not in (one, other)


def test_a_key_is_the_same_in_every_process_of_an_installation_and_in_no_other_installation() -> None:
    assert keys.derive(SECRET, "env") == keys.derive(SECRET, "env")
    assert keys.derive(SECRET, "env") != keys.derive(SECRET + "!", "env")
