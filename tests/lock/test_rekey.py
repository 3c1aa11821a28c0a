"""The next generation of a key, and the X25519 exchange for it (protocol 10)."""

from unittest.mock import patch

import pytest

from igrs_codec.bsld import admin
from igrs_codec.bsld.admin import (
    Epoch,
    Prepare,
    PrepareAnswer,
    TimeAnswer,
    UserAnswer,
)
from igrs_codec.bsld.codes import CodeId
from igrs_codec.bsld.frame import Command, Right, Status
from igrs_codec.bsld.keys import check_value, public_key, rekeyed
from igrs_codec.bsld.lock_state import Pending, User
from igrs_codec.bsld.packet import prov_packets
from reference_devices.flash import Flash
from tests.lock.bench import (
    ANY_DAY,
    DAY,
    DEVICE,
    K_D,
    K_NEW,
    PENDING,
    SAME_EPOCH,
    TODAY,
    Bench,
    Client,
    hellos,
    is_error,
    owned,
)


class TestRekey:
    """Command 11 and the commit of an owned lock."""

    def test_prepare(self) -> None:
        """The answer proves the new key; the old one goes on to work."""
        bench = Bench()
        client = bench.session()

        answer = client.prepare()

        assert answer == PrepareAnswer(Status.OK, 2, check_value(K_NEW))
        assert bench.own == owned(pending=PENDING, t_adm=TODAY)
        assert client.status().status is Status.OK
        assert bench.client().hello.pending

    @pytest.mark.parametrize(("gen", "x25519"), [(1, False), (3, False), (0, False), (2, True)])
    def test_bad_arguments(self, gen: int, x25519: bool) -> None:  # noqa: FBT001
        """Another generation than the next, or X25519 without an exchange: 09, kcv 0."""
        bench = Bench()

        answer = bench.client().prepare(gen, x25519=x25519)

        assert answer == PrepareAnswer(Status.BAD_ARGUMENT, gen, bytes(4))
        assert bench.own == owned(t_adm=TODAY)

    def test_generation_15_is_followed_by_1(self) -> None:
        """Generation 0 is for unowned locks only."""
        bench = Bench(owned(gen=15))

        assert bench.client().prepare(1).status is Status.OK

    def test_prepare_again_replaces(self) -> None:
        """The last prepared generation counts."""
        bench = Bench()
        client = bench.client()
        client.prepare()

        client.admin(Command.PREPARE, bytes(Prepare(bytes(8), x25519=False, gen=2)), time=TODAY + 1)

        assert bench.own.pending == Pending(2, rekeyed(K_D, DEVICE, 2, bytes(8)))

    def test_commit(self) -> None:
        """The first frame under the pending generation commits, then it is executed."""
        before = owned(
            pending=PENDING,
            epoch=9,
            t_adm=TODAY,
            once_base=5,
            cancelled=(CodeId(4, 0, TODAY),),
            wrong_codes=3,
        )
        bench = Bench(before)
        client, other = bench.client(), bench.client()

        answer = client.admin(
            Command.WRITE_USER,
            admin.write_user(9, 9, Right.LOCK, epoch=1),
            time=TODAY - DAY,
            gen=2,
            k_d=K_NEW,
        )

        assert answer == UserAnswer(Status.OK, 9, 9, 3, 1, 100)
        assert [hello.gen for hello in hellos(client)] == [2]
        assert not other.open
        assert bench.own == owned(
            gen=2,
            k_d=K_NEW,
            t_adm=TODAY - DAY,
            users={**owned().users, 9: User(9, Right.LOCK, ANY_DAY)},
            once_base=5,
            cancelled=(CodeId(4, 0, TODAY),),
            wrong_codes=3,
        )

    def test_commit_is_one_write(self) -> None:
        """Commit and execution are one atomic write of the ownership record."""
        bench = Bench(owned(pending=PENDING))
        client = bench.client()

        with patch.object(Flash, "write_ownership") as write:
            client.admin(Command.EPOCH, admin.raise_epoch(2), gen=2, k_d=K_NEW)

        write.assert_called_once()

    def test_commit_by_time_after_a_power_loss(self) -> None:
        """Without a clock command 10 under the pending generation is the commit."""
        bench = Bench(owned(pending=PENDING, t_adm=TODAY))
        bench.lock.power_cycle()

        answer = bench.client().set_time(TODAY, gen=2, k_d=K_NEW)

        assert answer == TimeAnswer(Status.OK, 1, 0)
        assert bench.own == owned(gen=2, k_d=K_NEW)

    def test_refused_frame_does_not_commit(self) -> None:
        """Noise under the pending generation leaves everything as it was."""
        bench = Bench(owned(pending=PENDING))

        answer = bench.client().admin(Command.REMOVE, DEVICE + b"RMX", gen=2, k_d=K_NEW)

        assert answer is None
        assert bench.own == owned(pending=PENDING)

    def test_old_generation_is_dead(self) -> None:
        """After the commit nothing under the old generation is accepted."""
        bench = Bench(owned(pending=PENDING))
        client = bench.client()
        old = client.ticket()
        client.admin(Command.EPOCH, SAME_EPOCH, gen=2, k_d=K_NEW)

        assert is_error(client.write(old.packet))
        assert client.admin(Command.EPOCH, SAME_EPOCH, time=TODAY + 1, gen=1, k_d=K_D) is None


