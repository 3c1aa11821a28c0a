"""The push socket: WebSocket, subprotocol `rump.v1`, the server speaks first (profile, 9.1).

The task of the request reads; another sends, as long as there is something to send. It takes what
is stored for the receiver, in order, and so cannot overtake, lose or pile up anything: a slow
client slows only itself. A connection that waits is one task and one timer: thousands of them wait.
"""

import asyncio
import logging
from typing import Any, Final

from aiohttp import WSCloseCode, WSMsgType, web
import orjson
import probatio

from .. import fields, rate
from ..account.sessions import SESSIONS
from ..application.audit import AUDIT
from ..errors import Code, RasError
from ..keys import DATABASE, PRINCIPAL, SETTINGS, STEADY, now
from ..principal import Kind, Principal, public
from ..store import messages
from ..version import SCHEMA, VERSION
from ..web import long_lived, parse, schema, sign, validated
from . import routing
from .push import PUSH, Connection

HEARTBEAT: Final = 30  # seconds
START_TIMEOUT: Final = 5  # seconds
MESSAGE_SIZE: Final = 64 * 1024  # bytes
WINDOW: Final = 200  # messages that may be on their way without an acknowledgement
_BATCH: Final = 50  # messages
_RATE: Final = rate.Rate(50, 500)

NO_TOKEN: Final = 4401  # close codes
NOT_ALLOWED: Final = 4403
OTHER_SCHEMA: Final = 4406
NO_START: Final = 4408
TOO_LARGE: Final = 4413
TOO_FAST: Final = 4429

_LOGGER = logging.getLogger(__name__)

_START: Final = schema(
    {
        probatio.Required("op"): "start",
        probatio.Required("schema"): fields.integer(0, 2**31),
        probatio.Required("role"): probatio.In(["gateway", "user", "device"]),
        probatio.Optional("after", default=None): probatio.Maybe(fields.integer(0, 2**53)),
    }
)
_ROLES: Final = {"gateway": Kind.GATEWAY, "device": Kind.GATEWAY, "user": Kind.USER}


class CloseError(Exception):
    """The socket is to be closed with this code."""

    def __init__(self, code: int) -> None:
        """Keep the code."""
        super().__init__(f"Close with {code}")
        self.code = code


@public
@long_lived
async def push(request: web.Request) -> web.WebSocketResponse:
    """Hold a push connection."""
    if "Authorization" in request.headers and PRINCIPAL not in request:
        raise RasError(Code.TOKEN_INVALID, "The token is expired, revoked or unknown")
    socket = web.WebSocketResponse(
        protocols=("rump.v1",), max_msg_size=2 * MESSAGE_SIZE, compress=False
    )
    sign(request.app, socket)
    await socket.prepare(request)
    try:
        await _hold(request, socket)
    except CloseError as err:
        await socket.close(code=err.code)
    except ConnectionError:  # the client has gone
        pass
    return socket


async def _hold(request: web.Request, socket: web.WebSocketResponse) -> None:
    """Shake hands, then write and read until one of both ends."""
    app = request.app
    await _say(socket, _hello(app))
    try:
        async with asyncio.timeout(START_TIMEOUT):
            principal, start = await _start(request, socket)
    except TimeoutError:
        raise CloseError(NO_START) from None
    if not SCHEMA <= start["schema"] <= SCHEMA:
        raise CloseError(OTHER_SCHEMA)
    if _ROLES[start["role"]] is not principal.kind:
        raise CloseError(NOT_ALLOWED)
    last = messages.last_seq(app[DATABASE], principal.address)
    after = _resumable(app, principal.address, start["after"], last)
    connection = Connection(principal=principal, acked=last if after is None else after)
    app[PUSH].connect(connection)
    try:
        if after is None and start["after"] is not None:
            await _say(socket, {"op": "reset", "seq": last})
        else:
            await _say(socket, {"op": "ready", "seq": last, "missed": last - connection.acked})
        await _Line(app, socket, connection).run()
    finally:
        app[PUSH].disconnect(connection)


async def _start(
    request: web.Request, socket: web.WebSocketResponse
) -> tuple[Principal, dict[str, Any]]:
    """Return who has connected and his first message; a browser sends its token before it."""
    principal = request.get(PRINCIPAL)
    try:
        heard = await _hear(socket)
        if principal is None:
            if heard.get("op") != "auth":
                raise CloseError(NO_TOKEN)
            principal = request.app[SESSIONS].principal(str(heard.get("token")), now(request.app))
            heard = await _hear(socket)
    except RasError:
        raise CloseError(NO_TOKEN) from None
    try:
        return principal, validated(heard, _START)
    except RasError:
        raise CloseError(NO_START) from None


