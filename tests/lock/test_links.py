"""Links of the lock: HELLO, timers, room and errors (protocol 6, 12 and 13)."""

import pytest

from igrs_codec.bsld import admin
from igrs_codec.bsld.admin import Parameter
from igrs_codec.bsld.frame import Command, Event, Status
from igrs_codec.bsld.lock_link import NEXT_STATE, LinkEvent, LinkState
from igrs_codec.bsld.lock_state import Ownership, Pending
from igrs_codec.bsld.packet import Hello
from tests.lock.bench import K_D, TODAY, Bench, Client, is_error, owned, writes

NOISE = bytes(20)


class TestHello:
    """The first packet on a link."""

    def test_fields(self) -> None:
        """Link, generation, flags and the lock's time."""
        hello = Bench().client().hello

        assert hello == Hello(link=1, gen=1, flags=0, nonce=hello.nonce, time=TODAY, clock_set=True)

    @pytest.mark.parametrize(
        ("ownership", "press", "head"),
        [
            (Ownership(), False, "73010000"),
            (Ownership(), True, "73010001"),
            (owned(), False, "73010100"),
            (owned(pending=Pending(2, K_D)), False, "73010104"),
            (Ownership(pending=Pending(1, K_D)), True, "73010005"),
        ],
    )
    def test_head(self, ownership: Ownership, press: bool, head: str) -> None:  # noqa: FBT001
        """The flags show the pairing window and a pending generation, nothing more."""
        bench = Bench(ownership, clock_set=False)
        if press:
            bench.lock.press_button(0)
        bench.sleep(7)

        client = bench.client()

        packet = bench.lock.read_info(client.link)
        assert packet.hex().startswith(head)
        assert packet[16:] == (7).to_bytes(4)

    def test_only_on_a_change(self) -> None:
        """Enabling twice does nothing; disabling and enabling makes a new one."""
        bench = Bench()
        client = bench.client()
        first = client.hello

        bench.lock.subscribe(client.link, True)

        assert client.take() == []
        assert client.hello == first
        assert client.renew().nonce != first.nonce

    def test_info_belongs_to_the_link(self) -> None:
        """Each link reads its own HELLO, and nothing while notifications are off."""
        bench = Bench()
        first, second = bench.client(), bench.client(subscribe=False)

        assert bench.lock.read_info(first.link) == bytes(first.hello)
        assert bench.lock.read_info(second.link) == b""
        bench.lock.subscribe(first.link, False)
        assert bench.lock.read_info(first.link) == b""

    def test_disabling_ends_the_session(self) -> None:
        """Nothing is sent until notifications are enabled again."""
        bench = Bench()
        client = bench.session()
        client.status()
        bench.lock.subscribe(client.link, False)

        bench.lock.tamper()

        assert client.take() == []

    def test_nonces_never_repeat_even_if_the_generator_fails(self) -> None:
        """Boot number, running number and key are in the nonce, too."""
        bench = Bench()
        bench.lock._rng = bytes
        nonces = set()
        for _ in range(10):
            bench.lock.power_cycle()
            client = bench.client()
            nonces |= {client.hello.nonce} | {client.renew().nonce for _ in range(9)}

        assert len(nonces) == 100


class TestTimers:
    """A link that stays too long is closed; timers tick in seconds."""

    @staticmethod
    def life(bench: Bench, client: Client, seconds: int = 700) -> int:
        """Return after how many seconds the link was closed."""
        for second in range(1, seconds):
            bench.wait(1)
            if not client.open:
                return second
        return seconds

    def test_without_notifications(self) -> None:
        """15 s since connecting."""
        bench = Bench()

        assert self.life(bench, bench.client(subscribe=False)) == 16

    def test_without_notifications_again(self) -> None:
        """15 s since disabling."""
        bench = Bench()
        client = bench.session()
        client.status()
        bench.wait(30)
        bench.lock.subscribe(client.link, False)
        bench.wait(1)
        bench.lock.subscribe(client.link, False)

        assert self.life(bench, client) == 15

    def test_unproven(self) -> None:
        """10 s since the first HELLO; tickets and new HELLOs do not count."""
        bench = Bench()
        client = bench.session()
        bench.wait(5)
        client.renew()
        client.auth()

        assert self.life(bench, client) == 6

    def test_idle(self) -> None:
        """60 s since the last accepted frame."""
        bench = Bench()
        client = bench.session()
        bench.wait(9)
        client.status()
        bench.wait(50)
        client.write(NOISE)

        assert self.life(bench, client) == 11

    def test_administration_keeps_a_link(self) -> None:
        """An accepted ADMIN frame proves as much as a SESS frame."""
        bench = Bench()
        client = bench.client()
        client.admin(Command.EPOCH, admin.raise_epoch(1))

        assert self.life(bench, client) == 61

    def test_total(self) -> None:
        """600 s in all."""
        bench = Bench()
        client = bench.session()
        seconds = 0
        while client.open and seconds < 700:
            client.status()
            bench.wait(10)
            seconds += 10

        assert seconds == 610

    def test_next_deadline(self) -> None:
        """A lock that is ticked only when it asks for it closes links in time."""
        bench = Bench()
        client = bench.client(subscribe=False)
        while client.open:
            bench.clock.now = bench.lock.next_deadline()
            bench.lock.tick()

        assert bench.clock.now == bench.start + 16


