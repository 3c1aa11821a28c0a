"""A lock, its RAS and gateways around it in one virtual time, with hands on the air.

The lock is the reference lock, the gateway the driver; only radio and clock are not real.
"""

from collections import deque
from collections.abc import Callable
from random import Random
from typing import Final

from igrs_codec.bsld import admin, keys
from igrs_codec.bsld.driver import BsldLink
from igrs_codec.bsld.flight import State
from igrs_codec.bsld.frame import Bolt, Command, Operation, Right, Status
from igrs_codec.bsld.packet import BlockKey, Hello, Kind, parse_header, prov_packets
from igrs_codec.bsld.session import HelloMemory
from igrs_codec.bsld.ticket import Ticket
from igrs_codec.bsld.tracker import Tracker
from igrs_codec.driver import Event, FlightDone, HelloSeen, NeedTicket, NeedTime, ReadInfo, Step
from reference_devices.flash import MemoryMedium, new_flash
from reference_devices.lock import ReferenceLock
from tests.codec.parts import ALL, DEVICE, K_F, NOW, mint

OWNER: Final = 0x1001
N_R: Final = bytes(range(1, 9))

type Hand = Callable[[bytes], list[bytes]]
"""What becomes of a packet on the air: itself, nothing, something else."""


def untouched(packet: bytes) -> list[bytes]:
    """Let a packet pass."""
    return [packet]


def dropped(_: bytes) -> list[bytes]:
    """Swallow a packet."""
    return []


def first(kind: Kind, then: Hand) -> Hand:
    """Return a hand that touches the first packet of a kind, and no other."""
    done = False

    def hand(packet: bytes) -> list[bytes]:
        nonlocal done
        if done or parse_header(packet).kind is not kind:
            return [packet]
        done = True
        return then(packet)

    return hand


def one[T](events: list[Event], kind: type[T]) -> T:
    """Return the only event of a kind."""
    found = [event for event in events if isinstance(event, kind)]
    assert len(found) == 1, found
    return found[0]


