"""Somebody between gateway and lock, and what is watched meanwhile: see test_adversary."""

from contextlib import suppress
from random import Random
from typing import Final, override

from igrs_codec.bsld.flight import State
from igrs_codec.bsld.frame import Bolt, Command, Operation, Status, is_older
from igrs_codec.bsld.lock_door import Body, Cause
from igrs_codec.bsld.session import Answered
from igrs_codec.bsld.tracker import MEMORY
from igrs_codec.driver import Event
from igrs_codec.errors import ProtocolError
from tests.codec.world import Gateway, World

STEPS: Final = 60
LATEST: Final = 2 + 10 + 1  # seconds: one repetition, the lock's window, whole seconds
ADVERT_LIFE: Final = 256  # seconds


class Watched(World):
    """A lock whose operations and states are watched."""

    def __init__(self, seed: int) -> None:
        self.executed: dict[int, Bolt] = {}
        self.order: list[int] = []
        self.asked: dict[int, float] = {}
        self.states: list[tuple[float, Bolt]] = []
        super().__init__(seed=seed)
        self.watch()

    def watch(self) -> None:
        """Look over the shoulder of the lock's body."""
        body = self.lock._role._body
        operate = body.operate

        def watched(operation: Operation, cause: Cause) -> Status:
            status = operate(operation, cause)
            if cause.rnd:
                self.note(int.from_bytes(cause.rnd), body)
            return status

        body.operate = watched  # type: ignore[method-assign]

    def note(self, number: int, body: Body) -> None:
        """Check an execution: asked for, in time, once, in order."""
        assert number in self.asked, "unasked"
        assert self.now - self.asked[number] <= LATEST, "late"
        assert number not in self.executed, "twice"
        assert all(number > other for other in self.order), "out of order"
        self.executed[number] = body.bolt
        self.order.append(number)

    def look(self) -> None:
        """Remember where the bolt is."""
        if not self.states or self.states[-1][1] is not self.bolt:
            self.states.append((self.now, self.bolt))

    def was(self, bolt: Bolt, seconds: float) -> bool:
        """Return whether the bolt was there at some moment of the last seconds."""
        ends = [moment for moment, _ in self.states[1:]] + [self.now]
        return any(
            state is bolt and end >= self.now - seconds
            for (_, state), end in zip(self.states, ends, strict=True)
        )


class Adversary:
    """Somebody on the air, with everything he ever heard."""

    def __init__(self, world: Watched, seed: int) -> None:
        self.world = world
        self.random = Random(seed)  # noqa: S311 - repeatable tests
        self.heard: list[bytes] = []
        self.adverts: list[bytes] = []
        self.held: list[tuple[int, bool, bytes]] = []
        self.kept: list[int] = []
        self.activity = self.random.choice([0.05, 0.2, 0.5])

    def hand(self, packet: bytes, link: int, *, to_lock: bool) -> list[bytes]:
        """Do something to a packet on its way, or nothing."""
        self.heard.append(packet)
        old = self.random.choice(self.heard)
        flipped = (int.from_bytes(packet) ^ 1 << self.random.randrange(160)).to_bytes(20)
        if self.random.random() > self.activity:
            return [packet]
        tricks = [[], [packet, packet], [flipped], [old, packet], [packet, old], None]
        trick = self.random.choice(tricks)
        if trick is None:
            self.held.append((link, to_lock, packet))
            return []
        return trick

    def release(self, gateway: Gateway) -> None:
        """Let something go on that was held back, on the link where it was."""
        if self.held:
            link, to_lock, packet = self.held.pop(self.random.randrange(len(self.held)))
            if to_lock:
                self.world.lock.write(link, packet)
            elif gateway.open:
                gateway.do(gateway.link.feed(packet, self.world.now))

    def hang_up(self, link: int) -> None:
        """Let the lock know that a gateway has gone, or play the gateway for a while."""
        self.kept.append(link)
        while self.kept and (len(self.kept) > 1 or self.random.random() < 0.5):
            self.world.lock.disconnect(self.kept.pop(0))

    def attack(self) -> None:
        """Open a link of his own and say what he has heard, in order or not."""
        if (number := self.world.try_to_connect()) is None or not self.heard:
            return
        self.world.lock.subscribe(number, enabled=True)
        start = self.random.randrange(len(self.heard))
        said = self.heard[start : start + 6]
        if self.random.random() < 0.5:
            self.random.shuffle(said)
        for packet in said:
            self.world.lock.write(number, packet)
        self.heard += self.world.inbox[number]
        self.world.lock.disconnect(number)


