"""A reference lock on a bench: a clock to turn, and a client that knows every key."""

from collections.abc import Callable
from dataclasses import replace
from itertools import count
import random
from typing import Any, Final

from igrs_codec.bsld import admin
from igrs_codec.bsld.admin import AdminAnswer, Prepare, read_answer
from igrs_codec.bsld.frame import (
    ALL_RIGHTS,
    Bolt,
    Command,
    Event,
    Frame,
    FrameType,
    Method,
    Record,
    Right,
    Status,
)
from igrs_codec.bsld.keys import admin_key, admin_key_unowned, code_key, rekeyed, session_key
from igrs_codec.bsld.lock_state import Ownership, Pending, User
from igrs_codec.bsld.packet import BlockKey, Hello, Kind, header, parse_header
from igrs_codec.bsld.ticket import MintedTicket, encode_ttl, mint
from igrs_codec.bsld.values import AuthAnswer, SessionRequest, StateAnswer
from reference_devices.flash import MemoryMedium, new_flash
from reference_devices.lock import ReferenceLock

DEVICE: Final = bytes.fromhex("a1b2c3d4e5f6")
K_F: Final = bytes.fromhex("f0e1d2c3b4a5968778695a4b3c2d1e0f")
K_D: Final = bytes(range(16))
UID: Final = 0x1001
OTHER_UID: Final = 0x2002
TODAY: Final = 1_795_000_000
ANY_DAY: Final = 0xFFFF
DAY: Final = 86400
N_R: Final = bytes(range(1, 9))
K_NEW: Final = rekeyed(K_D, DEVICE, 2, N_R)
PENDING: Final = Pending(2, K_NEW)
SAME_EPOCH: Final = admin.raise_epoch(1)


class Clock:
    """Seconds that pass only when the test says so."""

    def __init__(self) -> None:
        self.now = 5000.0

    def __call__(self) -> float:
        """Return the present moment."""
        return self.now


class Bench:
    """One lock, and what it sends to each of its links.

    The lock is owned (generation 1, K_D, two users) unless `ownership` says otherwise;
    its clock is set to TODAY unless `clock_set` is false.
    """

    def __init__(
        self,
        ownership: Ownership | None = None,
        *,
        clock_set: bool = True,
        motor_seconds: float = 0.0,
        **options: Any,
    ) -> None:
        self.clock = Clock()
        self.medium = MemoryMedium()
        flash = new_flash(self.medium)
        flash.write_ownership(bytes(owned() if ownership is None else ownership))
        self._random = random.Random(1)  # noqa: S311 - repeatable tests
        self.lock = ReferenceLock(
            flash,
            device=DEVICE,
            k_f=K_F,
            clock=self.clock,
            rng=self._random.randbytes,
            motor_seconds=motor_seconds,
            **options,
        )
        self.sent: dict[int, list[bytes]] = {}
        self.closed: list[int] = []
        self.adverts: list[bytes] = []
        self.lock.on_notify = lambda link, packet: self.sent.setdefault(link, []).append(packet)
        self.lock.on_close = self._close
        self.lock.on_advert = lambda: self.adverts.append(self.lock.service_data())
        if clock_set:
            self.role.clock.set(TODAY)
        self.start = self.clock.now

    @property
    def role(self) -> Any:
        """The lock role inside the lock."""
        return self.lock._role

    @property
    def own(self) -> Ownership:
        """The ownership in force."""
        ownership: Ownership = self.role.ownership
        return ownership

    @property
    def now(self) -> int:
        """The lock's time."""
        time: int = self.role.clock.time
        return time

    @property
    def counter(self) -> int:
        """The event counter."""
        counter: int = self.role.counter
        return counter

    def bolt(self) -> Bolt:
        """Return where the bolt is."""
        return self.lock.state.bolt

    @property
    def records(self) -> list[Record]:
        """All records that the lock keeps."""
        return list(self.role._log._records)

    @property
    def events(self) -> list[tuple[str, str]]:
        """Event and method of the records since the boot."""
        return [(record.event.name, record.method.name) for record in self.records[1:]]

    def wait(self, seconds: int) -> None:
        """Let the time pass second by second."""
        for _ in range(seconds):
            self.clock.now += 1
            self.lock.tick()

    def sleep(self, seconds: float) -> None:
        """Let the time pass in one step, and tick once."""
        self.clock.now += seconds
        self.lock.tick()

    def client(self, *, subscribe: bool = True) -> Client:
        """Return a new client on a new link."""
        client = Client(self)
        if subscribe:
            client.subscribe()
        return client

    def session(self, rights: Right = ALL_RIGHTS, **ticket_fields: Any) -> Client:
        """Return a client with an open session."""
        client = self.client()
        assert client.auth(rights=rights, **ticket_fields).status is Status.OK
        return client

    def _close(self, link: int) -> None:
        self.closed.append(link)
        self.lock.disconnect(link)


