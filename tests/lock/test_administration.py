"""Administration at the lock: which frames are accepted, and the epoch (protocol 9 and 13)."""

import pytest

from igrs_codec.bsld import admin
from igrs_codec.bsld.admin import (
    Config,
    Epoch,
    EpochAnswer,
    Parameter,
)
from igrs_codec.bsld.frame import Command, FrameType, Status
from tests.lock.bench import (
    DAY,
    DEVICE,
    N_R,
    PENDING,
    SAME_EPOCH,
    TODAY,
    Bench,
    hellos,
    is_error,
    owned,
    writes,
)


class TestAccept:
    """Which frames are accepted at all."""

    @pytest.mark.parametrize("gen", [0, 2, 15])
    def test_other_generation(self, gen: int) -> None:
        """Only the present and the pending generation are looked at."""
        client = Bench().client()
        packet = bytearray(client.admin_packet(Command.EPOCH, SAME_EPOCH))
        packet[1] = gen

        assert is_error(client.write(bytes(packet)))

    @pytest.mark.parametrize("command", [0x00, 0x02, 0x03, 0x0F, 0x16, 0x20, 0x2F])
    def test_other_command(self, command: int) -> None:
        """Only 01 and 10 to 15 are administration."""
        client = Bench().client()

        assert is_error(client.write(client.admin_packet(command, bytes(9))))

    @pytest.mark.parametrize("type_", [FrameType.RESPONSE, FrameType.INDICATION])
    def test_reflected(self, type_: FrameType) -> None:
        """An answer is not a request."""
        client = Bench().client()

        packets = client.write(client.admin_packet(Command.EPOCH, SAME_EPOCH, type_=type_))

        assert is_error(packets)

    @pytest.mark.parametrize(
        ("offset", "accepted"),
        [(121, False), (120, True), (0, True), (-31 * DAY, True), (-31 * DAY - 1, False)],
    )
    def test_age(self, offset: int, accepted: bool) -> None:  # noqa: FBT001
        """Frames may wait 31 days and be 120 s ahead."""
        answer = Bench().client().admin(Command.EPOCH, SAME_EPOCH, time=TODAY + offset)

        assert (answer is not None) is accepted

    def test_newer_kills_older(self) -> None:
        """A frame is accepted once, and none that is not newer."""
        client = Bench().client()
        assert client.admin(Command.EPOCH, SAME_EPOCH, time=TODAY)

        assert client.admin(Command.EPOCH, SAME_EPOCH, time=TODAY) is None
        assert client.admin(Command.EPOCH, SAME_EPOCH, time=TODAY - 1) is None
        assert client.admin(Command.EPOCH, SAME_EPOCH, time=TODAY + 1)

    @pytest.mark.parametrize(
        ("command", "value"),
        [
            (Command.EPOCH, admin.raise_epoch(0)),
            (Command.CONFIG, admin.config(Parameter.AUTO_RELOCK, 9, epoch=2)),
            (Command.WRITE_USER, admin.delete_user(77, epoch=1)),
        ],
    )
    def test_every_accepted_frame_moves_t_adm(self, command: Command, value: bytes) -> None:
        """Whatever its status, and in one write."""
        bench = Bench()
        client = bench.client()

        answer = client.admin(command, value)

        assert answer is not None
        assert answer.status is not Status.OK
        assert bench.own == owned(t_adm=TODAY)

    def test_clock_unset(self) -> None:
        """Without a clock only command 10 is accepted."""
        client = Bench(clock_set=False).client()

        assert client.admin(Command.EPOCH, SAME_EPOCH, time=TODAY) is None
        assert client.set_time(TODAY)

    @pytest.mark.parametrize(
        ("command", "value"),
        [
            (Command.PREPARE, N_R + b"\x12"),
            (Command.EPOCH, b"\x01" + bytes(7) + b"\x01"),
            (Command.CONFIG, bytes(Config(1, 9, 1))[:8] + b"\x01"),
            (Command.CODES, bytes(8) + b"\x01"),
            (Command.REMOVE, DEVICE[:5] + b"\xf7RMV"),
            (Command.REMOVE, DEVICE + b"RMW"),
        ],
    )
    def test_fixed_bytes(self, command: Command, value: bytes) -> None:
        """A wrong fixed byte is noise: ERR, and nothing changes."""
        bench = Bench()

        assert bench.client().admin(command, value) is None
        assert bench.own == owned()

    def test_other_link_stays(self) -> None:
        """An ordinary frame disturbs nobody's session and makes no new HELLO."""
        bench = Bench()
        own, other = bench.session(), bench.session()

        assert own.admin(Command.CONFIG, admin.config(Parameter.AUTO_RELOCK, 9, epoch=1))

        assert own.followed_by == []
        assert own.status().status is Status.OK
        assert other.status().status is Status.OK


class TestEpoch:
    """Command 12."""

    @pytest.mark.parametrize(
        ("epoch", "status", "now"),
        [(3, Status.OK, 3), (4, Status.OK, 4), (255, Status.OK, 255), (2, Status.BAD_ARGUMENT, 3)],
    )
    def test_raise(self, epoch: int, status: Status, now: int) -> None:
        """Equal is fine, higher is taken over, lower is refused."""
        bench = Bench(owned(epoch=3))

        answer = bench.client().admin(Command.EPOCH, bytes(Epoch(epoch)))

        assert answer == EpochAnswer(status, now)
        assert bench.own.epoch == now

    def test_raise_ends_everything(self) -> None:
        """Tickets die, other links are closed, the pending generation is gone."""
        bench = Bench(owned(pending=PENDING))
        own, other = bench.session(), bench.session()
        minted = own.ticket()

        assert own.admin(Command.EPOCH, admin.raise_epoch(2))

        assert [hello.pending for hello in hellos(own)] == [False]
        assert not other.open
        assert own.auth(minted).status is Status.WRONG_EPOCH
        assert bench.own.pending is None

    def test_equal_changes_nothing(self) -> None:
        """No new HELLO, and the pending generation stays."""
        bench = Bench(owned(pending=PENDING))
        client, other = bench.client(), bench.client()

        assert client.admin(Command.EPOCH, SAME_EPOCH)

        assert client.followed_by == []
        assert other.open
        assert bench.own.pending == PENDING


def test_bad_frames_write_nothing() -> None:
    """Neither HELLO nor tickets nor noise touch the flash."""
    bench = Bench()
    written = writes(bench)
    client = bench.session()
    client.status()
    client.admin(Command.REMOVE, bytes(9))
    client.write(b"")

    assert written() == 0