class TestExchange:
    """PROV: the X25519 exchange."""

    RAS = public_key(bytes(range(32)))

    def exchange(self, client: Client, public: bytes = RAS) -> list[bytes]:
        """Send both halves of a public key and return what comes back."""
        low, high = prov_packets(public)
        return client.write(low) + client.write(high)

    def ready(self, bench: Bench) -> Client:
        """Return a client on whose link an administration frame was accepted."""
        client = bench.client()
        client.admin(Command.EPOCH, bytes(Epoch(bench.own.epoch)), time=bench.own.t_adm + 1)
        return client

    def test_needs_an_administration_frame(self) -> None:
        """AUTH and SESS do not count."""
        client = Bench().session()
        client.status()

        assert is_error(client.write(prov_packets(self.RAS)[0]))

    def test_both_halves(self) -> None:
        """Nothing is sent for the first half, in whatever order they come."""
        bench = Bench(owned(t_adm=TODAY - 9))
        low, high = prov_packets(self.RAS)
        client = self.ready(bench)

        assert client.write(high) == []
        packets = client.write(low)

        assert [packet[:4].hex() for packet in packets] == ["65000000", "65010000"]

    @pytest.mark.parametrize("header", ["45020000", "45000001"])
    def test_bad_header(self, header: str) -> None:
        """Index 0 or 1, then zeros."""
        client = self.ready(Bench(owned(t_adm=TODAY - 9)))

        assert is_error(client.write(bytes.fromhex(header) + bytes(16)))

    def test_one_per_hello_two_per_link(self) -> None:
        """A second exchange needs a new HELLO, a third one a new link."""
        client = self.ready(Bench(owned(t_adm=TODAY - 9)))
        first = self.exchange(client)
        assert is_error(client.write(prov_packets(self.RAS)[0]))
        client.renew()
        second = self.exchange(client)
        client.renew()

        assert first != second
        assert len(first) == len(second) == 2
        assert is_error(client.write(prov_packets(self.RAS)[0]))

    def test_zero_secret(self) -> None:
        """A public key that makes the secret zero is ERR and counts as an exchange."""
        client = self.ready(Bench(owned(t_adm=TODAY - 9)))

        assert is_error(self.exchange(client, bytes(32)))
        assert is_error(self.exchange(client, bytes(32)))
        assert is_error(client.write(prov_packets(self.RAS)[0]))

    def test_exchange_ends_with_its_hello(self) -> None:
        """11 with X25519 needs an exchange under the present HELLO."""
        bench = Bench(owned(t_adm=TODAY - 9))
        client = self.ready(bench)
        self.exchange(client)
        client.renew()

        answer = client.prepare(x25519=True)

        assert answer.status is Status.BAD_ARGUMENT
