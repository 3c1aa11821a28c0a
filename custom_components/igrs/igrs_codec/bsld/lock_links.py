"""All connections of a lock: numbers, room, timers, and what is sent on them.

Project profile (protocol 6, 8 and 12).
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Final

from .frame import Frame
from .lock_clock import LockClock
from .lock_entropy import Entropy
from .lock_link import LAST_COUNTER, MAX_ERRORS, Link, Session
from .lock_owner import Owner
from .packet import Hello, HelloFlag, Kind, error_packet, header

MAX_LINK: Final = 255


@dataclass(frozen=True, slots=True)
class Notify:
    """Send a packet (20 bytes) to a link, as a notification of RSP."""

    link: int
    packet: bytes


@dataclass(frozen=True, slots=True)
class Close:
    """Close a link after what was sent to it; its number stays taken until it is down."""

    link: int


type Effect = Notify | Close


class Links:
    """The open links, and the effects that wait to be carried out.

    burst is called when a link is closed for its bad packets.
    """

    def __init__(
        self, owner: Owner, clock: LockClock, entropy: Entropy, burst: Callable[[], None]
    ) -> None:
        self._owner = owner
        self._clock = clock
        self._entropy = entropy
        self._burst = burst
        self._open: dict[int, Link] = {}
        self._closing: set[int] = set()
        self._effects: list[Effect] = []

    def __iter__(self) -> Iterator[Link]:
        """Yield the open links; they may be closed meanwhile."""
        return iter(list(self._open.values()))

    def __len__(self) -> int:
        """Return the number of open links."""
        return len(self._open)

    @property
    def next_deadline(self) -> int | None:
        """The uptime at which the next link is closed, None without links."""
        moments = [link.expires_at for link in self]
        if self._full:
            moments += [link.gives_way_at for link in self if not link.proven]
        return min(moments, default=None)

    def get(self, number: int) -> Link | None:
        """Return an open link."""
        return self._open.get(number)

    def connect(self) -> int | None:
        """Take a connection in; return the lowest free number, None without room."""
        self._make_room()
        if self._owner.fault or self._full:
            return None
        taken = self._open.keys() | self._closing
        number = next((n for n in range(1, MAX_LINK + 1) if n not in taken), None)
        if number is not None:
            self._open[number] = Link(number=number, connected_at=self._clock.uptime)
            self._make_room()
        return number

    def disconnect(self, number: int) -> None:
        """Forget a connection that is down."""
        self._open.pop(number, None)
        self._closing.discard(number)

    def tick(self) -> None:
        """Close what has stayed too long."""
        for link in self:
            if self._clock.uptime >= link.expires_at:
                self.close(link)
        self._make_room()

    def close(self, link: Link) -> None:
        """Close a link and forget its keys."""
        if self._open.pop(link.number, None):
            self._closing.add(link.number)
            self._effects.append(Close(link.number))

    def close_others(self, kept: Link | None) -> None:
        """Close all links but one."""
        for link in self:
            if link is not kept:
                self.close(link)

    def say_hello(self, link: Link) -> None:
        """Make a new HELLO for a link; a session under the old one ends."""
        owner, own = self._owner, self._owner.ownership
        flags = HelloFlag.PAIRING_WINDOW if owner.window_until is not None else HelloFlag(0)
        if own.pending:
            flags |= HelloFlag.PENDING_GENERATION
        hello = Hello(
            link=link.number,
            gen=own.gen,
            flags=flags,
            nonce=self._entropy.nonce(owner.root, own.gen),
            time=self._clock.time,
            clock_set=self._clock.is_set,
        )
        link.says_hello(hello, self._clock.uptime)
        self.notify(link, bytes(hello))

    def notify(self, link: Link, packet: bytes) -> None:
        """Send a packet."""
        self._effects.append(Notify(link.number, packet))

    def send(self, link: Link, session: Session, frames: list[Frame]) -> None:
        """Send frames of a session; all but the last say that there is more."""
        for number, frame in enumerate(frames, 1):
            session.sent += 1
            head = header(
                Kind.SESS, link.number, session.sent, from_lock=True, flag=number < len(frames)
            )
            self.notify(link, session.key.seal(head, bytes(frame)))
        if session.sent >= LAST_COUNTER:
            self.close(link)

    def refuse(self, link: Link, packet: bytes) -> None:
        """Answer ERR, silently on a link without notifications; the fifth one closes."""
        if link.hello is not None:
            self.notify(link, error_packet(packet))
        link.errors += 1
        if link.errors >= MAX_ERRORS:
            self.close(link)
            self._burst()

    def take_effects(self) -> list[Effect]:
        """Return the effects that wait, in order."""
        effects, self._effects = self._effects, []
        return effects

    @property
    def _full(self) -> bool:
        return len(self._open) >= self._owner.identity.max_links

    def _make_room(self) -> None:
        """Close the oldest link that has proven nothing, if no connection is spare."""
        unproven = [link for link in self if not link.proven]
        if self._full and unproven:
            oldest = min(unproven, key=lambda link: link.connected_at)
            if self._clock.uptime >= oldest.gives_way_at:
                self.close(oldest)
