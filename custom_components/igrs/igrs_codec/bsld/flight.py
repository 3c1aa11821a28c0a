"""What is under way on a link: the caller's request, or packets of the RAS.

Project profile (protocol 12). One or the other; what moves a link from state to state is in
driver.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from enum import Enum, auto
from typing import Final

from ..driver import FlightDone, NeedTicket, NeedTime
from .frame import Command
from .packet import Header, Kind, parse_header
from .session import RND_SIZE, Answered, ClientSession, Recorded, SessionEvent, Versioned
from .values import SessionRequest

_NEEDS_CONFIRMATION: Final = frozenset({Command.VERSION, Command.LOG})


class State(Enum):
    """Where a link is."""

    NEW = auto()
    SUBSCRIBED = auto()
    INFO = auto()
    """No HELLO came; INFO is read."""
    ASKING = auto()
    """The request waits for the RAS."""
    FLIGHT = auto()
    CARRYING = auto()
    LINGER = auto()
    CLOSED = auto()


@dataclass(slots=True)
class Request:
    """The one request of a link. Raises FrameError for arguments that do not fit.

    asked holds what the RAS was already asked for because of it, refused the ticket (20 bytes)
    that the lock did not take.
    """

    command: Command
    a: int
    b: int
    rnd: bytes
    tries: int = 0
    erred: bool = False
    refused: bytes = b""
    asked: set[type[NeedTime | NeedTicket]] = field(default_factory=set)

    def __post_init__(self) -> None:
        """Refuse arguments that do not fit, before anything moves."""
        bytes(SessionRequest(self.a, self.b, bytes(3), self.rnd))

    def packets(
        self, session: ClientSession, now: float, rnd: Callable[[int], bytes]
    ) -> list[bytes]:
        """Return what to write; some queries of a new session ask for the state first."""
        packets = []
        if self.command in _NEEDS_CONFIRMATION and not session.confirmed:
            packets.append(session.request(Command.STATUS, 0, 0, now=now, rnd=rnd(RND_SIZE)))
        packets.append(session.request(self.command, self.a, self.b, now=now, rnd=self.rnd))
        return packets

    def is_ended_by(self, event: SessionEvent) -> bool:
        """Return whether an event is the last answer to this request."""
        match event:
            case Answered():
                return event.rnd == self.rnd
            case Versioned():
                return self.command is Command.VERSION
            case Recorded(Command.LOG, _, more):
                return self.command is Command.LOG and not more
            case _:
                return False


def is_late(event: SessionEvent, job: Request | None) -> bool:
    """Return whether an answer to a repeated operation comes when another one is asked for."""
    return (
        isinstance(event, Answered)
        and event.command is Command.OPERATE
        and (job is None or event.rnd != job.rnd)
    )


@dataclass(slots=True)
class Carried:
    """Packets of the RAS, and what the lock says to them. Raises PacketError."""

    packets: tuple[bytes, ...]
    expect: int
    notifications: list[bytes] = field(default_factory=list)
    hello: bytes | None = None
    _heads: list[Header] = field(init=False)

    def __post_init__(self) -> None:
        """Refuse what is no packet."""
        self._heads = [parse_header(packet) for packet in self.packets]

    @property
    def opens_session(self) -> bool:
        """Whether there is a ticket among the packets."""
        return any(head.kind is Kind.AUTH for head in self._heads)

    def concerns(self, head: Header) -> bool:
        """Return whether a notification is about these packets: an ERR may be late."""
        return head.kind is not Kind.ERR or any(head.number == own.number for own in self._heads)

    @property
    def result(self) -> FlightDone:
        """What there is until now."""
        complete = len(self.notifications) + (self.hello is not None) >= self.expect
        return FlightDone(tuple(self.notifications), self.hello, complete)
