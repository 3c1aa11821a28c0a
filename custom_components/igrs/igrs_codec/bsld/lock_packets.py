"""What the lock does with a packet: accept it and act, or answer ERR.

Project profile (protocol 13). Accepting and acting are apart: an `accept` function
raises, or returns what to do. Only a key exchange that fails counts all the same.
"""

from collections.abc import Callable
from functools import partial
from hmac import compare_digest
from types import MappingProxyType
from typing import Final

from ..errors import FormatError, PacketError, RefusedError
from . import admin, lock_admin
from .frame import Command, Frame, FrameType, Method, Record, Right
from .keys import public_key, session_key, shared_secret, ticket_key
from .lock_clock import LockClock
from .lock_door import Body, Cause
from .lock_entropy import Entropy
from .lock_link import (
    COUNTER_WINDOW,
    MAX_AUTHS,
    MAX_EXCHANGES,
    Exchange,
    Link,
    Session,
)
from .lock_links import Links
from .lock_log import Log
from .lock_owner import Owner
from .lock_session import TIME_WINDOW, Requests, expiry, judge
from .lock_state import Ownership
from .packet import Header, Hello, Kind, header, parse_header, parse_prov, prov_packets
from .values import AuthAnswer, SessionRequest, TicketFields

MAX_MINUTES: Final = 0xFFFF