class Person(Gateway):
    """A gateway under attack, whose random numbers count."""

    def __init__(self, world: Watched, adversary: Adversary | None = None) -> None:
        self.watched = world
        self.count = 0
        self.adversary = adversary
        super().__init__(world)
        if adversary is not None:
            self.to_lock = lambda packet: adversary.hand(packet, self.number, to_lock=True)
            self.from_lock = lambda packet: adversary.hand(packet, self.number, to_lock=False)

    @override
    def rnd(self, size: int) -> bytes:
        """Return the next number in the place of a random one."""
        self.count += 1
        return self.count.to_bytes(size)

    @override
    def hang_up(self) -> None:
        """End the connection, if nobody is between."""
        if self.adversary is None:
            super().hang_up()
        else:
            self.adversary.hang_up(self.number)

    def ask(self, operation: Operation) -> None:
        """Operate, if there is no other request."""
        self.watched.asked[self.count + 1] = self.world.now
        with suppress(ProtocolError):
            self.operate(operation)

    @override
    def handle(self, event: Event) -> None:
        """Check what the driver believes, then act on it as always."""
        if (
            isinstance(event, Answered)
            and event.command is Command.OPERATE
            and event.status is Status.OK
        ):
            assert event.state is not None
            executed = self.watched.executed[int.from_bytes(event.rnd)]
            assert executed is event.state.bolt, "a false answer"
        super().handle(event)


class Game:
    """One random schedule; after every move it is checked what is shown."""

    def __init__(self, seed: int) -> None:
        self.world = Watched(seed)
        self.random = Random(-seed)  # noqa: S311 - repeatable tests
        self.adversary = Adversary(self.world, seed)
        self.person = Person(self.world, self.adversary)
        self.newest: tuple[int, float] | None = None

    def play(self) -> Watched:
        """Make the moves, most of them operations."""
        rare = (self.turn, self.release, self.attack, self.advert, self.old_advert, self.close)
        moves = (*[self.operate] * 4, *[self.wait] * 2, *rare)
        for move in self.random.choices(moves, k=STEPS):
            self.world.look()
            move()
            if self.person.state is State.CLOSED:
                self.person.connect()
            self.person.pump()
            self.world.look()
            self.check()
        return self.world

    def operate(self) -> None:
        """Ask for something."""
        self.person.ask(self.random.choice(list(Operation)))

    def wait(self) -> None:
        """Let time pass."""
        self.person.wait(self.random.choice([0.5, 2, 4, 20]))

    def turn(self) -> None:
        """Move the bolt by hand."""
        self.world.lock.turn_knob(self.random.choice([Operation.LOCK, Operation.UNLOCK]))

    def release(self) -> None:
        """Deliver what was held back."""
        self.adversary.release(self.person)

    def attack(self) -> None:
        """Replay on another link."""
        self.adversary.attack()

    def advert(self) -> None:
        """Hear the lock."""
        self.adversary.adverts.append(self.world.lock.service_data())
        self.see(self.adversary.adverts[-1])

    def old_advert(self) -> None:
        """Hear a recording."""
        if self.adversary.adverts:
            self.see(self.random.choice(self.adversary.adverts))

    def close(self) -> None:
        """Give the link up."""
        self.person.do(self.person.link.close())

    def see(self, advert: bytes) -> None:
        """Show an advert to the gateway."""
        self.person.tracker.observe(advert, self.world.now, clock_confirmed=True)

    def check(self) -> None:
        """What is shown was true a short time ago, and is not older than before."""
        tracker, before = self.person.tracker, self.newest
        if (shown := tracker.shown) is None:
            return
        if not tracker.in_doubt:
            assert self.world.was(tracker.bolt, ADVERT_LIFE), "never true"
        if before is not None and shown.at - before[1] <= MEMORY:
            assert not is_older(shown.counter, before[0]), "an older state"
        self.newest = shown.counter, shown.at
