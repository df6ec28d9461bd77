"""What the UI's server refuses: requests that a page of somebody else's makes in the browser of who works on this machine.

Belongs here: which host names, origins and kinds of request are answered. The server listens on this machine only; a name that is made to
point here (DNS rebinding) comes with another Host, a page of another site with another Origin, and a picture or a link of such a
page, which has none, with the browser's word on where it is from. Not here: who may use the UI. It has no login.
"""

from __future__ import annotations

from collections.abc import Collection
from urllib.parse import urlsplit

from starlette.datastructures import Headers
from starlette.middleware.trustedhost import TrustedHostMiddleware
from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp, Receive, Scope, Send

__all__ = ["THIS_MACHINE", "guarded"]

THIS_MACHINE = ("127.0.0.1", "localhost", "[::1]", "::1")
_ELSEWHERE = ("cross-site", "same-site")


def guarded(app: ASGIApp, hosts: Collection[str] = ()) -> ASGIApp:
    """`app`, for requests to this machine, or to one of `hosts` (a gateway's names), made by its own pages or by no page."""
    return TrustedHostMiddleware(
        _OwnPages(app, hosts), allowed_hosts=[*THIS_MACHINE, *map(str.lower, hosts)], www_redirect=False
    )


class _OwnPages:
    """Refuses what a page of another origin asks: 403, a websocket before it is opened."""

    def __init__(self, app: ASGIApp, hosts: Collection[str]) -> None:
        self._app = app
        self._hosts = frozenset(map(str.lower, hosts))

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] in ("http", "websocket") and not self._own(scope, Headers(scope=scope)):
            await PlainTextResponse("Refused: asked by a page of another site.", 403)(scope, receive, send)
            return
        await self._app(scope, receive, send)

    def _own(self, scope: Scope, headers: Headers) -> bool:
        origins = headers.getlist("origin")
        if len(headers.getlist("host")) != 1 or len(origins) > 1:
            return False
        if origins and not self._is_here(origins[0], headers["host"]):
            return False
        if headers.get("sec-fetch-site") not in _ELSEWHERE:
            return True
        # a link on another page may lead here, but not to what acts or answers with data
        leads_here = headers.get("sec-fetch-mode") == "navigate" and headers.get("sec-fetch-dest") == "document"
        return leads_here and scope.get("method") == "GET" and "graphql" not in scope["path"]

    def _is_here(self, origin: str, host: str) -> bool:
        """Whether an origin is the one that was asked (name and port), or a gateway's."""
        try:
            found = urlsplit(origin.lower())
            return found.scheme in ("http", "https") and (found.netloc == host.lower() or found.hostname in self._hosts)
        except ValueError:
            return False
