"""A BLE connection as the lock sees it: its states and its timers.

Project profile (protocol 6, 12 and 13). A HELLO belongs to a link and is good for one
session. What stays too long without proving anything is closed.
"""

from dataclasses import dataclass, field
from enum import Enum, auto
from hmac import compare_digest
from types import MappingProxyType
from typing import Final

from .frame import Right
from .packet import BlockKey, Hello
from .values import SessionRequest

MAX_ERRORS: Final = 5
MAX_AUTHS: Final = 4  # well-formed AUTH per HELLO
MAX_EXCHANGES: Final = 2  # X25519 exchanges per link
LAST_COUNTER: Final = 0xFF00
COUNTER_WINDOW: Final = 16
UNPROVEN_SECONDS: Final = 3  # age from which an unproven link gives way


class LinkState(Enum):
    """Where a link stands."""

    CONNECTED = auto()
    READY = auto()
    """A HELLO was sent; a session may be opened."""
    SESSION = auto()


class LinkEvent(Enum):
    """What happens to a link."""

    ENABLED = auto()
    """The client switched notifications on."""
    DISABLED = auto()
    OPENED = auto()
    """A ticket opened a session."""
    RENEWED = auto()
    """The lock ended the session and made a new HELLO."""


NEXT_STATE: Final = MappingProxyType(
    {
        (LinkState.CONNECTED, LinkEvent.ENABLED): LinkState.READY,
        (LinkState.CONNECTED, LinkEvent.DISABLED): LinkState.CONNECTED,
        (LinkState.READY, LinkEvent.ENABLED): LinkState.READY,
        (LinkState.READY, LinkEvent.DISABLED): LinkState.CONNECTED,
        (LinkState.READY, LinkEvent.OPENED): LinkState.SESSION,
        (LinkState.READY, LinkEvent.RENEWED): LinkState.READY,
        (LinkState.SESSION, LinkEvent.ENABLED): LinkState.SESSION,
        (LinkState.SESSION, LinkEvent.DISABLED): LinkState.CONNECTED,
        (LinkState.SESSION, LinkEvent.RENEWED): LinkState.READY,
    }
)

LIMITS: Final = (15, 10, 60, 600)
"""Seconds without notifications, unproven, without an accepted frame, and in all."""


@dataclass(slots=True, kw_only=True)
class Session:
    """A session that a ticket opened; its key is in RAM only.

    expires is the end of the ticket in Unix seconds; granted is what ticket and row
    allow, rights what the clock leaves of it; executed is the last executed operation.
    """

    key: BlockKey
    uid: int
    expires: int
    granted: Right
    rights: Right
    received: int = 0
    sent: int = 0
    executed: SessionRequest | None = None

    def has_executed(self, request: SessionRequest) -> bool:
        """Return whether an operate request is a repeat of the last executed one."""
        last = self.executed
        return (
            last is not None
            and (last.a, last.b) == (request.a, request.b)
            and compare_digest(last.rnd, request.rnd)
        )


@dataclass(frozen=True, slots=True)
class Exchange:
    """A finished X25519 exchange (32 bytes each)."""

    private: bytes = field(repr=False)
    lock_public: bytes
    ras_public: bytes


@dataclass(slots=True, kw_only=True)
class Link:
    """One connection. All moments are seconds of uptime."""

    number: int
    connected_at: int
    silent_since: int | None = None
    """Since when there are no notifications."""
    unproven_since: int | None = None
    """The first HELLO, as long as no SESS or ADMIN frame was accepted."""
    accepted_at: int | None = None
    """The last accepted SESS or ADMIN frame."""
    state: LinkState = LinkState.CONNECTED
    hello: Hello | None = None
    hello_at: int = 0
    session: Session | None = None
    spent: bool = False
    """A session has been opened under this HELLO."""
    auths: int = 0
    errors: int = 0
    administered: bool = False
    """An ADMIN frame was accepted on this link."""
    unowned_time: int = -1
    """Time of the last frame of generation 0 under this HELLO."""
    halves: dict[int, bytes] = field(default_factory=dict)
    exchange: Exchange | None = None
    exchanges: int = 0

    def __post_init__(self) -> None:
        """Begin without notifications."""
        self.silent_since = self.connected_at

    def goes(self, event: LinkEvent) -> None:
        """Change the state as the table says."""
        self.state = NEXT_STATE[self.state, event]

    def says_hello(self, hello: Hello, now: int) -> None:
        """Begin anew under a HELLO: no session, no exchange, no tickets tried."""
        self.goes(LinkEvent.ENABLED if self.hello is None else LinkEvent.RENEWED)
        if self.hello is None and self.accepted_at is None and self.unproven_since is None:
            self.unproven_since = now
        self.silent_since = None
        self.hello, self.hello_at = hello, now
        self._forget()

    def falls_silent(self, now: int) -> None:
        """End everything that needs notifications."""
        self.goes(LinkEvent.DISABLED)
        if self.hello is not None:
            self.silent_since = now
        self.hello = None
        self._forget()

    def opens(self, session: Session) -> None:
        """Take over the session that a ticket opened."""
        self.goes(LinkEvent.OPENED)
        self.session = session
        self.spent = True

    def accepts(self, now: int) -> None:
        """Note an accepted SESS or ADMIN frame."""
        self.accepted_at = now
        self.unproven_since = None

    @property
    def expires_at(self) -> int:
        """The first uptime at which this link is closed if nothing happens before."""
        moments = (self.silent_since, self.unproven_since, self.accepted_at, self.connected_at)
        timers = zip(moments, LIMITS, strict=True)
        return min(moment + limit + 1 for moment, limit in timers if moment is not None)

    @property
    def proven(self) -> bool:
        """Whether a SESS or ADMIN frame was ever accepted."""
        return self.accepted_at is not None

    @property
    def gives_way_at(self) -> int:
        """The first uptime at which an unproven link may be closed for a spare one."""
        return self.connected_at + UNPROVEN_SECONDS + 1

    def _forget(self) -> None:
        self.session = None
        self.spent = False
        self.auths = 0
        self.unowned_time = -1
        self.halves.clear()
        self.exchange = None
