"""Packets of every kind, and who must refuse whatever is forged from them.

Used by the tests, and by the benchmark that counts more of it.
"""

from collections.abc import Callable, Iterator
from itertools import combinations
from random import Random
from typing import Final, NamedTuple

from igrs_codec.bsld import admin, advert
from igrs_codec.bsld.frame import Command, Operation, Right
from igrs_codec.bsld.keys import admin_key, admin_key_unowned
from igrs_codec.bsld.lock_links import Notify
from igrs_codec.bsld.packet import Hello, Kind, parse_header
from igrs_codec.bsld.session import ClientSession, ErrorHint
from igrs_codec.errors import IgrsError
from tests.codec.parts import ALL, DEVICE, K_F
from tests.codec.world import OWNER, World

RND: Final = b"abcd"


class Target(NamedTuple):
    """A genuine packet, and whether somebody accepts what is made of it."""

    name: str
    packet: bytes
    accepts: Callable[[bytes], bool]


def flips(packet: bytes) -> Iterator[bytes]:
    """Yield a packet with each bit, and each pair of bits, turned over."""
    number, size = int.from_bytes(packet), len(packet)
    masks = [1 << bit for bit in range(8 * size)]
    for mask in masks:
        yield (number ^ mask).to_bytes(size)
    for one, other in combinations(masks, 2):
        yield (number ^ one ^ other).to_bytes(size)


def blocks(packet: bytes, count: int, random: Random) -> Iterator[bytes]:
    """Yield random blocks under the header of a packet."""
    for _ in range(count):
        yield packet[:4] + random.randbytes(len(packet) - 4)


def targets() -> Iterator[Target]:
    """Yield every kind of packet that a key protects."""
    yield from _requests()
    yield from _administration()
    yield _time_of_an_unowned_lock()
    yield from _answers()
    yield _advert()


def _at_lock(name: str, packet: bytes, world: World, number: int) -> Target:
    """Let the lock judge; its counters of bad packets are put back each time."""
    role = world.lock._role
    link = role._links.get(number)
    assert link is not None

    def accepts(forged: bytes) -> bool:
        effects = role.write(number, forged)
        link.errors = link.auths = 0
        return not (
            len(effects) == 1
            and isinstance(effects[0], Notify)
            and parse_header(effects[0].packet).kind is Kind.ERR
        )

    return Target(name, packet, accepts)


def _session(world: World) -> tuple[int, ClientSession]:
    number, hello = world.open()
    session = ClientSession(world.ras.ticket(), hello, world.now)
    world.lock.write(number, session.auth())
    world.inbox[number].clear()
    return number, session


def _requests() -> Iterator[Target]:
    world = World()
    number, hello = world.open()
    session = ClientSession(world.ras.ticket(), hello, world.now)
    yield _at_lock("ticket", session.auth(), world, number)
    for command in (Command.OPERATE, Command.STATUS, Command.VERSION, Command.LOG, Command.CLOSE):
        world = World()
        number, session = _session(world)
        packet = session.request(command, 1, 0, now=world.now, rnd=RND)
        yield _at_lock(f"request {command.name}", packet, world, number)


def _administration() -> Iterator[Target]:
    for command, value in (
        (Command.WRITE_USER, admin.write_user(OWNER, 0, ALL, epoch=1)),
        (Command.PREPARE, admin.prepare(bytes(range(8)), 2, x25519=False)),
        (Command.EPOCH, admin.raise_epoch(2)),
        (Command.CONFIG, admin.config(admin.Parameter.AUTO_RELOCK, 30, epoch=1)),
        (Command.CODES, admin.codes(admin.CodeOperation.NEW_KEY, epoch=1)),
        (Command.REMOVE, admin.remove(DEVICE)),
    ):
        world = World()
        number, _ = world.open()
        yield _at_lock(f"admin {command.name}", world.ras.frame(command, value), world, number)
    world = World()
    number, hello = world.open()
    yield _at_lock("admin TIME", world.ras.set_time(hello), world, number)


def _time_of_an_unowned_lock() -> Target:
    world = World(registered=False)
    world.lock.press_button(1)
    number, hello = world.open()
    packet = admin.request(
        admin_key_unowned(K_F, DEVICE, hello),
        0,
        1,
        command=Command.TIME,
        value=admin.set_time(Hello.from_bytes(hello)),
        time=int(world.now),
    )
    return _at_lock("admin TIME of generation 0", packet, world, number)


def _answers() -> Iterator[Target]:
    world = World()
    number, hello = world.open()
    session = ClientSession(world.ras.ticket(rights=Right.UNLOCK), hello, world.now)
    world.lock.write(number, session.auth())
    operate = session.operate(Operation.UNLOCK, 0, now=world.now, rnd=RND)
    world.lock.write(number, operate)

    def believes(forged: bytes) -> bool:
        try:
            return not isinstance(session.receive(forged, world.now), ErrorHint)
        except IgrsError:
            return False

    yield Target("answer to the ticket", world.inbox[number].popleft(), believes)
    yield Target("answer to OPERATE", world.inbox[number].popleft(), believes)

    request = world.ras.frame(Command.EPOCH, admin.raise_epoch(1))
    world.lock.write(number, request)
    tag, time = parse_header(request).number, world.ras.time

    def reads(forged: bytes) -> bool:
        key = admin_key(world.ras.k_d, DEVICE, 1)
        try:
            admin.read_answer(key, forged, gen=1, tag=tag, command=Command.EPOCH, time=time)
        except IgrsError:
            return False
        return True

    yield Target("answer to EPOCH", world.inbox[number].popleft(), reads)


def _advert() -> Target:
    world = World()
    k_adv = world.ras.k_adv[1]

    def sees(forged: bytes) -> bool:
        try:
            return advert.decode(k_adv, DEVICE, forged, int(world.now)) is not None
        except IgrsError:
            return False

    return Target("advert", world.lock.service_data(), sees)