class Client:
    """A client on one link. It holds K_D, so it can also be the RAS."""

    def __init__(self, bench: Bench) -> None:
        self.bench = bench
        link = bench.lock.connect()
        assert link is not None
        self.link = link
        self.key: BlockKey | None = None
        self.counter = 0
        self.tags = count(1)
        bench.sent[link] = []

    @property
    def open(self) -> bool:
        """Whether the lock has left the link open."""
        return self.link not in self.bench.closed

    @property
    def hello(self) -> Hello:
        """The current HELLO."""
        return Hello.from_bytes(self.bench.lock.read_info(self.link))

    def take(self) -> list[bytes]:
        """Return what was sent to this link since the last time."""
        packets, self.bench.sent[self.link] = self.bench.sent[self.link], []
        return packets

    def subscribe(self) -> Hello:
        """Enable notifications and take the HELLO."""
        self.bench.lock.subscribe(self.link, True)
        (packet,) = self.take()
        return Hello.from_bytes(packet)

    def renew(self) -> Hello:
        """Disable and enable notifications."""
        self.bench.lock.subscribe(self.link, False)
        return self.subscribe()

    def disconnect(self) -> None:
        """Leave."""
        self.bench.lock.disconnect(self.link)

    def write(self, packet: bytes) -> list[bytes]:
        """Write a packet and return what is sent to this link."""
        self.bench.lock.write(self.link, packet)
        return self.take()

    # Tickets and sessions.

    def ticket(self, **fields: Any) -> MintedTicket:
        """Mint a ticket for the present generation."""
        own = self.bench.own
        given = {
            "tag": next(self.tags),
            "uid": UID,
            "tid": 7,
            "rights": ALL_RIGHTS,
            "ttl": encode_ttl(3600),
            "epoch": own.epoch,
            "time": self.bench.now,
        } | fields
        k_d = given.pop("k_d", own.k_d)
        return mint(k_d, DEVICE, given.pop("gen", own.gen), **given)

    def auth(self, minted: MintedTicket | None = None, **fields: Any) -> AuthAnswer:
        """Present a ticket and read the answer."""
        minted = minted or self.ticket(**fields)
        key = session_key(minted.k_t, DEVICE, bytes(self.hello))
        (packet, *rest) = self.write(minted.packet)
        assert not rest
        head = parse_header(packet)
        assert (head.kind, head.second) == (Kind.AUTH, self.link)
        assert head.number == parse_header(minted.packet).number
        frame = Frame.from_bytes(key.open(packet))
        assert (frame.command, frame.type) == (Command.AUTHENTICATE, FrameType.RESPONSE)
        answer = AuthAnswer.from_bytes(frame.value)
        if answer.rights:
            self.key, self.counter = key, 0
        return answer

    def sealed(self, frame: Frame, counter: int) -> bytes:
        """Return a packet of this session."""
        assert self.key is not None
        return self.key.seal(header(Kind.SESS, self.link, counter), bytes(frame))

    def frame(
        self, command: int, a: int = 0, b: int = 0, *, rnd: bytes = b"rnd1", **changes: Any
    ) -> Frame:
        """Return a right request frame, or a changed one."""
        echo = changes.pop("echo", self.hello.echo)
        value = bytes(SessionRequest(a, b, echo, rnd))
        return replace(Frame(command, FrameType.REQUEST, value, self.bench.now), **changes)

    def request(
        self, command: int, a: int = 0, b: int = 0, *, rnd: bytes = b"rnd1", **changes: Any
    ) -> list[Frame]:
        """Send a request and return the frames that come back."""
        self.counter += 1
        packet = self.sealed(self.frame(command, a, b, rnd=rnd, **changes), self.counter)
        return self.read(self.write(packet))

    def read(self, packets: list[bytes] | None = None) -> list[Frame]:
        """Open the SESS packets that came."""
        assert self.key is not None
        packets = self.take() if packets is None else packets
        return [Frame.from_bytes(self.key.open(packet)) for packet in packets]

    def operate(
        self, operation: int, relock: int = 0, *, rnd: bytes = b"rnd1", **changes: Any
    ) -> StateAnswer:
        """Operate and return the answer."""
        (frame,) = self.request(Command.OPERATE, operation, relock, rnd=rnd, **changes)
        assert (frame.command, frame.type) == (Command.OPERATE, FrameType.RESPONSE)
        answer = StateAnswer.from_bytes(frame.value)
        assert answer.rnd == rnd
        return answer

    def status(self) -> StateAnswer:
        """Ask for the status."""
        (frame,) = self.request(Command.STATUS)
        return StateAnswer.from_bytes(frame.value)

    # Administration.

    def admin_packet(
        self,
        command: int,
        value: bytes,
        *,
        time: int | None = None,
        gen: int | None = None,
        k_d: bytes | None = None,
        type_: FrameType = FrameType.REQUEST,
    ) -> bytes:
        """Return an administration packet."""
        key, gen = self._admin(gen, k_d)
        frame = Frame(command, type_, value, self.bench.now if time is None else time)
        return key.seal(header(Kind.ADMIN, gen, 5), bytes(frame))

    def admin(
        self,
        command: Command,
        value: bytes,
        *,
        time: int | None = None,
        gen: int | None = None,
        k_d: bytes | None = None,
    ) -> AdminAnswer | None:
        """Send an administration frame; return its answer, None for ERR."""
        key, gen = self._admin(gen, k_d)
        time = self.bench.now if time is None else time
        packets = self.write(self.admin_packet(command, value, time=time, gen=gen, k_d=k_d))
        if is_error(packets):
            return None
        self.followed_by = packets[1:]
        return read_answer(key, packets[0], gen=gen, tag=5, command=command, time=time)

    def set_time(self, time: int, **keys: Any) -> AdminAnswer | None:
        """Send command 10."""
        return self.admin(Command.TIME, admin.set_time(self.hello), time=time, **keys)

    def prepare(self, gen: int = 2, *, x25519: bool = False, **keys: Any) -> Any:
        """Send command 11."""
        return self.admin(Command.PREPARE, bytes(Prepare(N_R, x25519, gen)), **keys)

    def _admin(self, gen: int | None, k_d: bytes | None) -> tuple[BlockKey, int]:
        own = self.bench.own
        gen = own.gen if gen is None else gen
        if gen:
            return admin_key(k_d or own.k_d, DEVICE, gen), gen
        return admin_key_unowned(k_d or K_F, DEVICE, bytes(self.hello)), gen


def owned(**changes: Any) -> Ownership:
    """Return the ownership of an owned lock with two users."""
    fields: dict[str, Any] = {
        "gen": 1,
        "k_d": K_D,
        "k_code": code_key(K_D, DEVICE, 1, 0),
        "users": {
            0: User(UID, ALL_RIGHTS, ANY_DAY),
            1: User(OTHER_UID, Right.LOCK | Right.UNLOCK, ANY_DAY),
        },
    }
    return Ownership(**(fields | changes))


def hellos(client: Client) -> list[Hello]:
    """Return the HELLOs that followed the last answer."""
    return [Hello.from_bytes(packet) for packet in client.followed_by]


def is_error(packets: list[bytes]) -> bool:
    """Return whether the lock said nothing but ERR."""
    return len(packets) == 1 and packets[0][0] == 0x60


def writes(bench: Bench) -> Callable[[], int]:
    """Return a function that counts the primitive writes from now on."""
    before = bench.medium.writes
    return lambda: bench.medium.writes - before


def no_record(why: Status, time: int) -> Record:
    """Return the record that says that there is none."""
    return Record(number=0, uid=0, method=Method.HAND, event=Event.NONE, detail=why, time=time)
