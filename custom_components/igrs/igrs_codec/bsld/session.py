"""The client's end of a session: clause 8 b and Tables 5 to 8 (project profile).

For whoever holds a ticket: a gateway, or the RAS in relay mode. A refused packet changes
nothing. An answer to a state request (03, 20) with the right random number confirms the
session; before that nothing else in it is believed, and the AUTH answer is a hint.
"""

from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from hmac import compare_digest
from types import MappingProxyType
from typing import ClassVar, Final, NamedTuple

from ..errors import ProtocolError, Reason, RefusedError
from .frame import (
    MAX_U16,
    Command,
    Frame,
    FrameType,
    LockState,
    Operation,
    Record,
    Status,
)
from .keys import session_key
from .packet import Header, Hello, Kind, header, parse_header
from .ticket import Ticket
from .values import AuthAnswer, SessionRequest, StateAnswer, Version

CLIENT_WINDOW: Final = 15  # seconds
HELLO_NONCES: Final = 16  # remembered per lock
HELLO_SECONDS: Final = 30  # life of an unanswered operate frame in the memory
RND_SIZE: Final = 4

_STATE_COMMANDS: Final = frozenset({Command.OPERATE, Command.STATUS})
_RECORD_COMMANDS: Final = frozenset({Command.LOG, Command.EVENT})


class ErrorHint(NamedTuple):
    """ERR: anybody can send it. number is bytes 2 and 3 of the offending packet."""

    number: int


class Authenticated(NamedTuple):
    """The lock's answer to the ticket; a hint until the session is confirmed."""

    answer: AuthAnswer


class Answered(NamedTuple):
    """An authentic answer to operate or status; time is lock time in seconds.

    Battery 0..100 and event counter mean nothing without a state (status EXPIRED). rnd
    is the random number of the request that it answers.
    """

    command: Command
    status: Status
    state: LockState | None
    battery: int
    counter: int
    rnd: bytes
    time: int


class Moved(NamedTuple):
    """The final state after a movement that this client asked for (fields as Answered)."""

    status: Status
    state: LockState | None
    battery: int
    counter: int
    rnd: bytes
    time: int


class Versioned(NamedTuple):
    """The lock's version."""

    version: Version


class Recorded(NamedTuple):
    """A record: asked for (command LOG, more says whether others follow), or pushed."""

    command: Command
    record: Record
    more: bool


@dataclass(frozen=True, slots=True)
class Closed:
    """The lock ends the link, as asked."""


type SessionEvent = ErrorHint | Authenticated | Answered | Moved | Versioned | Recorded | Closed


@dataclass(frozen=True, slots=True)
class _Unanswered:
    """An operate frame on its way: rnd, lock time in it, clock flag, when it was sent."""

    rnd: bytes
    time: int
    clock_set: bool
    sent_at: float


class HelloMemory:
    """What a client remembers of one lock over its links (protocol 13).

    A HELLO must be new, and newer than every operation that may still be on its way.
    """

    def __init__(self) -> None:
        self._nonces: deque[bytes] = deque(maxlen=HELLO_NONCES)
        self._unanswered: list[_Unanswered] = []

    def accept(self, hello: Hello, now: float) -> None:
        """Take a HELLO, or raise RefusedError (HELLO_USED, HELLO_OLD)."""
        if hello.nonce in self._nonces:
            raise RefusedError(Reason.HELLO_USED)
        self._unanswered = [f for f in self._unanswered if now - f.sent_at <= HELLO_SECONDS]
        if any(f.clock_set is hello.clock_set and hello.time <= f.time for f in self._unanswered):
            raise RefusedError(Reason.HELLO_OLD)
        self._nonces.append(hello.nonce)

    def sent(self, rnd: bytes, time: int, *, clock_set: bool, now: float) -> None:
        """Remember an operate frame."""
        self._unanswered.append(_Unanswered(rnd, time, clock_set, now))

    def answered(self, rnd: bytes) -> None:
        """Forget the oldest operate frame with this random number."""
        for frame in self._unanswered:
            if frame.rnd == rnd:
                self._unanswered.remove(frame)
                return


