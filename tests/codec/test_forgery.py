"""Forged packets: every one- and two-bit flip, and random blocks. None may be accepted."""

from random import Random

import pytest

from igrs_codec.bsld import admin, keys
from igrs_codec.bsld.frame import Bolt, Command, Operation
from igrs_codec.bsld.packet import Hello, Kind, parse_header, prov_packets
from igrs_codec.bsld.session import ClientSession
from igrs_codec.errors import HelloError, IgrsError
from tests.codec.forgery import Target, blocks, flips, targets
from tests.codec.parts import DEVICE, K_F
from tests.codec.world import N_R, World

BLOCKS = 15_000  # of each kind; benchmarks/flips.py counts 200,000
TARGETS = list(targets())


@pytest.mark.parametrize("target", TARGETS, ids=lambda target: target.name)
def test_flips_and_random_blocks(target: Target) -> None:
    """Nothing that differs in one bit, in two, or in all is accepted; the packet is."""
    random = Random(7)  # noqa: S311 - repeatable tests

    assert sum(map(target.accepts, flips(target.packet))) == 0
    assert sum(map(target.accepts, blocks(target.packet, BLOCKS, random))) == 0
    assert target.accepts(target.packet)


def test_how_many() -> None:
    """What the figures are about."""
    assert sum(1 for _ in flips(bytes(20))) == 160 + 12_720
    assert len(TARGETS) * BLOCKS >= 200_000


def test_every_other_header() -> None:
    """A request under any other header of its session is refused."""
    target = next(target for target in TARGETS if target.name == "request STATUS")
    block, accepted = target.packet[4:], 0
    for first in range(256):
        for second in (0, 1, 2, 255):
            for counter in (*range(8), 255, 256, 65535):
                head = bytes((first, second)) + counter.to_bytes(2)
                if head != target.packet[:4]:
                    accepted += target.accepts(head + block)

    assert accepted == 0


@pytest.mark.parametrize("bit", range(160))
def test_hello_changed_on_the_way(bit: int) -> None:
    """Every bit of HELLO is bound into the keys: the lock executes nothing under another."""
    world = World()
    number, hello = world.open()
    changed = (int.from_bytes(hello) ^ 1 << bit).to_bytes(20)
    try:
        session = ClientSession(world.ras.ticket(), changed, world.now)
    except HelloError:
        return
    world.lock.write(number, session.auth())
    world.lock.write(number, session.operate(Operation.UNLOCK, 0, now=world.now, rnd=b"abcd"))

    kinds = [parse_header(packet).kind for packet in world.inbox[number]]
    assert (kinds, world.bolt) == ([Kind.AUTH, Kind.ERR], Bolt.LOCKED)
    with pytest.raises(IgrsError):
        session.receive(world.inbox[number].popleft(), world.now)


@pytest.mark.parametrize("index", [0, 1])
@pytest.mark.parametrize("bit", range(0, 160, 3))
def test_public_key_changed_on_the_way(index: int, bit: int) -> None:
    """A changed public key is refused, or unmasked by the key check value."""
    world = World(registered=False)
    world.lock.press_button(1)
    number, hello = world.open()
    key = keys.admin_key_unowned(K_F, DEVICE, hello)
    now = int(world.now)
    value = admin.set_time(Hello.from_bytes(hello))
    world.ask(number, key, 0, command=Command.TIME, value=value, time=now)
    private = bytes(range(32))
    public = keys.public_key(private)
    packets = list(prov_packets(public))
    packets[index] = (int.from_bytes(packets[index]) ^ 1 << bit).to_bytes(20)
    for packet in packets:
        world.lock.write(number, packet)
    lock_public = b"".join(p[4:] for p in world.inbox[number] if parse_header(p).kind is Kind.PROV)
    world.inbox[number].clear()
    if not lock_public:
        return
    value = admin.prepare(N_R, 1, x25519=True)
    answer = world.ask(number, key, 0, command=Command.PREPARE, value=value, time=now + 1)
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
    assert answer.kcv != keys.check_value(k_d)