class TestRoom:
    """Two connections, one of which is to be kept spare."""

    def test_lowest_free_number(self) -> None:
        """Numbers are unique among the open links."""
        bench = Bench()
        first, second = bench.client(), bench.client()
        assert (first.link, second.link) == (1, 2)
        first.disconnect()

        assert bench.client().link == 1

    def test_number_is_taken_until_the_link_is_down(self) -> None:
        """A link that the lock has closed keeps its number until the radio says so."""
        bench = Bench()
        bench.lock.on_close = bench.closed.append
        bench.client(subscribe=False)
        bench.wait(16)
        assert bench.closed == [1]

        assert bench.client().link == 2
        bench.lock.disconnect(1)
        assert bench.client().link == 1

    def test_full(self) -> None:
        """Young links are not pushed out: the newcomer is cut."""
        bench = Bench()
        bench.client()
        bench.client()

        assert bench.lock.connect() is None

    def test_old_unproven_link_gives_way(self) -> None:
        """With the second connection the first unproven one older than 3 s goes."""
        bench = Bench()
        old = bench.client()
        bench.wait(4)

        new = bench.client()

        assert not old.open
        assert new.open

    def test_three_seconds_are_not_yet_old(self) -> None:
        """Each second it is looked at again; one link goes at a time."""
        bench = Bench()
        old, new = bench.client(), bench.client()
        bench.wait(3)
        assert old.open

        bench.wait(1)

        assert (old.open, new.open) == (False, True)

    def test_proven_link_stays(self) -> None:
        """A link with an accepted frame is nobody's spare."""
        bench = Bench()
        proven = bench.session()
        proven.status()
        bench.wait(4)
        stranger = bench.client()
        bench.wait(4)

        assert proven.open
        assert not stranger.open

    def test_next_deadline_knows_the_spare(self) -> None:
        """The lock asks for the tick that makes room."""
        bench = Bench()
        bench.client()
        bench.client()

        assert bench.lock.next_deadline() == bench.start + 4


class TestErrors:
    """Five errors close a link."""

    def test_fifth_error(self) -> None:
        """The last ERR is still sent, then the link is closed and a record made."""
        bench = Bench()
        client = bench.client()
        for _ in range(4):
            assert is_error(client.write(NOISE))
        assert client.open

        assert is_error(client.write(NOISE))

        assert not client.open
        assert bench.events == [("BAD_PACKETS", "HAND")]
        assert client.write(NOISE) == []

    def test_silent_without_notifications(self) -> None:
        """A link without notifications gets no answer, and no more tries."""
        bench = Bench()
        client = bench.client(subscribe=False)
        for _ in range(5):
            assert client.write(NOISE) == []

        assert not client.open

    def test_one_record_an_hour(self) -> None:
        """A burst is recorded at most once per hour."""
        bench = Bench()
        for hour in range(3):
            for _ in range(4):
                client = bench.client()
                for _ in range(5):
                    client.write(NOISE)
            assert bench.events.count(("BAD_PACKETS", "HAND")) == hour + 1
            bench.sleep(3600)


def test_unknown_links() -> None:
    """What comes late for a link that is gone does nothing."""
    bench = Bench()

    bench.lock.write(9, NOISE)
    bench.lock.subscribe(9, True)
    bench.lock.disconnect(9)

    assert bench.lock.read_info(9) == b""
    assert bench.sent == {}


def test_power_loss_ends_all_links() -> None:
    """After a power loss no link is left; late reports of old ones do no harm."""
    bench = Bench()
    closed: list[int] = []
    bench.lock.on_close = closed.append
    bench.session()
    bench.session()

    bench.lock.power_cycle()
    client = bench.client()
    bench.lock.disconnect(1)
    bench.lock.disconnect(2)

    assert closed == [1, 2]
    assert client.link == 1
    assert client.auth(time=TODAY).status is Status.CLOCK_UNSET


def test_hook_may_act_on_the_lock() -> None:
    """A client that writes from within its notification gets its answers in order."""
    bench = Bench()
    client = bench.client()
    packets = []

    def answer(link: int, packet: bytes) -> None:
        packets.append(packet[0])
        if len(packets) < 3:
            bench.lock.write(link, NOISE)

    bench.lock.on_notify = answer
    bench.lock.write(client.link, NOISE)

    assert packets == [0x60] * 3


def test_every_transition_is_in_the_table() -> None:
    """Each event is defined where it can happen; a session opens only from READY."""
    opened = {pair for pair in NEXT_STATE if pair[1] is LinkEvent.OPENED}

    assert opened == {(LinkState.READY, LinkEvent.OPENED)}
    assert {state for state, _ in NEXT_STATE} == set(LinkState)


def test_hostile_packets() -> None:
    """24,000 hostile packets on 4,000 links: no ownership write, one record."""
    bench = Bench()
    victim = bench.session()
    recorded = [
        victim.ticket().packet,
        victim.sealed(victim.frame(Command.OPERATE, 1), 1),
        victim.admin_packet(Command.CONFIG, admin.config(Parameter.FLAGS, 2, epoch=1)),
    ]
    victim.operate(1)
    victim.write(recorded[2])
    victim.disconnect()
    own, counter = bench.own, bench.counter
    written = writes(bench)
    rng = bench._random
    kinds = bytes((0x41, 0x42, 0x44, 0x45))

    for link in range(4000):
        client = bench.client()
        for number in range(6):
            hostile = bytearray(recorded[number % 3] if link % 2 else rng.randbytes(20))
            hostile[0] = rng.choice(kinds)
            hostile[rng.randrange(1, 20)] ^= 1 << rng.randrange(8)
            client.write(bytes(hostile))
        client.disconnect()
        bench.clock.now += 0.5
        bench.lock.tick()

    assert bench.own == own
    assert bench.counter == counter + 1
    assert bench.records[-1].event is Event.BAD_PACKETS
    print("24000 hostile packets:", written(), "flash writes (1 record, 1 time)")  # noqa: T201
    assert written() == 2
