"""The gateway's side of a link to a BSLD/1 lock (project profile, protocol 12).

SUBSCRIBED -> LINGER <-> FLIGHT (own session) or CARRYING (packets of the RAS), with
ASKING while the RAS is asked. What each state does with a packet and with the end of its
time stands in two tables at the end.
"""

from collections.abc import Callable, Mapping, MutableMapping
from types import MappingProxyType
from typing import ClassVar, Final

from ..driver import (
    Event,
    Failed,
    Failure,
    HelloSeen,
    NeedTicket,
    NeedTime,
    ReadInfo,
    Step,
    TicketTrouble,
)
from ..errors import IgrsError, PacketError, ProtocolError, Reason, RefusedError
from . import questions
from .flight import Carried, Request, State, is_late
from .frame import Command, Operation, Status
from .greeting import Greeting
from .packet import Kind, parse_header
from .session import (
    RND_SIZE,
    Answered,
    Authenticated,
    ClientSession,
    HelloMemory,
    Moved,
    Recorded,
    SessionEvent,
)
from .ticket import Ticket
from .tracker import Tracker
from .values import AuthAnswer

HELLO_SECONDS: Final = 1  # after subscribing, then once more after INFO
ANSWER_SECONDS: Final = 2
LINGER_SECONDS: Final = 15

_TRIES: Final = 2
_QUERIES: Final = frozenset({Command.STATUS, Command.VERSION, Command.LOG})
_RECONNECT: Final = frozenset(
    {
        Failure.NO_HELLO,
        Failure.HELLO_REFUSED,
        Failure.ERROR,
        Failure.HELLO_SPENT,
        Failure.LINK_LOST,
    }
)
"""Why to try once more on a new link; never with an operation that was written: somebody in
between may hold it back and let it act besides the second one."""


