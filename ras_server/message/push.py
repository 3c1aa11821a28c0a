"""Message push from the RAS to its clients (clause 7.7, Table 2; contents: project profile, 9)."""

from collections import deque
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any, Final

from aiohttp import web
import orjson

from igrs_codec.message.envelope import DeviceType, Envelope, MessageKind

from ..errors import Code, RasError
from ..principal import Kind, Principal
from ..store import gateways, messages
from ..store.db import Database

KEPT: Final = 7 * 24 * 3600  # seconds
REVOKED: Final = 4401  # close codes
REPLACED: Final = 4409
LEAVING: Final = 4503
_REMEMBERED: Final = 256  # mids per sender

type MessageHandler = Callable[[dict[str, Any], Principal], Awaitable[None]]
"""Takes an incoming envelope, whose `src` is its authenticated sender, and the sender."""


@dataclass(eq=False, slots=True, kw_only=True)
class Connection:
    """A live socket of a receiver; `wake` tells it that there is something to send, or to end."""

    principal: Principal
    acked: int
    wake: Callable[[], None] = lambda: None
    close_code: int | None = None

    def close(self, code: int) -> None:
        """Ask for the end of the connection, with a code."""
        self.close_code = code
        self.wake()


class Push:
    """Stores each message for its receiver, and wakes whoever is connected for it."""

    def __init__(
        self, database: Database, now: Callable[[], int], new_mid: Callable[[], str]
    ) -> None:
        """Begin without connections."""
        self._database = database
        self._now = now
        self._new_mid = new_mid
        self._connections: dict[str, list[Connection]] = {}
        self._handlers: dict[int, MessageHandler] = {}
        self._seen: dict[str, deque[str]] = {}

    def on(self, mi: int, handler: MessageHandler) -> None:
        """Hand the incoming messages of one kind to a handler."""
        self._handlers[mi] = handler

    def publish(
        self,
        dst: str,
        mi: int,
        body: dict[str, Any],
        *,
        src: str,
        via: str | None = None,
        dt: str = "lock",
        re: str | None = None,
        mid: str | None = None,
    ) -> str:
        """Send a message to `user:...` or `gw:...`, or to `dev:...` via `gw:...`; return its mid.

        It is stored with the current transaction and leaves after the commit. `mid` is given where
        the sender has to know it before.
        """
        receiver = _receiver(dst, via)
        mid = mid or self._new_mid()
        at = self._now()
        with self._database.write(durable=False):
            seq = messages.next_seq(self._database, receiver)
            envelope = Envelope(
                mid=mid,
                re=re,
                seq=seq,
                ts=at,
                src=src,
                dst=dst,
                via=via,
                dt=DeviceType(dt),
                mi=MessageKind(mi),
                body=body,
            )
            text = orjson.dumps(envelope.to_object())
            messages.add(self._database, receiver, seq, at, text)
            self._database.after_commit(lambda: self._wake(receiver))
        return mid

    async def take(self, envelope: dict[str, Any], sender: Principal) -> None:
        """Give an incoming message to its handler; one that came before is dropped."""
        seen = self._seen.setdefault(sender.address, deque(maxlen=_REMEMBERED))
        if envelope["mid"] in seen:
            return
        seen.append(envelope["mid"])
        handler = self._handlers.get(envelope["mi"])
        if handler is None:
            raise RasError(Code.NOT_SUPPORTED, "Nobody takes this kind of message")
        await handler(envelope, sender)

    def __len__(self) -> int:
        """Return the number of connections."""
        return sum(map(len, self._connections.values()))

    def online(self, address: str) -> bool:
        """Tell whether a receiver is connected."""
        return address in self._connections

    def connect(self, connection: Connection) -> None:
        """Count a connection; an older one of the same gateway is closed."""
        address = connection.principal.address
        before = self._connections.setdefault(address, [])
        if connection.principal.kind is Kind.GATEWAY:
            for older in before:
                older.close(REPLACED)
            if not before:
                self._present(connection.principal, online=True)
        before.append(connection)

    def disconnect(self, connection: Connection) -> None:
        """Count a connection no longer."""
        address = connection.principal.address
        left = self._connections[address]
        left.remove(connection)
        if not left:
            del self._connections[address]
            if connection.principal.kind is Kind.GATEWAY:
                self._present(connection.principal, online=False)

    def close_where(self, lost: Callable[[Principal], bool], code: int = REVOKED) -> None:
        """Close the sockets of everybody who has lost his login."""
        for connections in self._connections.values():
            for connection in connections:
                if lost(connection.principal):
                    connection.close(code)

    def _present(self, gateway: Principal, *, online: bool) -> None:
        """Tell the owner of a gateway that it came or went."""
        gateways.seen(self._database, gateway.gateway_id, self._now())
        self.publish(
            f"user:{gateway.user_id}",
            MessageKind.PRESENCE,
            {"online": online},
            src=gateway.address,
            dt="gateway",
        )

    def _wake(self, address: str) -> None:
        for connection in self._connections.get(address, ()):
            connection.wake()


def _receiver(dst: str, via: str | None) -> str:
    """Return whose connection carries a message: for a device, the gateway it goes through."""
    return via if via and dst.startswith("dev:") else dst


PUSH: Final = web.AppKey("push", Push)
