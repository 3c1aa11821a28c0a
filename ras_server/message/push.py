"""Message push from the RAS to its clients (clause 7.7, Table 2; contents: project profile, 9)."""

import asyncio
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import dataclass, field
from typing import Any, Final

from aiohttp import web
import orjson

from ..principal import Principal
from ..store import messages
from ..store.db import Database

SCHEMA: Final = 1


type MessageHandler = Callable[[dict[str, Any], Principal], Awaitable[None]]
"""Takes an incoming envelope, whose `src` is its authenticated sender, and the sender."""


@dataclass(eq=False, slots=True, kw_only=True)
class Connection:
    """A live socket of a receiver; its writer is woken when there is something to send."""

    principal: Principal
    wake: asyncio.Event = field(default_factory=asyncio.Event)
    close_code: int | None = None

    def close(self, code: int) -> None:
        """Ask the writer to close the socket with a code."""
        self.close_code = code
        self.wake.set()


class Push:
    """Stores each message for its receiver, and wakes whoever is connected for it."""

    def __init__(
        self, database: Database, now: Callable[[], int], new_mid: Callable[[], str]
    ) -> None:
        """Begin without connections."""
        self._database = database
        self._now = now
        self._new_mid = new_mid
        self._connections: dict[str, set[Connection]] = {}
        self._handlers: dict[int, MessageHandler] = {}

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
        ack: bool = False,
    ) -> str:
        """Send a message to a receiver (`user:...` or `gw:...`), and return its mid.

        It is stored with the current transaction and leaves after the commit. `mid` is given only
        where the same message goes to another gateway.
        """
        mid = mid or self._new_mid()
        with self._database.write(durable=False):
            seq = messages.next_seq(self._database, dst)
            envelope = {
                "v": SCHEMA,
                "mid": mid,
                "re": re,
                "seq": seq,
                "ts": self._now(),
                "src": src,
                "dst": dst,
                "via": via,
                "dt": dt,
                "mi": mi,
                "ack": ack,
                "body": body,
            }
            messages.add(self._database, dst, seq, self._now(), orjson.dumps(envelope))
            self._database.after_commit(lambda: self._wake(dst))
        return mid

    def online(self, address: str) -> bool:
        """Tell whether a receiver is connected."""
        return address in self._connections

    def close_where(self, lost: Callable[[Principal], bool]) -> None:
        """Close the sockets of everybody who has lost his login."""
        for connection in self._all():
            if lost(connection.principal):
                connection.close(4401)

    def _all(self) -> Iterator[Connection]:
        for connections in list(self._connections.values()):
            yield from list(connections)

    def _wake(self, address: str) -> None:
        for connection in self._connections.get(address, ()):
            connection.wake.set()


PUSH: Final = web.AppKey("push", Push)
