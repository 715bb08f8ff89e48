"""What the checks at the door cost a request, in microseconds of one core, beside a whole request to a bare echo.

    python -m tests.benchmarks.ingress [--seconds 1]

The checks are called as the endpoint calls them, without a network. The rate limit is counted with the shared count in
memory: what PostgreSQL takes is not in the figures. A new token is seen once, then it is remembered.
"""

import argparse
import asyncio
import hmac
import json
import sys
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from urllib.parse import urlencode

from libs.common.flow import signing
from libs.common.times import now_ms
from services.gateway import payload
from services.gateway.auth import Authorization, WebhookTokens
from services.gateway.personal_tokens import PersonalTokens
from services.gateway.rate_limiter import Limiter
from services.gateway.rate_window import Limit
from services.gateway.signatures import Signatures
from tests.benchmarks.noop import cpu_of, report, run_load
from tests.servers.ports import free_port
from tests.unit.gateway import samples
from tests.unit.gateway.counters import CountersBoard, MemoryCounters

JSON_1K = json.dumps({"n": 21, "padding": "x" * 1000}).encode()
XML_16K = b"<orders>" + b'<order id="7"><item>a &amp; b</item><n>2</n></order>' * 310 + b"</orders>"
FORM_100K = urlencode([(f"field{number}", "a value with ä") for number in range(3400)]).encode()
SECRET = "a secret of the sender"

Check = Callable[[], Awaitable[object]]


def parsing(content_type: str, body: bytes) -> Check:
    """Return the parsing of a body."""

    async def check() -> object:
        return payload.parse("", content_type, body)

    return check


def authorizing(authorization: Authorization) -> Mapping[str, Check]:
    """Return the check of a token that was seen before, of a new one, and of a signature over 1 KB."""
    flow = samples.flow()
    header = [f"Bearer {samples.token()}"]
    signature = hmac.new(SECRET.encode(), JSON_1K, "sha256").hexdigest()
    first = {"auth": {"hmac": {"preset": "github", "secrets": [SECRET]}}}
    signed = samples.flow(saved=samples.document(**first))
    headers = {"X-Hub-Signature-256": f"sha256={signature}"}

    async def token() -> None:
        await authorization.check(flow, "token", header)

    async def new_token() -> None:
        fresh = WebhookTokens(samples.KEY, clock_ms=now_ms)
        assert fresh(header[0].removeprefix("Bearer "), flow)

    async def signature_of_1k() -> None:
        authorization.check_signature(signed, signing.PRESETS["github"], MultiHeaders(headers), JSON_1K)

    return {"token": token, "token, new": new_token, "HMAC of 1 KB": signature_of_1k}


class MultiHeaders(dict[str, str]):
    """Headers as the check of signatures asks for them."""

    def getall(self, name: str, default: Sequence[str], /) -> Sequence[str]:
        """Return all values of a header."""
        return [self[name]] if name in self else default


def limiting(limiter: Limiter) -> Check:
    """Return the rate limit's check of one busy client."""

    async def check() -> None:
        if limiter.spend("192.0.2.1") is None:
            await limiter.count("192.0.2.1")

    return check


async def cost_us(check: Check, seconds: float) -> float:
    """Return the processor's microseconds a call, over so many seconds."""
    await check()
    calls, began, until = 0, time.process_time(), time.monotonic() + seconds
    while time.monotonic() < until:
        for _ in range(10):
            await check()
        calls += 10
    return (time.process_time() - began) * 1e6 / calls


async def echo_us(seconds: float) -> float:
    """Return the processor's microseconds that a whole request of 1 KB costs a bare echo."""
    port = free_port()
    echo = await asyncio.create_subprocess_exec(sys.executable, "-m", "tests.benchmarks.echo", str(port))
    try:
        await until_open(port)
        await run_load(f"http://127.0.0.1:{port}/", 16, 1)
        before = cpu_of(echo.pid)
        figures = await run_load(f"http://127.0.0.1:{port}/", 16, seconds)
        return (cpu_of(echo.pid) - before) * 1e6 / int(figures["requests"])
    finally:
        echo.kill()
        await echo.wait()


async def until_open(port: int) -> None:
    """Return once somebody listens."""
    async with asyncio.timeout(20):
        while True:
            try:
                _, writer = await asyncio.open_connection("127.0.0.1", port)
            except ConnectionError:
                await asyncio.sleep(0.05)
            else:
                writer.close()
                return


async def bench(seconds: float) -> None:
    """Measure and print."""
    limit = Limit(1_000_000_000, 300)
    limiter = Limiter(limit, MemoryCounters(CountersBoard(limit)), clock=time.monotonic)
    await limiter.start()
    tokens = PersonalTokens(limit=100, clock_ms=now_ms)
    authorization = Authorization(WebhookTokens(samples.KEY, clock_ms=now_ms), tokens, Signatures(clock_ms=now_ms))
    checks = {
        **authorizing(authorization),
        "rate limit": limiting(limiter),
        "JSON, 1 KB": parsing("application/json", JSON_1K),
        "XML, 16 KB": parsing("application/xml", XML_16K),
        "form, 100 KB": parsing("application/x-www-form-urlencoded", FORM_100K),
    }
    echo = await echo_us(seconds)
    report(f"{'at the door':<14} {'µs':>9} {'of an echo':>11}")
    report(f"{'bare echo':<14} {echo:>9.1f} {1:>11.2f}")
    for name, check in checks.items():
        cost = await cost_us(check, seconds)
        report(f"{name:<14} {cost:>9.1f} {cost / echo:>11.2f}")
    await limiter.stop()


def main() -> None:
    """Read the arguments and measure."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=float, default=1)
    asyncio.run(bench(parser.parse_args().seconds))


if __name__ == "__main__":
    main()
