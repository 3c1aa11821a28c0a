"""The server as its sockets see it: requests that are no HTTP never reach the application."""

import logging
import os
import time
from typing import override

from aiohttp import web
from aiohttp.web_protocol import RequestHandler

from .errors import Code
from .keys import new_mid_from
from .web import JSON, answer_text

_LOGGER = logging.getLogger(__name__)


class _Connection(RequestHandler):
    """A connection that says nothing about itself, and repeats nothing of what it was sent."""

    __slots__ = ()

    @override
    def handle_error(
        self,
        request: web.BaseRequest,
        status: int = 500,
        exc: BaseException | None = None,
        message: str | None = None,
    ) -> web.StreamResponse:
        """Answer with the body of 2.1 what cannot be read, and end the connection."""
        _LOGGER.debug("A connection failed with %s: %s", status, type(exc).__name__)
        if request.writer.output_size > 0:
            raise ConnectionError("The answer has begun already")
        if status < Code.INTERNAL.http:
            code, said = Code.MALFORMED, "The request is not HTTP"
        else:
            code, said = Code.INTERNAL, "Internal error"
        at = time.time()
        text = answer_text(code, said, new_mid_from(os.urandom, at), int(at), {})
        response = web.Response(status=status, body=text, headers=JSON | {"Server": "ras"})
        response.force_close()
        return response


class _Server(web.Server):
    """Makes the connections."""

    @override
    def __call__(self) -> RequestHandler:
        return _Connection(self, loop=self._loop, **self._kwargs)


class Runner(web.AppRunner):
    """Runs the application on sockets."""

    __slots__ = ()

    @override
    async def _make_server(self) -> web.Server:
        made = await super()._make_server()
        return _Server(
            made.request_handler,
            request_factory=made.request_factory,
            **made._kwargs,  # noqa: SLF001 - the framework has no hook for this
        )