class Ras:
    """What a RAS knows of the lock: K_D, epoch, and how to make frames."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._tag = 100
        self.k_d = b""
        self.gen = 0
        self.epoch = 1
        self.time = 0

    @property
    def key(self) -> BlockKey:
        """K_adm of the present generation."""
        return keys.admin_key(self.k_d, DEVICE, self.gen)

    @property
    def k_adv(self) -> dict[int, bytes]:
        """K_adv by generation."""
        return {self.gen: keys.advert_key(self.k_d, DEVICE, self.gen)}

    def ticket(self, *, uid: int = OWNER, rights: Right = ALL, seconds: int = 86400) -> Ticket:
        """Mint a ticket, issued now."""
        self._tag += 1
        return mint(
            k_d=self.k_d,
            gen=self.gen,
            uid=uid,
            rights=rights,
            seconds=seconds,
            epoch=self.epoch,
            time=int(self._world.now),
            tag=self._tag,
        )

    def frame(self, command: Command, value: bytes) -> bytes:
        """Make an administration frame under the present generation."""
        self._tag += 1
        now = int(self._world.now)
        if command is not Command.TIME:
            now = self.time = max(now, self.time + 1)
        return admin.request(self.key, self.gen, self._tag, command=command, value=value, time=now)

    def set_time(self, hello: bytes) -> bytes:
        """Make a time frame for a HELLO."""
        return self.frame(Command.TIME, admin.set_time(Hello.from_bytes(hello)))


class World:
    """One lock in virtual time, registered; now is Unix time in seconds."""

    def __init__(self, *, seed: int = 1, motor_seconds: float = 0, registered: bool = True) -> None:
        self.now = float(NOW)
        self.random = Random(seed)  # noqa: S311 - repeatable tests
        self.inbox: dict[int, deque[bytes]] = {}
        self.closed: set[int] = set()
        self.on_packet: Callable[[int, bytes], None] = lambda _, __: None
        self.medium = MemoryMedium()
        self.lock = ReferenceLock(
            new_flash(self.medium),
            device=DEVICE,
            k_f=K_F,
            clock=lambda: self.now - NOW + 5,
            rng=self.random.randbytes,
            motor_seconds=motor_seconds,
        )
        self.lock.on_notify = lambda link, packet: self.inbox[link].append(packet)
        self.lock.on_close = self.closed.add
        self.ras = Ras(self)
        if registered:
            self.register()

    @property
    def bolt(self) -> Bolt:
        """Where the bolt really is."""
        return self.lock.state.bolt

    def register(self) -> None:
        """Register the lock as an owner does: three flights on one link."""
        self.lock.press_button(1)
        link, hello = self.open()
        gen0 = keys.admin_key_unowned(K_F, DEVICE, hello)
        private = self.random.randbytes(32)
        public = keys.public_key(private)
        now = int(self.now)
        value = admin.set_time(Hello.from_bytes(hello))
        self.ask(link, gen0, 0, command=Command.TIME, value=value, time=now)
        for packet in prov_packets(public):
            self.lock.write(link, packet)
        lock_public = b"".join(self.inbox[link].popleft()[4:] for _ in range(2))
        answer = self.ask(
            link,
            gen0,
            0,
            command=Command.PREPARE,
            value=admin.prepare(N_R, 1, x25519=True),
            time=now + 1,
        )
        k_d = keys.provisioned(
            K_F,
            DEVICE,
            1,
            N_R,
            private=private,
            peer_public=lock_public,
            ras_public=public,
            lock_public=lock_public,
        )
        assert isinstance(answer, admin.PrepareAnswer)
        assert answer.kcv == keys.check_value(k_d)
        self.ras.k_d, self.ras.gen, self.ras.time = k_d, 1, now + 2
        value = admin.write_user(OWNER, 0, ALL, epoch=1)
        committed = self.ask(
            link, self.ras.key, 1, command=Command.WRITE_USER, value=value, time=now + 2
        )
        assert committed.status is Status.OK
        self.lock.disconnect(link)
        self.advance(3)

    def ask(
        self, link: int, key: BlockKey, gen: int, *, command: Command, value: bytes, time: int
    ) -> admin.AdminAnswer:
        """Send an administration frame on a bare link and return its answer."""
        self.lock.write(link, admin.request(key, gen, 1, command=command, value=value, time=time))
        return admin.read_answer(
            key, self.inbox[link].popleft(), gen=gen, tag=1, command=command, time=time
        )

    def administer(self, command: Command, value: bytes) -> None:
        """Have a frame delivered on a link of its own."""
        link, _ = self.open()
        self.lock.write(link, self.ras.frame(command, value))
        self.lock.disconnect(link)

    def open(self) -> tuple[int, bytes]:
        """Connect and subscribe; return link number and HELLO packet."""
        link = self.connect()
        self.lock.subscribe(link, enabled=True)
        return link, self.inbox[link].popleft()

    def connect(self) -> int:
        """Connect; return the link number."""
        link = self.try_to_connect()
        assert link is not None
        return link

    def try_to_connect(self) -> int | None:
        """Connect, if the lock has room."""
        link = self.lock.connect()
        if link is not None:
            self.inbox[link] = deque()
            self.closed.discard(link)
        return link

    def advance(self, seconds: float) -> None:
        """Let time pass for the lock, second by second."""
        end = self.now + seconds
        while self.now < end:
            self.now = min(self.now + 1, end)
            self.lock.tick()


class Gateway:
    """A gateway with the driver: its links one after the other, its events in order.

    help is whether the RAS can be reached. to_lock and from_lock are hands on the air.
    """

    def __init__(self, world: World, *, tickets: bool = True) -> None:
        self.world = world
        self.tickets = {world.ras.gen: world.ras.ticket()} if tickets else {}
        self.memory = HelloMemory()
        self.tracker = Tracker(DEVICE, world.ras.k_adv)
        self.events: list[Event] = []
        self.flights: list[tuple[bytes, ...]] = []
        self.to_lock: Hand = untouched
        self.from_lock: Hand = untouched
        self.help = True
        self.number = 0
        self.connect()

    @property
    def state(self) -> State:
        """The state of the driver."""
        return self.link.state

    def connect(self, *, subscribe: bool = True) -> None:
        """Open a link and wait for HELLO."""
        if (number := self.world.try_to_connect()) is None:
            return
        self.number, self.open = number, True
        self.link = BsldLink(self.tickets, self.memory, self.tracker, self.rnd)
        self.do(self.link.start(self.world.now))
        if subscribe:
            self.world.lock.subscribe(self.number, enabled=True)
        self.pump()

    def rnd(self, size: int) -> bytes:
        """Return the random bytes that the driver asks for."""
        return self.world.random.randbytes(size)

    def operate(self, operation: Operation, relock: int = 0) -> list[Event]:
        """Operate and wait until nothing moves any more; return what happened."""
        self.events.clear()
        self.do(self.link.operate(operation, relock, self.world.now))
        self.pump()
        return self.events

    def query(self, command: Command, first_record: int = 0) -> list[Event]:
        """Query and wait until nothing moves any more; return what happened."""
        self.events.clear()
        self.do(self.link.query(command, first_record, self.world.now))
        self.pump()
        return self.events

    def wait(self, seconds: float) -> list[Event]:
        """Let time pass for lock and gateway; return what happened."""
        end = self.world.now + seconds
        self.events.clear()
        while self.world.now < end:
            self.world.advance(min(0.5, end - self.world.now))
            self.pump()
            self.do(self.link.tick(self.world.now))
            self.pump()
        return self.events

    def pump(self) -> None:
        """Carry what the lock has sent, until it is silent."""
        inbox = self.world.inbox[self.number]
        while inbox and self.open:
            for packet in self.from_lock(inbox.popleft()):
                self.do(self.link.feed(packet, self.world.now))
        if self.open and self.number in self.world.closed:
            self.do(self.link.lost())

    def do(self, step: Step) -> None:
        """Carry out a step of the driver."""
        if step.writes:
            self.flights.append(step.writes)
        for written in step.writes:
            for packet in self.to_lock(written):
                self.world.lock.write(self.number, packet)
        self.events += step.events
        for event in step.events:
            self.handle(event)
        if step.close and self.open:
            self.open = False
            self.hang_up()

    def hang_up(self) -> None:
        """End the connection."""
        self.world.lock.disconnect(self.number)

    def handle(self, event: Event) -> None:
        """Answer the driver's questions as the RAS would."""
        now, world = self.world.now, self.world
        match event:
            case ReadInfo():
                self.do(self.link.feed(world.lock.read_info(self.number), now))
            case NeedTime(hello, urgent) if self.help:
                self.do(self.link.flight((world.ras.set_time(hello),), 2, 2, now))
                self.pump()
                if urgent:
                    self.do(self.link.go_on(world.now))
            case NeedTicket() if self.help:
                self.do(self.link.ticket(world.ras.ticket(), now))
            case NeedTime(_, True) | NeedTicket():
                self.do(self.link.go_on(now))
            case HelloSeen() | FlightDone() | _:
                pass
