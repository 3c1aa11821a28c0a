"""Routes of a test's own, behind the server's door."""

import asyncio
from typing import Final

from aiohttp import web

from ras_server.door import behind
from ras_server.idempotency import once
from ras_server.principal import public
from ras_server.web import answer, large_body

MID: Final = "01JD8Z0000000000000000000A"


class Counter:
    """Handlers that count how often they ran; they may be told to wait or to fail."""

    def __init__(self) -> None:
        """Begin at 0."""
        self.runs = 0
        self.go_on = asyncio.Event()
        self.go_on.set()
        self.running = asyncio.Event()
        self.error: Exception | None = None

    async def run(self, request: web.Request) -> web.Response:
        """Count, then answer with the number."""
        self.runs += 1
        self.running.set()
        await self.go_on.wait()
        if self.error:
            raise self.error
        return answer(request, {"runs": self.runs, "secret": "canary-once"}, http=201)

    def add_routes(self, app: web.Application) -> None:
        """Answer /v1/test/plain, secret, every_time and large, each by its own rules."""

        @public
        @once()
        async def plain(request: web.Request) -> web.Response:
            return await self.run(request)

        @public
        @once(secret=True)
        async def secret(request: web.Request) -> web.Response:
            return await self.run(request)

        @public
        async def every_time(request: web.Request) -> web.Response:
            return await self.run(request)

        @public
        @large_body
        async def large(request: web.Request) -> web.Response:
            return await self.run(request)

        for handler in plain, secret, every_time, large:
            app.router.add_post(f"/v1/test/{handler.__name__}", behind(handler))
