"""The push connection of the gateway: WebSocket, subprotocol rump.v1 (project profile, API 8).

One connection for all locks of an account. Messages arrive at least once and in the order of
`seq`; each is handed on once, then acknowledged, and a new connection resumes after the last.
"""

import asyncio
from collections import deque
from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager
from http import HTTPStatus
import random
import time
from typing import Final

import aiohttp
from homeassistant.const import __version__
from homeassistant.util.json import json_loads_object
from homeassistant.util.ulid import ulid_now

from .answers import Json, PushReady, read
from .ras import SCHEMA, GatewayClient, check_schema, translate
from .ras_errors import RasCertificateError, RasRefusedError, RasUnreachableError

SUBPROTOCOL: Final = "rump.v1"
HANDSHAKE_TIMEOUT: Final = 10  # seconds for each of its messages, and for closing
MISSED_HEARTBEATS: Final = 2  # after so many without a word the connection is dead
MAX_MESSAGE: Final = 65536  # bytes; API 8
REMEMBERED: Final = 256  # message identifiers by which a repetition is known
FIRST_DELAY: Final = 1.0  # seconds until the second attempt to connect
LONGEST_DELAY: Final = 60.0  # seconds; the delay doubles up to this, until a connection lasts
CLOSED_TOKEN: Final = 4401  # the close code for a token that was revoked

type WebSocket = aiohttp.ClientWebSocketResponse


class Push:
    """The messages between the RAS and this gateway.

    `ready` is called after each handshake, `message` for each new envelope, `lost` when a
    connection that was ready ends, `mistrusted` when the RAS shows another certificate than the
    expected one. All run in the event loop and must not block.
    """

    def __init__(
        self,
        ras: GatewayClient,
        *,
        message: Callable[[Json], None],
        ready: Callable[[PushReady], None],
        lost: Callable[[], None],
        mistrusted: Callable[[], None],
        after: int | None = None,
    ) -> None:
        """Prepare; `run` connects. after is the number of the last message of before."""
        self._ras = ras
        self._message = message
        self._ready = ready
        self._lost = lost
        self._mistrusted = mistrusted
        self._after = after
        self._seen: deque[str] = deque(maxlen=REMEMBERED)
        self._socket: WebSocket | None = None
        self._stale_token: str | None = None

    async def run(self) -> None:
        """Stay connected; end only with RasAuthError or RasSchemaError, or when cancelled."""
        delay = FIRST_DELAY
        while True:
            began = time.monotonic()
            try:
                async with self._connected() as (socket, ready):
                    await self._serve(socket, ready)
            except (RasUnreachableError, RasRefusedError) as err:
                if isinstance(err, RasCertificateError):
                    self._mistrusted()
                if time.monotonic() - began > LONGEST_DELAY:
                    delay = FIRST_DELAY
                pause = random.uniform(0.5, 1) * delay  # noqa: S311 - no secret
                await asyncio.sleep(max(pause, err.retry_after or 0))
                delay = min(2 * delay, LONGEST_DELAY)

    async def send(
        self,
        mi: int,
        body: Json,
        *,
        dst: str,
        src: str | None = None,
        re: str | None = None,
        dt: str = "lock",
    ) -> str:
        """Send an envelope (API 8) and return its mid, or raise RasUnreachableError.

        `mi` is the kind; `src` and `dst` are typed addresses, `src` is this gateway if it is
        not given, else the device it speaks for; `re` is the mid answered.
        """
        if self._socket is None:
            raise RasUnreachableError
        gateway = f"gw:{self._ras.gateway_id}"
        mid = ulid_now()
        envelope = {
            "v": SCHEMA,
            "mid": mid,
            "re": re,
            "ts": int(time.time()),
            "src": src or gateway,
            "dst": dst,
            "via": None if src is None else gateway,
            "dt": dt,
            "mi": mi,
            "ack": False,
            "body": body,
        }
        await _say(self._socket, {"op": "msg", "msg": envelope})
        return mid

    @asynccontextmanager
    async def _connected(self) -> AsyncGenerator[tuple[WebSocket, PushReady]]:
        """Hold a connection whose handshake is done."""
        token = await self._ras.access_token(stale=self._stale_token)
        try:
            socket = await self._ras.session.ws_connect(
                self._ras.base_url.joinpath("v1", "push"),
                protocols=(SUBPROTOCOL,),
                headers={"Authorization": f"Bearer {token}"},
                ssl=self._ras.ssl,
                timeout=aiohttp.ClientWSTimeout(ws_close=HANDSHAKE_TIMEOUT),
                max_msg_size=MAX_MESSAGE,
            )
        except aiohttp.WSServerHandshakeError as err:
            if err.status == HTTPStatus.UNAUTHORIZED:
                self._stale_token = token
            raise RasUnreachableError from None
        except (aiohttp.ClientError, TimeoutError) as err:
            raise translate(err) from None
        async with socket:
            try:
                yield socket, await self._shake_hands(socket)
            finally:
                if socket.close_code == CLOSED_TOKEN:
                    self._stale_token = token

    async def _shake_hands(self, socket: WebSocket) -> PushReady:
        """Exchange hello, start and ready (API 8, 1 to 3)."""
        try:
            hello = await _hear(socket, HANDSHAKE_TIMEOUT)
            read(check_schema, hello)
            start = {
                "op": "start",
                "schema": SCHEMA,
                "role": "gateway",
                "client": {"name": "Home Assistant", "version": __version__},
                "after": self._after,
                "devices": "all",
            }
            await _say(socket, start)
            answer = await _hear(socket, HANDSHAKE_TIMEOUT)
        except TimeoutError:
            raise RasUnreachableError from None
        ready = read(lambda hello: PushReady.from_json(hello, answer), hello)
        if self._after is None or ready.reset:
            self._after = ready.seq
        return ready

    async def _serve(self, socket: WebSocket, ready: PushReady) -> None:
        """Hand on messages; the end of the connection is an error."""
        self._socket = socket
        self._ready(ready)
        silent = 0
        try:
            while silent < MISSED_HEARTBEATS:
                try:
                    heard = await _hear(socket, ready.heartbeat_s)
                except TimeoutError:
                    silent += 1
                    await _say(socket, {"op": "ping", "t": int(time.time())})
                else:
                    silent = 0
                    await self._take(socket, heard)
            raise RasUnreachableError
        finally:
            self._socket = None
            self._lost()

    async def _take(self, socket: WebSocket, heard: Json) -> None:
        """Do what one message asks for."""
        match heard:
            case {"op": "msg", "msg": {"seq": int(seq), "mid": str(mid)} as envelope}:
                if mid not in self._seen:
                    self._seen.append(mid)
                    self._message(envelope)
                self._after = seq
                await _say(socket, {"op": "ack", "seq": seq})
            case {"op": "ping"}:
                await _say(socket, {"op": "pong", "t": heard.get("t")})
            case _:  # a pong, or something newer than this client
                pass


async def _say(socket: WebSocket, message: Json) -> None:
    """Send a message, or raise RasUnreachableError."""
    try:
        await socket.send_json(message)
    except aiohttp.ClientError:
        raise RasUnreachableError from None


async def _hear(socket: WebSocket, seconds: float) -> Json:
    """Return the next message, or raise RasUnreachableError; TimeoutError means silence."""
    async with asyncio.timeout(seconds):
        heard = await socket.receive()
    if heard.type is not aiohttp.WSMsgType.TEXT:
        raise RasUnreachableError
    return read(json_loads_object, heard.data)