class ClientSession:
    """One session: a ticket under one HELLO.

    hello_at is when the HELLO came, in the caller's Unix seconds: all lock times are
    counted from there. The caller moves the packets and ends the session with the link.
    """

    def __init__(
        self,
        ticket: Ticket,
        hello_packet: bytes,
        hello_at: float,
        memory: HelloMemory | None = None,
    ) -> None:
        self.hello = Hello.from_bytes(hello_packet)
        self.ticket = ticket
        self.granted: AuthAnswer | None = None
        self.confirmed = False
        self._key = session_key(ticket.k_t, ticket.device, hello_packet)
        self._memory = memory or HelloMemory()
        self._hello_at = hello_at
        self._sent = 0
        self._received = 0
        self._asked: dict[Command, list[bytes]] = {}
        self._operated: set[bytes] = set()

    def lock_time(self, now: float) -> int:
        """Return the lock's time as this client knows it, seconds."""
        return self.hello.time + int(max(0, now - self._hello_at))

    def auth(self) -> bytes:
        """Return the AUTH packet."""
        return self.ticket.packet

    def request(self, command: Command, a: int, b: int, *, now: float, rnd: bytes) -> bytes:
        """Return the packet of a request; rnd is 4 random bytes.

        A repetition has the same rnd and gets a new counter. Raises FrameError for
        arguments that do not fit, ProtocolError after 65535 requests.
        """
        if len(rnd) != RND_SIZE or self._sent == MAX_U16:
            raise ProtocolError("a session has 65535 requests with 4 random bytes each")
        time = self.lock_time(now)
        value = bytes(SessionRequest(a, b, self.hello.echo, rnd))
        frame = Frame(command, FrameType.REQUEST, value, time)
        packet = self._key.seal(header(Kind.SESS, self.hello.link, self._sent + 1), bytes(frame))
        self._sent += 1
        self._asked.setdefault(command, []).append(rnd)
        if command is Command.OPERATE:
            self._operated.add(rnd)
            self._memory.sent(rnd, time, clock_set=self.hello.clock_set, now=now)
        return packet

    def operate(self, operation: Operation, relock: int, *, now: float, rnd: bytes) -> bytes:
        """Return the packet of an operation; relock in units of 5 s, 0 = as configured."""
        return self.request(Command.OPERATE, operation, relock, now=now, rnd=rnd)

    def receive(self, packet: bytes, now: float) -> SessionEvent:
        """Return what a notification says.

        Raises PacketError or FrameError for noise, RefusedError for what must not be
        believed; with COUNTER_GAP the caller has to close the link.
        """
        head = parse_header(packet)
        if not head.from_lock:
            raise RefusedError(Reason.BAD_HEADER)
        if head.kind is Kind.ERR:
            return ErrorHint(head.number)
        if head.kind is Kind.AUTH:
            return self._auth_answer(head, packet)
        if head.kind is Kind.SESS:
            return self._session_packet(head, packet, now)
        if head.kind is Kind.HELLO:
            raise RefusedError(Reason.HELLO_UNEXPECTED)
        raise RefusedError(Reason.BAD_HEADER)

    def _auth_answer(self, head: Header, packet: bytes) -> Authenticated:
        if head.flag or (head.second, head.number) != (self.hello.link, self.ticket.tag):
            raise RefusedError(Reason.BAD_HEADER)
        if self.granted is not None:
            raise RefusedError(Reason.NOT_ASKED)
        frame = Frame.from_bytes(self._key.open(packet))
        if frame.type is not FrameType.RESPONSE:
            raise RefusedError(Reason.WRONG_TYPE)
        if frame.command != Command.AUTHENTICATE:
            raise RefusedError(Reason.WRONG_COMMAND)
        self.granted = AuthAnswer.from_bytes(frame.value)
        return Authenticated(self.granted)

    def _session_packet(self, head: Header, packet: bytes, now: float) -> SessionEvent:
        if head.second != self.hello.link:
            raise RefusedError(Reason.BAD_HEADER)
        frame = Frame.from_bytes(self._key.open(packet))
        if head.number <= self._received:
            raise RefusedError(Reason.REPLAYED)
        if head.number != self._received + 1:
            raise RefusedError(Reason.COUNTER_GAP)
        try:
            command = Command(frame.command)
        except ValueError:
            raise RefusedError(Reason.WRONG_COMMAND) from None
        late = abs(frame.time - self.lock_time(now)) > CLIENT_WINDOW
        if late and command not in _RECORD_COMMANDS:
            raise RefusedError(Reason.WRONG_TIME)
        try:
            read = self._READERS[frame.type, command]
        except KeyError:
            raise RefusedError(Reason.WRONG_COMMAND) from None
        event = read(self, frame, head)
        self._received = head.number
        return event

    def _state(self, frame: Frame, _: Header) -> Answered:
        command, answer = Command(frame.command), StateAnswer.from_bytes(frame.value)
        asked = self._asked.get(command, [])
        if not asked:
            raise RefusedError(Reason.NOT_ASKED)
        if not _contains(asked, answer.rnd):
            raise RefusedError(Reason.WRONG_ECHO)
        asked.remove(answer.rnd)
        self.confirmed = True
        if command is Command.OPERATE:
            self._memory.answered(answer.rnd)
        return Answered(command, *answer, time=frame.time)

    def _moved(self, frame: Frame, _: Header) -> Moved:
        self._believe()
        answer = StateAnswer.from_bytes(frame.value)
        if not _contains(self._operated, answer.rnd):
            raise RefusedError(Reason.WRONG_ECHO)
        return Moved(*answer, time=frame.time)

    def _version(self, frame: Frame, _: Header) -> Versioned:
        self._expect(Command.VERSION)
        event = Versioned(Version.from_bytes(frame.value))
        self._asked[Command.VERSION].pop()
        return event

    def _logged(self, frame: Frame, head: Header) -> Recorded:
        self._expect(Command.LOG)
        event = Recorded(Command.LOG, Record.from_frame(frame), head.flag)
        if not head.flag:
            self._asked[Command.LOG].pop()
        return event

    def _pushed(self, frame: Frame, _: Header) -> Recorded:
        self._believe()
        return Recorded(Command.EVENT, Record.from_frame(frame), more=False)

    def _closed(self, _: Frame, __: Header) -> Closed:
        self._expect(Command.CLOSE)
        return Closed()

    def _expect(self, command: Command) -> None:
        if not self._asked.get(command):
            raise RefusedError(Reason.NOT_ASKED)
        self._believe()

    def _believe(self) -> None:
        if not self.confirmed:
            raise RefusedError(Reason.NOT_CONFIRMED)

    _READERS: ClassVar[
        Mapping[tuple[FrameType, Command], Callable[[ClientSession, Frame, Header], SessionEvent]]
    ] = MappingProxyType(
        {
            (FrameType.RESPONSE, Command.OPERATE): _state,
            (FrameType.RESPONSE, Command.STATUS): _state,
            (FrameType.RESPONSE, Command.VERSION): _version,
            (FrameType.RESPONSE, Command.LOG): _logged,
            (FrameType.RESPONSE, Command.CLOSE): _closed,
            (FrameType.INDICATION, Command.STATUS): _moved,
            (FrameType.INDICATION, Command.EVENT): _pushed,
        }
    )
    """Everything a lock may say in a session; what is not here is refused."""


def _contains(randoms: list[bytes] | set[bytes], rnd: bytes) -> bool:
    """Look a random number up in constant time, the place included."""
    return sum(compare_digest(rnd, known) for known in randoms) > 0
