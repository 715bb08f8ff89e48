import msgspec
import pytest

from services.debugger import masking
from tests import factories


@pytest.mark.parametrize(
    "name",
    [
        "Authorization",
        "proxy-authorization",
        "Cookie",
        "set-cookie",
        "X-Api-Key",
        "apikey",
        "X-Auth-Token",
        "x-hub-signature-256",
        "Client-Secret",
    ],
)
def test_headers_that_open_doors_are_secret(name: str) -> None:
    assert masking.is_secret_header(name)


@pytest.mark.parametrize("name", ["content-type", "accept", "x-request-id", "user-agent", "idempotency-key"])
def test_other_headers_are_not(name: str) -> None:
    assert not masking.is_secret_header(name)


def test_headers_that_the_gateway_left_out_are_shown_masked() -> None:
    request = factories.http_request(headers={"accept": "*/*"}, masked=("authorization",))

    assert masking.masked_headers(request) == {"accept": "*/*", "authorization": "***"}


def test_the_headers_of_an_http_step_are_masked() -> None:
    data = msgspec.json.encode({"method": "GET", "headers": {"Authorization": "Bearer abc", "Accept": "*/*"}})

    assert msgspec.json.decode(masking.mask_json(data))["headers"] == {"Authorization": "***", "Accept": "*/*"}


def test_credentials_in_an_address_are_masked() -> None:
    data = msgspec.json.encode({"url": "https://me:secret@example.com/a?b=c@d"})

    assert msgspec.json.decode(masking.mask_json(data)) == {"url": "https://***@example.com/a?b=c@d"}


@pytest.mark.parametrize(
    "data", [b'{"headers" : {"a":1.50}}', b'["headers"]', b'{"headers":null}', b"12345678901234567890123"]
)
def test_what_needs_no_mask_stays_byte_for_byte(data: bytes) -> None:
    assert masking.mask_json(data) is data
