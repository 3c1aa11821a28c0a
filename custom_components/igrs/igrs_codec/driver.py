"""The contract of a lock family: what a gateway drives, whoever made the lock.

A driver is sans-IO: it gets packets, the time and random bytes, and says what to write,
what happened and when it wants to be called again. The gateway owns the rest: routing of
adverts, connections, one queue per lock, retries, the talk with the RAS. Time is Unix
time in seconds.
"""

from dataclasses import dataclass
from enum import StrEnum
from typing import NamedTuple, Protocol

from .bsld.frame import Command, Operation
from .bsld.packet import Hello
from .bsld.session import SessionEvent
from .bsld.ticket import Ticket


class TicketTrouble(StrEnum):
    """Why a new ticket is needed."""

    ABSENT = "absent"
    """There is none for the lock's owner generation."""
    EXPIRED = "expired"
    """It ended, or the lock says so."""
    EPOCH = "epoch"
    """The lock has another epoch: to be reported to the RAS first."""


class Failure(StrEnum):
    """Why a request came to nothing."""

    NO_HELLO = "no_hello"
    HELLO_REFUSED = "hello_refused"
    """The HELLO may be a replay: reconnect after a second."""
    UNOWNED = "unowned"
    """The lock belongs to nobody any more."""
    NO_TICKET = "no_ticket"
    """There is none, and the RAS did not give one."""
    TICKET_REFUSED = "ticket_refused"
    """The lock refuses the new one too."""
    DENIED = "denied"
    """The lock does not let this user. A hint: no ticket is deleted for it."""
    CLOCK_UNSET = "clock_unset"
    """Without a clock the lock lets this user do nothing."""
    NO_ANSWER = "no_answer"
    ERROR = "error"
    """ERR packets, which anybody can send, and no authentic answer."""
    GAP = "gap"
    """An answer is missing."""
    HELLO_SPENT = "hello_spent"
    """A session was opened under this HELLO, and it cannot serve: reconnect."""
    LINK_LOST = "link_lost"


class HelloSeen(NamedTuple):
    """The lock said HELLO (20 bytes, plain): a link can begin, or begin again."""

    hello: Hello
    packet: bytes


@dataclass(frozen=True, slots=True)
class ReadInfo:
    """No HELLO came: read INFO and feed it."""


class NeedTime(NamedTuple):
    """The lock's clock is unset (urgent: the request waits) or wrong (not urgent).

    The answer: flight() with the frame of the RAS; if urgent, then go_on().
    """

    hello: bytes
    urgent: bool


class NeedTicket(NamedTuple):
    """The request waits for a ticket: answer with ticket(), or go_on() without one."""

    gen: int
    hello: bytes
    trouble: TicketTrouble


class FlightDone(NamedTuple):
    """Packets of the RAS were carried; the last HELLO among the answers stands apart."""

    notifications: tuple[bytes, ...]
    hello: bytes | None
    complete: bool


class Failed(NamedTuple):
    """The request came to nothing, and the link closes.

    unanswered: an operation was written and may still be executed. reconnect: trying
    once more on a new link is allowed.
    """

    reason: Failure
    unanswered: bool
    reconnect: bool


type LinkEvent = HelloSeen | ReadInfo | NeedTime | NeedTicket | FlightDone | Failed
type Event = LinkEvent | SessionEvent


class Step(NamedTuple):
    """What to do now: write packets in this order, handle events, then perhaps close."""

    writes: tuple[bytes, ...]
    events: tuple[Event, ...]
    close: bool


class LockLink(Protocol):
    """One connection to one lock; one request at a time."""

    @property
    def deadline(self) -> float | None:
        """When tick() wants to be called."""

    def start(self, now: float) -> Step:
        """Begin: notifications are enabled."""

    def feed(self, packet: bytes, now: float) -> Step:
        """Take a notification, or what INFO says."""

    def tick(self, now: float) -> Step:
        """Do what is due."""

    def operate(self, operation: Operation, relock: int, now: float) -> Step:
        """Lock, unlock or open; relock in units of 5 s, 0 = as configured."""

    def query(self, command: Command, first_record: int, now: float) -> Step:
        """Ask for STATUS, VERSION or the LOG from a record on."""

    def ticket(self, ticket: Ticket, now: float) -> Step:
        """Answer NeedTicket."""

    def flight(self, packets: tuple[bytes, ...], expect: int, seconds: float, now: float) -> Step:
        """Carry packets of the RAS and wait for as many notifications, HELLO included."""

    def go_on(self, now: float) -> Step:
        """Go on with the waiting request: the RAS is done, cannot help, or takes too long."""

    def lost(self) -> Step:
        """Say that the connection is gone."""

    def close(self) -> Step:
        """Give up: what was written and not answered leaves the bolt in doubt."""