class BsldLink:
    """One connection to one lock: see driver.LockLink.

    tickets (by owner generation), memory and tracker belong to the lock and outlive the
    link; rnd gives random bytes. A bolt is shown as unknown (tracker.doubt) when an
    operation was written and the link ends without an authentic answer to it.
    """

    def __init__(
        self,
        tickets: MutableMapping[int, Ticket],
        memory: HelloMemory,
        tracker: Tracker,
        rnd: Callable[[int], bytes],
    ) -> None:
        self.state = State.NEW
        self.deadline: float | None = None
        self._tickets = tickets
        self._memory = memory
        self._tracker = tracker
        self._rnd = rnd
        self._greeting = Greeting(memory, tracker)
        self._session: ClientSession | None = None
        self._job: Request | None = None
        self._carried: Carried | None = None
        self._unanswered = False
        self._writes: list[bytes] = []
        self._events: list[Event] = []

    def start(self, now: float) -> Step:
        """Begin: notifications are enabled."""
        self._enter(State.SUBSCRIBED, now + HELLO_SECONDS)
        return self._step()

    def operate(self, operation: Operation, relock: int, now: float) -> Step:
        """Lock, unlock or open; relock in units of 5 s, 0 = as configured."""
        return self._request(Request(Command.OPERATE, operation, relock, self._rnd(RND_SIZE)), now)

    def query(self, command: Command, first_record: int, now: float) -> Step:
        """Ask for STATUS, VERSION or the LOG from a record (u16) on."""
        if command not in _QUERIES:
            raise ProtocolError("not a query")
        a, b = divmod(first_record, 0x100)
        return self._request(Request(command, a, b, self._rnd(RND_SIZE)), now)

    def ticket(self, ticket: Ticket, now: float) -> Step:
        """Answer NeedTicket."""
        self._tickets[ticket.gen] = ticket
        return self.go_on(now)

    def flight(self, packets: tuple[bytes, ...], expect: int, seconds: float, now: float) -> Step:
        """Carry packets of the RAS and wait for as many notifications, HELLO included."""
        if self.state not in {State.LINGER, State.ASKING}:
            raise ProtocolError(f"a flight while {self.state.name}")
        self._carried = Carried(packets, expect)
        if self._carried.opens_session:
            self._session, self._greeting.spent = None, True
        self._writes += packets
        self._enter(State.CARRYING, now + seconds)
        return self._step()

    def go_on(self, now: float) -> Step:
        """Go on with the waiting request: the RAS is done, cannot help, or takes too long."""
        if self.state is State.CARRYING:
            self._land(now)
        if self.state is not State.ASKING:
            raise ProtocolError(f"nothing to go on with while {self.state.name}")
        self._proceed(now)
        return self._step()

    def feed(self, packet: bytes, now: float) -> Step:
        """Take a notification, or what INFO says; noise changes nothing."""
        try:
            head = parse_header(packet)
        except PacketError:
            return self._step()
        if head.from_lock and (handle := self._ON_PACKET.get((self.state, head.kind))):
            handle(self, packet, now)
        return self._step()

    def tick(self, now: float) -> Step:
        """Do what is due."""
        if self.deadline is not None and now >= self.deadline:
            self._ON_TIMEOUT[self.state](self, now)
        return self._step()

    def lost(self) -> Step:
        """Say that the connection is gone."""
        self._fail(Failure.LINK_LOST)
        return self._step()

    def close(self) -> Step:
        """Give up: what was written and not answered leaves the bolt in doubt."""
        self._close()
        return self._step()

    def _request(self, job: Request, now: float) -> Step:
        if self._job is not None or self.state in {State.CARRYING, State.CLOSED}:
            raise ProtocolError(f"a request while {self.state.name}")
        self._job = job
        if self.state is State.LINGER:
            self._proceed(now)
        return self._step()

    def _proceed(self, now: float) -> None:
        """Send the request, or ask the RAS for what it needs."""
        job, seen = self._job, self._greeting.seen
        if job is None or seen is None:
            self._enter(State.LINGER, now + LINGER_SECONDS)
        elif self._greeting.spent or (self._session and self._session.ticket.expires <= now):
            self._fail(Failure.HELLO_SPENT)
        elif seen.hello.gen == 0:
            self._fail(Failure.UNOWNED)
        elif (need := questions.time_wanted(job, seen)) is not None:
            self._ask(need)
        elif self._session is not None:
            self._fly(self._session, job, now)
        else:
            self._open_session(job, seen, now)

    def _open_session(self, job: Request, seen: HelloSeen, now: float) -> None:
        ticket = questions.live_ticket(self._tickets, job, seen, now)
        if isinstance(ticket, TicketTrouble):
            self._ask_for_ticket(job, ticket, Failure.NO_TICKET)
            return
        self._session = ClientSession(ticket, seen.packet, self._greeting.at, self._memory)
        job.tries, job.erred = 0, False
        self._writes.append(self._session.auth())
        self._fly(self._session, job, now)

    def _fly(self, session: ClientSession, job: Request, now: float) -> None:
        self._writes += job.packets(session, now, self._rnd)
        self._unanswered |= job.command is Command.OPERATE
        job.tries += 1
        self._enter(State.FLIGHT, now + ANSWER_SECONDS)

    def _ask_for_ticket(self, job: Request, trouble: TicketTrouble, failure: Failure) -> None:
        seen = self._greeting.seen
        if seen is None or (need := questions.ticket_wanted(job, seen, trouble)) is None:
            self._fail(failure)
        else:
            self._ask(need)

    def _ask(self, need: NeedTime | NeedTicket) -> None:
        self._events.append(need)
        self._enter(State.ASKING, None)

    def _first_hello(self, packet: bytes, now: float) -> None:
        try:
            seen = self._greeting.take(packet, now)
        except RefusedError:
            self._fail(Failure.HELLO_REFUSED)
            return
        if seen is not None:
            self._events.append(seen)
            self._proceed(now)

    def _next_hello(self, packet: bytes, now: float) -> None:
        """Take the HELLO that follows an answer to ADMIN: the old session is over."""
        try:
            seen = self._greeting.take(packet, now)
        except RefusedError:
            return
        if seen is not None:
            self._session = None
            self._events.append(seen)
            if self._carried is not None:
                self._carried.hello = packet
                self._land_if_complete(now)

    def _error(self, _: bytes, __: float) -> None:
        """ERR is a hint that anybody can send: wait for the authentic answer."""
        if self._job is not None:
            self._job.erred = True

    def _session_packet(self, packet: bytes, now: float) -> None:
        if self._session is None:
            return
        try:
            event = self._session.receive(packet, now)
        except RefusedError as err:
            if err.reason is Reason.COUNTER_GAP:
                self._fail(Failure.GAP)
            return
        except IgrsError:
            return
        if not is_late(event, self._job):
            self._events.append(event)
        self._heard(event, now)

    def _heard(self, event: SessionEvent, now: float) -> None:
        match event:
            case Authenticated(answer):
                self._authenticated(answer)
            case Answered() | Moved():
                self._track(event, now)
            case Recorded(Command.LOG, _, True) if self._job is not None:
                self.deadline = now + ANSWER_SECONDS
        if self._job is not None and self._job.is_ended_by(event):
            self._finish(event, now)

    def _authenticated(self, answer: AuthAnswer) -> None:
        """Choose the next step by a hint: nothing is deleted because of it."""
        meaning, session = questions.verdict(answer), self._session
        if isinstance(meaning, Failure):
            self._fail(meaning)
        elif meaning is not None and self._job is not None and session is not None:
            self._job.refused, self._session = session.ticket.packet, None
            self._ask_for_ticket(self._job, meaning, Failure.TICKET_REFUSED)

    def _finish(self, event: SessionEvent, now: float) -> None:
        self._job = None
        self._enter(State.LINGER, now + LINGER_SECONDS)
        if isinstance(event, Answered):
            if event.command is Command.OPERATE:
                self._unanswered = False
            if event.status is Status.EXPIRED:
                self._close()
            elif need := questions.correction_wanted(event, self._greeting, now):
                self._events.append(need)

    def _track(self, event: Answered | Moved, now: float) -> None:
        if event.state is not None and self._session is not None:
            gen = self._session.ticket.gen
            self._tracker.answered(
                gen, event.state, event.battery, event.counter, time=event.time, now=now
            )

    def _carry(self, packet: bytes, now: float) -> None:
        """Collect an answer that is not of the own session."""
        head = parse_header(packet)
        if self._session is not None and head.kind in {Kind.AUTH, Kind.SESS}:
            self._session_packet(packet, now)
        elif self._carried is not None and self._carried.concerns(head):
            self._greeting.expected |= head.kind is Kind.ADMIN
            self._carried.notifications.append(packet)
            self._land_if_complete(now)

    def _land_if_complete(self, now: float) -> None:
        if self._carried is not None and self._carried.result.complete:
            self._land(now)

    def _land(self, now: float) -> None:
        self._drop_carried()
        if self._job is None:
            self._enter(State.LINGER, now + LINGER_SECONDS)
        else:
            self._enter(State.ASKING, None)

    def _drop_carried(self) -> None:
        carried, self._carried = self._carried, None
        if carried is not None:
            self._events.append(carried.result)

    def _read_info(self, now: float) -> None:
        self._events.append(ReadInfo())
        self._enter(State.INFO, now + HELLO_SECONDS)

    def _no_hello(self, _: float) -> None:
        self._fail(Failure.NO_HELLO)

    def _no_answer(self, now: float) -> None:
        """Repeat once with the same random number; after an ERR do not."""
        job, session = self._job, self._session
        if job is None or session is None or job.erred:
            self._fail(Failure.ERROR)
        elif job.tries < _TRIES:
            self._fly(session, job, now)
        else:
            self._fail(Failure.NO_ANSWER)

    def _linger_over(self, _: float) -> None:
        self._close()

    def _fail(self, failure: Failure) -> None:
        """Report why the request, or the link before it, comes to nothing; and close."""
        self._drop_carried()
        if self._job is None and self.state not in {State.SUBSCRIBED, State.INFO}:
            self._close()
            return
        reconnect = failure in _RECONNECT and not self._unanswered
        self._events.append(Failed(failure, self._unanswered, reconnect))
        self._close()

    def _close(self) -> None:
        self._drop_carried()
        if self._unanswered:
            self._tracker.doubt()
        self._unanswered = False
        self._job = self._session = None
        self._enter(State.CLOSED, None)

    def _enter(self, state: State, deadline: float | None) -> None:
        self.state, self.deadline = state, deadline

    def _step(self) -> Step:
        step = Step(tuple(self._writes), tuple(self._events), self.state is State.CLOSED)
        self._writes.clear()
        self._events.clear()
        return step

    _ON_PACKET: ClassVar[Mapping[tuple[State, Kind], Callable[[BsldLink, bytes, float], None]]] = (
        MappingProxyType(
            {
                (State.SUBSCRIBED, Kind.HELLO): _first_hello,
                (State.INFO, Kind.HELLO): _first_hello,
                (State.FLIGHT, Kind.AUTH): _session_packet,
                (State.FLIGHT, Kind.SESS): _session_packet,
                (State.FLIGHT, Kind.ERR): _error,
                (State.CARRYING, Kind.AUTH): _carry,
                (State.CARRYING, Kind.SESS): _carry,
                (State.CARRYING, Kind.ADMIN): _carry,
                (State.CARRYING, Kind.PROV): _carry,
                (State.CARRYING, Kind.ERR): _carry,
                (State.CARRYING, Kind.HELLO): _next_hello,
                (State.ASKING, Kind.SESS): _session_packet,
                (State.ASKING, Kind.HELLO): _next_hello,
                (State.LINGER, Kind.SESS): _session_packet,
                (State.LINGER, Kind.HELLO): _next_hello,
            }
        )
    )
    """What is not here is ignored."""

    _ON_TIMEOUT: ClassVar[Mapping[State, Callable[[BsldLink, float], None]]] = MappingProxyType(
        {
            State.SUBSCRIBED: _read_info,
            State.INFO: _no_hello,
            State.FLIGHT: _no_answer,
            State.CARRYING: _land,
            State.LINGER: _linger_over,
        }
    )
    """A state that is not here has no deadline."""
