"""The page at the console's address: what runs here, where the API is, where to read on. No scripts, no other hosts."""

from collections.abc import Awaitable, Callable, Mapping
from html import escape
from pathlib import Path
from string import Template
from typing import Final

from aiohttp import web

FOLDER: Final = Path(__file__).parent
SECURITY: Final = {
    "Content-Security-Policy": "default-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Opener-Policy": "same-origin",
}
Serve = Callable[[web.Request], Awaitable[web.Response]]


def handlers(gateway_url: str) -> Mapping[str, Serve]:
    """Return who answers which path; the files are read once."""
    return {
        "/": _page(Template(_read("page.html")), gateway_url),
        "/page.css": _file("page.css", "text/css"),
        "/mark.svg": _file("mark.svg", "image/svg+xml"),
    }


def _page(template: Template, gateway_url: str) -> Serve:
    async def serve(request: web.Request) -> web.Response:
        here = f"{request.scheme}://{request.host}"
        text = template.substitute(gateway=escape(gateway_url.rstrip("/")), here=escape(here))
        return web.Response(text=text, content_type="text/html", headers={**SECURITY, "Cache-Control": "no-cache"})

    return serve


def _file(name: str, content_type: str) -> Serve:
    text = _read(name)

    async def serve(_: web.Request) -> web.Response:
        return web.Response(text=text, content_type=content_type, headers={**SECURITY, "Cache-Control": "max-age=300"})

    return serve


def _read(name: str) -> str:
    return (FOLDER / name).read_text(encoding="utf-8")
