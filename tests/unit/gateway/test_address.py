import pytest

from libs.common import errors
from services.gateway import address

ID = "0b6f6f5c-6f0e-4c39-9a44-6f6bb1a9a111"


@pytest.mark.parametrize(
    ("target", "query"),
    [
        (f"/v1/flow-webhook/{ID}", ""),
        (f"/v1/flow-webhook/{ID}?", ""),
        (f"/v1/flow-webhook/{ID}?a=1&b=%2F?", "a=1&b=%2F?"),
        (f"http://hooks.example.com/v1/flow-webhook/{ID}?a=1", "a=1"),
    ],
)
def test_the_exact_address_names_a_flow(target: str, query: str) -> None:
    found = address.parse(target)

    assert found == (ID, query)


@pytest.mark.parametrize(
    "target",
    [
        "/",
        "*",
        "",
        "/v1/flow-webhook",
        "/v1/flow-webhook/",
        f"/v1/flow-webhook/{ID}/",
        f"/v1/flow-webhook/{ID}/x",
        f"/v1/flow-webhook/{ID}.json",
        f"/v1/flow-webhook/{ID};v=1",
        f"/v1/flow-webhook/{ID}%2Fx",
        f"/v1/flow-webhook/{ID}%20",
        f"/v1/flow-webhook/{ID}\n",
        f"/v1/flow-webhook/{ID}#x",
        f"/v1/flow-webhook%2F{ID}",
        f"/v1//flow-webhook/{ID}",
        f"//v1/flow-webhook/{ID}",
        f"/v1/./flow-webhook/{ID}",
        f"/v1/x/../flow-webhook/{ID}",
        f"/v1/flow-webhook/./{ID}",
        f"/V1/flow-webhook/{ID}",
        f"/v1/Flow-Webhook/{ID}",
        f"/v1/flow-webhook/{ID.upper()}",
        f"/v1/flow-webhook/{ID.replace('-', '')}",
        f"/v1/flow-webhook/{{{ID}}}",
        "/v1/flow-webhook/not-a-uuid",
        "/v1/flow-webhook/\uff10b6f6f5c-6f0e-4c39-9a44-6f6bb1a9a111",
        f"/v2/flow-webhook/{ID}",
        f"ftp://x/v1/flow-webhook/{ID}",
    ],
)
def test_nothing_else_does(target: str) -> None:
    with pytest.raises(errors.NotFound):
        address.parse(target)


@pytest.mark.parametrize("method", ["GET", "POST", "PUT", "PATCH", "DELETE"])
def test_five_methods_are_taken(method: str) -> None:
    address.check_method(method)


@pytest.mark.parametrize("method", ["HEAD", "OPTIONS", "TRACE", "PROPFIND", "get"])
def test_every_other_method_is_told_which(method: str) -> None:
    with pytest.raises(errors.MethodNotAllowed) as refusal:
        address.check_method(method)

    assert refusal.value.headers["Allow"] == "GET, POST, PUT, PATCH, DELETE"
