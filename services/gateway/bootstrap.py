"""How a gateway is put together: the one place where its parts meet."""

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from libs.common import keys, lifecycle, messages, networks
from libs.common.bus import port
from libs.common.bus.waiters import Waiters
from libs.common.times import now_ms
from services.gateway import clients, metrics
from services.gateway.acceptance import Acceptance, Waiting
from services.gateway.app import GatewayServer
from services.gateway.auth import Authorization, WebhookTokens
from services.gateway.config import GatewaySettings
from services.gateway.deduplication import Deduplication
from services.gateway.feed import FlowFeed
from services.gateway.flows import Flows
from services.gateway.key_store import Keys, PostgresKeys
from services.gateway.notices import Notices
from services.gateway.personal_tokens import PersonalTokens
from services.gateway.rate_counters import Counters, PostgresCounters
from services.gateway.rate_limit import RateLimit
from services.gateway.rate_limiter import Limiter
from services.gateway.rate_window import Limit
from services.gateway.replies import Replies
from services.gateway.shedding import Shedding
from services.gateway.signatures import Signatures
from services.gateway.token_feed import TokenFeed
from services.gateway.webhooks import Webhooks


class Gateway:
    """A gateway that is put together. `checks` are what must hold for it to do its work."""

    def __init__(self, parts: lifecycle.Lifecycle, server: GatewayServer, checks: Mapping[str, Callable[[], bool]]):
        self._parts = parts
        self._server = server
        self.checks = checks

    @property
    def port(self) -> int:
        """The port that webhooks are called at."""
        return self._server.port

    async def start(self) -> None:
        """Start every part."""
        await self._parts.start()

    async def stop(self) -> None:
        """Stop every part: the server first, the consumer of replies last."""
        await self._parts.stop()


@dataclass(frozen=True, slots=True)
class Known:
    """What a gateway keeps in memory of what is in PostgreSQL."""

    flows: Flows
    tokens: PersonalTokens


@dataclass(frozen=True, slots=True)
class Shared:
    """What all gateways write together."""

    counters: Counters
    keys: Keys


def build(settings: GatewaySettings, bus: port.Bus, gateway_id: str) -> Gateway:
    """Return a gateway on this bus, which is started before it and stopped after it.

    The bus must have declared `topology.reply_queue(gateway_id)`.
    """
    limit, url = settings.flow_cache_size, settings.database_url.get_secret_value()
    known = Known(Flows(limit=limit), PersonalTokens(limit=settings.token_cache_size, clock_ms=now_ms))
    feeds = lifecycle.Lifecycle(
        FlowFeed(known.flows, url, refresh_s=settings.flow_refresh_s, limit=limit),
        TokenFeed(known.tokens, url, refresh_s=settings.flow_refresh_s, limit=settings.token_cache_size),
    )
    shared = Shared(PostgresCounters(url, _rate(settings)), PostgresKeys(url))
    return assemble(settings, bus, gateway_id, known, feeds, shared)


def assemble(
    settings: GatewaySettings,
    bus: port.Bus,
    gateway_id: str,
    known: Known,
    feed: lifecycle.Part,
    shared: Shared,
) -> Gateway:
    """Return a gateway that knows what `feed` tells it, and counts requests and their keys together with others."""
    flows = known.flows
    waiters: Waiters[messages.Result] = Waiters()
    notices = Notices(bus)
    shedding = Shedding(bus, min_waiting=settings.shed_min_waiting)
    deduplication = Deduplication(shared.keys)
    waiting = Waiting(waiters, gateway_id, settings.sync_timeout_seconds)
    acceptance = Acceptance(bus, waiting, notices, shedding, deduplication)
    limiter = Limiter(_rate(settings), shared.counters, clock=time.monotonic)
    proxies = networks.networks_of(settings.trusted_proxies)
    webhooks = Webhooks(
        RateLimit(clients.Clients(proxies), limiter),
        flows,
        _authorization(settings, known.tokens),
        acceptance,
        max_body_bytes=settings.max_body_bytes,
        body_timeout_s=settings.body_timeout_s,
    )
    server = GatewayServer(
        webhooks,
        acceptance,
        host=settings.host,
        port=settings.gateway_port,
        idle_timeout_s=settings.idle_timeout_s,
        stop_grace_s=settings.stop_grace_s,
    )
    metrics.WAITING.set_function(lambda: len(waiters))
    metrics.FLOWS.set_function(lambda: len(flows))
    parts = lifecycle.Lifecycle(
        deduplication, Replies(bus, waiters, deduplication, gateway_id), notices, shedding, limiter, feed, server
    )
    return Gateway(
        parts, server, {"bus": lambda: bus.ready, "flows": lambda: flows.loaded, "webhooks": lambda: server.open}
    )


def _rate(settings: GatewaySettings) -> Limit:
    return Limit(settings.rate_limit, settings.rate_window_seconds)


def _authorization(settings: GatewaySettings, tokens: PersonalTokens) -> Authorization:
    key = keys.derive(settings.secret_key.get_secret_value(), "webhook-tokens")
    return Authorization(WebhookTokens(key, clock_ms=now_ms), tokens, Signatures(clock_ms=now_ms))