class Packets:
    """The packets of all links."""

    def __init__(
        self,
        owner: Owner,
        clock: LockClock,
        entropy: Entropy,
        *,
        log: Log,
        body: Body,
        links: Links,
    ) -> None:
        self._owner = owner
        self._clock = clock
        self._entropy = entropy
        self._log = log
        self._body = body
        self._links = links
        self._requests = Requests(owner.identity, clock, log, body)

    def receive(self, link: Link, packet: bytes) -> None:
        """Take a packet that a client wrote."""
        try:
            act = self._accept(link, packet)
        except FormatError, RefusedError:
            self._links.refuse(link, packet)
        else:
            act()

    def moved(self, cause: Cause) -> None:
        """Tell the session that moved the bolt where it has come to rest."""
        for link in self._links:
            if link.session is not None and link.session is cause.origin:
                self._links.send(link, link.session, [self._requests.moved(cause.rnd)])

    def tell(self, record: Record, origin: object) -> None:
        """Send a new record to every session that may see it, but not to its origin."""
        frame = record.to_frame(Command.EVENT, FrameType.INDICATION)
        for link in self._links:
            session = link.session
            if (
                session is not None
                and session is not origin
                and Right.LOG in session.rights
                and session.received
                and not self._requests.ended(session)
            ):
                self._links.send(link, session, [frame])

    def _accept(self, link: Link, packet: bytes) -> Callable[[], None]:
        if link.hello is None:
            raise PacketError("no notifications")
        head = parse_header(packet)
        if head.from_lock or head.flag or head.kind not in _ACCEPT:
            raise PacketError("not a packet for a lock")
        return _ACCEPT[head.kind](self, link, link.hello, head, packet)

    def _accept_auth(
        self, link: Link, hello: Hello, head: Header, packet: bytes
    ) -> Callable[[], None]:
        gen = self._owner.ownership.gen
        if link.spent or link.auths >= MAX_AUTHS or not gen or head.second != gen:
            raise PacketError("no ticket now")
        ticket = Frame.from_bytes(self._owner.admin_key(gen, bytes(hello)).open(packet))
        if (ticket.command, ticket.type) != (Command.AUTHENTICATE, FrameType.REQUEST):
            raise PacketError("not a ticket")
        return partial(self._authenticate, link, hello, head.number, ticket)

    def _authenticate(self, link: Link, hello: Hello, tag: int, ticket: Frame) -> None:
        link.auths += 1
        own, clock, device = self._owner.ownership, self._clock, self._owner.identity.device
        fields = TicketFields.from_bytes(ticket.value)
        grant = judge(ticket, own, clock)
        k_t = ticket_key(own.k_d, device, own.gen, bytes(ticket))
        key = session_key(k_t, device, bytes(hello))
        expires = expiry(ticket)
        minutes = 0
        if grant.rights:
            link.opens(
                Session(
                    key=key,
                    uid=fields.uid,
                    expires=expires,
                    granted=grant.granted,
                    rights=grant.rights,
                )
            )
            if clock.is_set:
                minutes = min((expires - clock.time) // 60, MAX_MINUTES)
        value = bytes(AuthAnswer(grant.status, grant.rights, minutes, fields.uid, own.epoch))
        frame = Frame(Command.AUTHENTICATE, FrameType.RESPONSE, value, clock.time)
        head = header(Kind.AUTH, link.number, tag, from_lock=True)
        self._links.notify(link, key.seal(head, bytes(frame)))

    def _accept_request(
        self, link: Link, hello: Hello, head: Header, packet: bytes
    ) -> Callable[[], None]:
        session = link.session
        if (
            session is None
            or head.second != link.number
            or not session.received < head.number <= session.received + COUNTER_WINDOW
        ):
            raise PacketError("not a packet of this session")
        frame = Frame.from_bytes(session.key.open(packet))
        if (
            frame.type is not FrameType.REQUEST
            or abs(frame.time - self._clock.time) > TIME_WINDOW
            or not compare_digest(SessionRequest.from_bytes(frame.value).echo, hello.echo)
        ):
            raise PacketError("not a request of this session")
        return partial(self._serve, link, session, head.number, frame)

    def _serve(self, link: Link, session: Session, counter: int, frame: Frame) -> None:
        session.received = counter
        link.accepts(self._clock.uptime)
        self._links.send(link, session, self._requests.answer(session, frame))
        if frame.command == Command.CLOSE:
            self._links.close(link)

    def _accept_admin(
        self, link: Link, hello: Hello, head: Header, packet: bytes
    ) -> Callable[[], None]:
        own = self._own_under(head.second)
        key = self._owner.admin_key(head.second, bytes(hello))
        frame = Frame.from_bytes(key.open(packet))
        now = self._situation(link, hello)
        lock_admin.check(frame, own, now)

        def act() -> None:
            outcome = lock_admin.execute(frame, own, now)
            committed = own is not self._owner.ownership
            self._apply(outcome, link, frame)
            value = bytes(outcome.answer)
            answer = admin.answer(
                key,
                head.second,
                head.number,
                command=Command(frame.command),
                value=value,
                time=frame.time,
            )
            self._links.notify(link, answer)
            if outcome.renew or committed:
                self._links.close_others(link)
                self._links.say_hello(link)
            else:
                self._end_sessions(outcome.touched, link)

        return act

    def _own_under(self, gen: int) -> Ownership:
        """Return the ownership that a frame of a generation meets: a commit comes first."""
        own = self._owner.ownership
        if own.pending is not None and gen == own.pending.gen:
            return own.committed(self._owner.identity.device)
        if gen != own.gen or (not gen and self._owner.window_until is None):
            raise PacketError("not this generation, or the pairing window is closed")
        return own

    def _situation(self, link: Link, hello: Hello) -> lock_admin.Situation:
        return lock_admin.Situation(
            identity=self._owner.identity,
            time=self._clock.time,
            lower_bound=self._clock.lower_bound,
            clock_set=self._clock.is_set,
            nonce=hello.nonce,
            hello_age=self._clock.uptime - link.hello_at,
            unowned_time=link.unowned_time,
            exchange=link.exchange,
            battery=self._body.battery,
            next_record=self._log.next_number,
        )

    def _apply(self, outcome: lock_admin.Outcome, link: Link, frame: Frame) -> None:
        """Store what a frame changes, at once; then let the rest of the lock know."""
        was_owned = self._owner.ownership.gen
        self._owner.keep(outcome.ownership)
        if not outcome.ownership.gen:
            link.unowned_time = frame.time
            if was_owned:
                self._log.wipe()
                self._owner.close_window()
        if outcome.clock is not None:
            self._clock.set(outcome.clock)
            self._requests.clock_was_set()
        if outcome.event is not None:
            cause = Cause(method=Method.RAS, uid=outcome.uid, detail=outcome.detail)
            self._body.record(outcome.event, cause)
        else:
            self._log.store_time()
        if outcome.clears_alarm:
            self._body.clear_alarm(Cause(method=Method.RAS))
        link.accepts(self._clock.uptime)
        link.administered = True

    def _end_sessions(self, users: frozenset[int], own_link: Link) -> None:
        for link in self._links:
            if link.session is None or link.session.uid not in users:
                continue
            if link is own_link:
                self._links.say_hello(link)
            else:
                self._links.close(link)

    def _accept_prov(
        self, link: Link, _hello: Hello, _head: Header, packet: bytes
    ) -> Callable[[], None]:
        if (
            not link.administered
            or link.exchange is not None
            or link.exchanges >= MAX_EXCHANGES
            or (not self._owner.ownership.gen and self._owner.window_until is None)
        ):
            raise PacketError("no key exchange now")
        index, half = parse_prov(packet)
        halves = {**link.halves, index: half}
        if len(halves) == 1:
            return partial(link.halves.update, halves)
        link.halves.clear()
        link.exchanges += 1
        private = self._entropy.private_key()
        ras_public = halves[0] + halves[1]
        shared_secret(private, ras_public)
        return partial(self._exchange, link, Exchange(private, public_key(private), ras_public))

    def _exchange(self, link: Link, exchange: Exchange) -> None:
        link.exchange = exchange
        for packet in prov_packets(exchange.lock_public, from_lock=True):
            self._links.notify(link, packet)


type _Accept = Callable[[Packets, Link, Hello, Header, bytes], Callable[[], None]]

_ACCEPT: Final = MappingProxyType[Kind, _Accept](
    {
        Kind.ADMIN: Packets._accept_admin,  # noqa: SLF001 - the table of this class
        Kind.AUTH: Packets._accept_auth,  # noqa: SLF001
        Kind.SESS: Packets._accept_request,  # noqa: SLF001
        Kind.PROV: Packets._accept_prov,  # noqa: SLF001
    }
)