def _resumable(app: web.Application, address: str, after: int | None, last: int) -> int | None:
    """Return the number to go on after, or None if messages behind it are no longer kept."""
    if after is None or after > last:
        return None
    first = messages.first_seq(app[DATABASE], address)
    kept_after = last if first is None else first - 1
    return after if after >= kept_after else None


class _Line:
    """A connection after its handshake."""

    def __init__(
        self, app: web.Application, socket: web.WebSocketResponse, connection: Connection
    ) -> None:
        self._app = app
        self._socket = socket
        self._connection = connection
        self._rate_key = ("push", connection.principal.address)
        self._deadline: asyncio.Timeout | None = None
        self._sender: asyncio.Task[None] | None = None
        self._sent = connection.acked
        self._more = False

    async def run(self) -> None:
        """Read and send until one of both ends; raise CloseError if it is this one."""
        self._connection.wake = self._wake
        self._wake()
        try:
            await self._read()
        finally:
            self._connection.wake = lambda: None
            if (sender := self._sender) is not None:
                sender.cancel()
                await asyncio.wait((sender,))
        if (code := self._connection.close_code) is not None:
            await self._app[DATABASE].settle(durable=False)
            raise CloseError(code)

    def _wake(self) -> None:
        """Send what there is; do not wait for the client any longer if this is the end."""
        self._more = True
        if self._connection.close_code is not None:
            if self._deadline is not None and not self._deadline.expired():
                self._deadline.reschedule(asyncio.get_running_loop().time())
        elif self._sender is None:
            self._sender = asyncio.create_task(self._send())

    async def _read(self) -> None:
        """Take what the client says, until it is silent for two heartbeats, or one of both ends."""
        silent = False
        while self._connection.close_code is None:
            try:
                async with asyncio.timeout(HEARTBEAT) as self._deadline:
                    heard = await _hear(self._socket)
            except TimeoutError:
                if silent:
                    return
                silent = True
                if self._connection.close_code is None:
                    await _say(self._socket, {"op": "ping", "t": now(self._app)})
                continue
            except RasError:
                return
            finally:
                self._deadline = None
            silent = False
            await self._take(heard)

    async def _take(self, heard: dict[str, Any]) -> None:
        app = self._app
        if app[SETTINGS].limits and app[rate.LIMITER].wait(self._rate_key, _RATE, app[STEADY]()):
            raise CloseError(TOO_FAST)
        match heard:
            case {"op": "msg", "msg": message}:
                await routing.take(app, self._connection.principal, message)
            case {"op": "ack", "seq": int(seq)}:
                self._connection.acked = max(self._connection.acked, seq)
                self._wake()
            case {"op": "ping"}:
                await _say(self._socket, {"op": "pong", "t": heard.get("t")})
            case _:  # a pong, or something newer than this server
                pass

    async def _send(self) -> None:
        """Send what is stored for the receiver, in order, as far as the window goes."""
        try:
            while self._more:
                self._more = False
                await self._app[DATABASE].settle(durable=False)
                while await self._send_batch():
                    pass
        except ConnectionError:  # the reader hears it, too
            pass
        except Exception:
            _LOGGER.exception("A push connection failed")
            self._connection.close(WSCloseCode.INTERNAL_ERROR)
        finally:
            self._sender = None

    async def _send_batch(self) -> bool:
        """Send some messages; return whether there were any."""
        connection = self._connection
        room = max(0, min(connection.acked + WINDOW - self._sent, _BATCH))
        address = connection.principal.address
        batch = messages.after(self._app[DATABASE], address, self._sent, room)
        for seq, envelope in batch:
            await self._socket.send_frame(b'{"op":"msg","msg":' + envelope + b"}", WSMsgType.TEXT)
            self._sent = seq
        return bool(batch)


async def _hear(socket: web.WebSocketResponse) -> dict[str, Any]:
    """Return the next message, or raise ConnectionError, CloseError or RasError."""
    heard = await socket.receive()
    if heard.type is not WSMsgType.TEXT:
        raise ConnectionError
    data = heard.data.encode()
    if len(data) > MESSAGE_SIZE:
        raise CloseError(TOO_LARGE)
    return parse(data)


async def _say(socket: web.WebSocketResponse, message: dict[str, Any]) -> None:
    await socket.send_frame(orjson.dumps(message), WSMsgType.TEXT)


def _hello(app: web.Application) -> dict[str, Any]:
    settings = app[SETTINGS]
    head = app[AUDIT].head.to_json()
    return {
        "op": "hello",
        "server": {"name": settings.name, "version": VERSION, "node": settings.node},
        "schema": {"min": SCHEMA, "max": SCHEMA},
        "heartbeat_s": HEARTBEAT,
        "time": now(app),
        "audit": {"n": head["n"], "hash": head["hash"]},
    }


ROUTES: Final = (web.get("/v1/push", push),)
