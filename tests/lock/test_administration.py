"""Administration at the lock: acceptance, arguments and effects (protocol 9 and 13)."""

from typing import Any
from unittest.mock import patch

import pytest

from igrs_codec.bsld import admin
from igrs_codec.bsld.admin import (
    CodeOperation,
    CodesAnswer,
    Config,
    ConfigAnswer,
    Epoch,
    EpochAnswer,
    Parameter,
    Prepare,
    PrepareAnswer,
    RemoveAnswer,
    TimeAnswer,
    UserAnswer,
    WriteUser,
)
from igrs_codec.bsld.codes import CodeFormat, CodeId
from igrs_codec.bsld.frame import ALL_RIGHTS, Command, Event, FrameType, Operation, Right, Status
from igrs_codec.bsld.keys import check_value, code_key, public_key, rekeyed
from igrs_codec.bsld.lock_state import Ownership, Pending, User
from igrs_codec.bsld.packet import Hello, prov_packets
from reference_devices.flash import Flash
from tests.lock.bench import (
    ANY_DAY,
    DAY,
    DEVICE,
    K_D,
    K_F,
    OTHER_UID,
    TODAY,
    UID,
    Bench,
    Client,
    is_error,
    owned,
    writes,
)

N_R = bytes(range(1, 9))
K_NEW = rekeyed(K_D, DEVICE, 2, N_R)
PENDING = Pending(2, K_NEW)
SAME_EPOCH = admin.raise_epoch(1)


def hellos(client: Client) -> list[Hello]:
    """Return the HELLOs that followed the last answer."""
    return [Hello.from_bytes(packet) for packet in client.followed_by]


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


class TestUsers:
    """Command 01 (Tables 3 and 4)."""

    def test_write(self) -> None:
        """A new user is in its row, and in the log."""
        bench = Bench(battery=66)

        answer = bench.client().admin(
            Command.WRITE_USER, admin.write_user(7, 63, Right.LOCK, epoch=1, not_before=100)
        )

        assert answer == UserAnswer(Status.OK, 7, 63, 3, 1, 66)
        assert bench.own.users[63] == User(7, Right.LOCK, 100)
        assert (bench.records[-1].event, bench.records[-1].uid) == (Event.USER_WRITTEN, 7)

    @pytest.mark.parametrize(
        ("uid", "row", "rows"),
        [
            pytest.param(UID, 0, {0: UID, 1: OTHER_UID}, id="same row"),
            pytest.param(UID, 5, {5: UID, 1: OTHER_UID}, id="moved"),
            pytest.param(UID, 1, {1: UID}, id="moved onto another"),
            pytest.param(9, 0, {0: 9, 1: OTHER_UID}, id="in place of another"),
        ],
    )
    def test_rows(self, uid: int, row: int, rows: dict[int, int]) -> None:
        """A user has one row, a row one user."""
        bench = Bench()

        answer = bench.client().admin(
            Command.WRITE_USER, admin.write_user(uid, row, ALL_RIGHTS, epoch=1)
        )

        assert {row: user.uid for row, user in bench.own.users.items()} == rows
        assert answer == UserAnswer(Status.OK, uid, row, len(rows), 1, 100)

    def test_delete(self) -> None:
        """Deleting looks for the user, whatever the row; the answer tells the row."""
        bench = Bench()

        answer = bench.client().admin(Command.WRITE_USER, admin.delete_user(OTHER_UID, epoch=1))

        assert answer == UserAnswer(Status.OK, OTHER_UID, 1, 1, 1, 100)
        assert list(bench.own.users) == [0]
        assert bench.records[-1].event is Event.USER_DELETED

    @pytest.mark.parametrize(
        ("request_", "status"),
        [
            (WriteUser(0, 1, ALL_RIGHTS, ANY_DAY, 2), Status.WRONG_EPOCH),
            (WriteUser(0, 1, ALL_RIGHTS, ANY_DAY, 1), Status.BAD_ARGUMENT),
            (WriteUser(9, 0x41, ALL_RIGHTS, ANY_DAY, 1), Status.BAD_ARGUMENT),
            (WriteUser(9, 0x81, Right(0), ANY_DAY, 1), Status.NO_USER),
        ],
    )
    def test_bad_arguments(self, request_: WriteUser, status: Status) -> None:
        """A refusal shows what was asked for, and the present numbers."""
        bench = Bench()

        answer = bench.client().admin(Command.WRITE_USER, bytes(request_))

        assert answer == UserAnswer(status, request_.uid, 1, 2, 1, 100)
        assert bench.own.users == owned().users

    def test_touched_sessions_end(self) -> None:
        """The session of a written user ends: own link a new HELLO, other link closed."""
        bench = Bench()
        own, other = bench.session(), bench.session()
        before = own.hello

        own.admin(Command.WRITE_USER, admin.write_user(UID, 0, Right.LOCK, epoch=1))

        assert [hello.nonce != before.nonce for hello in hellos(own)] == [True]
        assert is_error(own.write(own.sealed(own.frame(Command.STATUS), 1)))
        assert not other.open

    def test_displaced_user_is_touched(self) -> None:
        """Who loses the row to somebody else loses the session, too."""
        bench = Bench()
        victim, bystander = bench.session(), bench.session(uid=OTHER_UID)
        bystander.status()

        bystander.admin(Command.WRITE_USER, admin.write_user(9, 0, Right.LOCK, epoch=1))

        assert not victim.open
        assert bystander.followed_by == []

    def test_session_with_the_log_hears_of_it(self) -> None:
        """A record that a frame makes is told after its answer."""
        bench = Bench()
        client = bench.session()
        client.status()

        client.admin(Command.WRITE_USER, admin.write_user(9, 9, Right.LOCK, epoch=1))

        (frame,) = client.read(client.followed_by)
        assert frame.command == Command.EVENT


class TestTime:
    """Command 10."""

    def test_set(self) -> None:
        """The clock is set, other links are closed, a new HELLO follows; T_adm stays."""
        bench = Bench(clock_set=False)
        client, other = bench.client(), bench.client()
        bench.wait(2)

        answer = client.set_time(TODAY)

        assert answer == TimeAnswer(Status.OK, 1, 2)
        assert [(hello.clock_set, hello.time) for hello in hellos(client)] == [(True, TODAY)]
        assert not other.open
        assert bench.own == owned()
        assert (bench.records[-1].event, bench.records[-1].detail) == (Event.CLOCK_SET, 0)

    @pytest.mark.parametrize(("offset", "records"), [(4, 0), (-4, 0), (5, 1), (-5, 1)])
    def test_small_correction_is_no_event(self, offset: int, records: int) -> None:
        """Below 5 s nobody wants to know."""
        bench = Bench()
        before = bench.counter

        assert bench.client().set_time(TODAY + offset)

        assert bench.counter - before == records

    def test_bound_to_the_hello(self) -> None:
        """Another nonce is ERR; so is the same frame under the next HELLO."""
        client = Bench().client()
        packet = client.admin_packet(Command.TIME, admin.set_time(client.hello))
        client.renew()

        assert is_error(client.write(packet))

    @pytest.mark.parametrize(("seconds", "accepted"), [(30, True), (31, False)])
    def test_life_of_a_time_frame(self, seconds: int, accepted: bool) -> None:  # noqa: FBT001
        """30 s after the HELLO it is too late."""
        bench = Bench()
        client = bench.client()
        client.admin(Command.EPOCH, SAME_EPOCH)  # keeps the link open
        bench.wait(seconds)

        assert (client.set_time(TODAY) is not None) is accepted

    @pytest.mark.parametrize(
        ("time", "t_adm", "back"),
        [
            (TODAY - 120, 0, False),
            (TODAY - 121, 0, True),
            (TODAY - 120, TODAY + 120, False),
            (TODAY - 120, TODAY + 121, True),
        ],
    )
    def test_back(self, time: int, t_adm: int, back: bool) -> None:  # noqa: FBT001
        """More than 120 s below the lock time, or 240 s below T_adm, kills all tickets."""
        bench = Bench(owned(t_adm=t_adm, pending=PENDING))

        answer = bench.client().set_time(time)

        assert answer == TimeAnswer(Status.OK, 1 + back, TODAY)
        assert bench.own.epoch == 1 + back
        assert bench.own.t_adm == (time if back else t_adm)
        assert (bench.own.pending is None) is back
        assert bench.records[-1].detail == back
        assert bench.now == time

    def test_back_from_the_lower_bound(self) -> None:
        """While the clock is unset the lower bound counts."""
        bench = Bench()
        bench.lock.tamper()
        bench.lock.power_cycle()

        answer = bench.client().set_time(TODAY - 200)

        assert answer == TimeAnswer(Status.OK, 2, 0)

    def test_last_epoch(self) -> None:
        """With epoch 255 the clock cannot go back: 09, and nothing changes."""
        bench = Bench(owned(epoch=255, t_adm=5))
        client = bench.client()

        answer = client.set_time(TODAY - 121)

        assert answer == TimeAnswer(Status.BAD_ARGUMENT, 255, TODAY)
        assert client.followed_by == []
        assert bench.own == owned(epoch=255, t_adm=5)
        assert bench.now == TODAY

    def test_way_out_of_the_last_epoch(self) -> None:
        """A re-key under the wrong time makes an epoch 1 that can go back."""
        bench = Bench(owned(epoch=255))
        client = bench.client()
        client.admin(Command.PREPARE, bytes(Prepare(N_R, x25519=False, gen=2)))
        client.admin(Command.EPOCH, SAME_EPOCH, time=TODAY, gen=2, k_d=K_NEW)

        answer = client.set_time(TODAY - DAY)

        assert answer == TimeAnswer(Status.OK, 2, TODAY)


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


class TestConfig:
    """Command 13."""

    @pytest.mark.parametrize(
        ("parameter", "value", "status"),
        [
            (1, 0, Status.OK),
            (1, 3600, Status.OK),
            (1, 3601, Status.BAD_ARGUMENT),
            (2, 1, Status.OK),
            (2, 2, Status.BAD_ARGUMENT),
            (3, 99, Status.BAD_ARGUMENT),
            (3, 100, Status.OK),
            (3, 2000, Status.OK),
            (3, 2001, Status.BAD_ARGUMENT),
            (4, 3, Status.OK),
            (4, 4, Status.BAD_ARGUMENT),
            (5, CodeFormat(11, 6, 1).to_value(), Status.OK),
            (5, 0x000A0A01, Status.BAD_ARGUMENT),
            (5, 0x01080A00, Status.BAD_ARGUMENT),
            (6, 0, Status.OK),
            (6, 1, Status.BAD_ARGUMENT),
            (0, 0, Status.BAD_ARGUMENT),
            (7, 0, Status.BAD_ARGUMENT),
        ],
    )
    def test_values(self, parameter: int, value: int, status: Status) -> None:
        """The answer shows the value in force, or what was asked for if there is none."""
        bench = Bench()
        before = dict(owned().config)

        answer = bench.client().admin(Command.CONFIG, bytes(Config(parameter, value, 1)))

        config = {int(known): number for known, number in bench.own.config.items()}
        assert answer == ConfigAnswer(status, parameter, config.get(parameter, value))
        changed = status is Status.OK and parameter != Parameter.CLEAR_ALARM
        assert config == before | ({parameter: value} if changed else {})

    def test_wrong_epoch(self) -> None:
        """05 comes before 09 and shows the value in force."""
        answer = Bench().client().admin(Command.CONFIG, bytes(Config(3, 5, 9)))

        assert answer == ConfigAnswer(Status.WRONG_EPOCH, 3, 500)

    def test_clear_alarm(self) -> None:
        """The alarm ends with a record; without one nothing is recorded."""
        bench = Bench()
        bench.lock.tamper()
        assert bench.role.state.alarm
        client = bench.client()
        clear = admin.config(Parameter.CLEAR_ALARM, 0, epoch=1)

        client.admin(Command.CONFIG, clear)
        client.admin(Command.CONFIG, clear, time=TODAY + 1)

        assert not bench.role.state.alarm
        assert bench.events == [("TAMPER", "HAND"), ("ALARM_CLEARED", "RAS")]

    def test_advert_interval(self) -> None:
        """The radio hears of a new advertising interval."""
        bench = Bench()
        bench.adverts.clear()

        bench.client().admin(Command.CONFIG, admin.config(Parameter.ADVERT_INTERVAL, 250, epoch=1))

        assert bench.lock.advert_interval == 250
        assert bench.adverts


class TestCodes:
    """Command 14."""

    @staticmethod
    def send(client: Client, operation: int, *fields: int, **keys: Any) -> Any:
        """Send a command 14 with class, index, start and perhaps epoch."""
        code_class, index, start, *epoch = fields
        value = bytes(admin.Codes(operation, code_class, index, start, *(epoch or [1])))
        return client.admin(Command.CODES, value, **keys)

    @pytest.mark.parametrize(
        ("operation", "fields", "status"),
        [
            (0, (5, 0, 0), Status.BAD_ARGUMENT),
            (0, (1, 2, 0), Status.BAD_ARGUMENT),
            (0, (0, 1, 5), Status.BAD_ARGUMENT),
            (1, (0, 0, 0), Status.BAD_ARGUMENT),
            (2, (0, 0, 0), Status.BAD_ARGUMENT),
            (5, (0, 0, 0), Status.BAD_ARGUMENT),
            (3, (1, 0, 0), Status.BAD_ARGUMENT),
            (3, (0, 1, 0), Status.BAD_ARGUMENT),
            (3, (0, 0, 1), Status.BAD_ARGUMENT),
            (4, (0, 0, 6), Status.BAD_ARGUMENT),
            (5, (0, 0, 0, 2), Status.WRONG_EPOCH),
        ],
    )
    def test_bad_arguments(self, operation: int, fields: tuple[int, ...], status: Status) -> None:
        """A refusal changes no code."""
        bench = Bench(owned(once_base=7))

        answer = self.send(bench.client(), operation, *fields)

        assert answer == CodesAnswer(status, operation, 0, 7)
        assert bench.own == owned(once_base=7, t_adm=TODAY)

    def test_cancel(self) -> None:
        """A cancelled code is stored once; ended ones give way."""
        ended = (CodeId(1, 0, TODAY - 3600), CodeId(0, 0, 6))
        bench = Bench(owned(once_base=7, cancelled=ended))
        client = bench.client()

        first = self.send(client, 0, 2, 1, TODAY - 86399)
        again = self.send(client, 0, 2, 1, TODAY - 86399, time=TODAY + 1)

        assert first == again == CodesAnswer(Status.OK, 0, 1, 7)
        assert bench.own.cancelled == (CodeId(2, 1, TODAY - 86399),)

    def test_full(self) -> None:
        """32 cancelled codes fit; a repeated one is still fine."""
        bench = Bench(owned(cancelled=tuple(CodeId(4, 0, TODAY + n) for n in range(32))))
        client = bench.client()

        assert self.send(client, 0, 4, 1, TODAY) == CodesAnswer(Status.FULL, 0, 32, 1)
        repeated = self.send(client, 0, 4, 0, TODAY, time=TODAY + 1)
        assert repeated == CodesAnswer(Status.OK, 0, 32, 1)

    def test_new_key(self) -> None:
        """Operation 3: a key of the frame's time, numbers from 1, nothing cancelled."""
        bench = Bench(owned(once_base=7, once_used=2, cancelled=(CodeId(4, 0, TODAY),)))

        answer = self.send(bench.client(), CodeOperation.NEW_KEY, 0, 0, 0)

        assert answer == CodesAnswer(Status.OK, 3, 0, 1)
        assert bench.own == owned(k_code=code_key(K_D, DEVICE, 1, TODAY), t_adm=TODAY)

    @pytest.mark.parametrize(
        ("used", "start", "base", "left"),
        [(0, 7, 7, 0), (0b1010, 7, 7, 0b1010), (0b1010, 8, 9, 0b10), (0b1010, 99, 99, 0)],
    )
    def test_move_base(self, used: int, start: int, base: int, left: int) -> None:
        """Operation 4: the base never goes back, and moves over used numbers."""
        bench = Bench(owned(once_base=7, once_used=used))

        answer = self.send(bench.client(), CodeOperation.MOVE_BASE, 0, 0, start)

        assert answer == CodesAnswer(Status.OK, 4, 0, base)
        assert (bench.own.once_base, bench.own.once_used) == (base, left)


class TestRekey:
    """Command 11 and the commit of an owned lock."""

    @staticmethod
    def prepare(client: Client, gen: int = 2, *, x25519: bool = False, **keys: Any) -> Any:
        """Send a command 11."""
        return client.admin(Command.PREPARE, bytes(Prepare(N_R, x25519, gen)), **keys)

    def test_prepare(self) -> None:
        """The answer proves the new key; the old one goes on to work."""
        bench = Bench()
        client = bench.session()

        answer = self.prepare(client)

        assert answer == PrepareAnswer(Status.OK, 2, check_value(K_NEW))
        assert bench.own == owned(pending=PENDING, t_adm=TODAY)
        assert client.status().status is Status.OK
        assert bench.client().hello.pending

    @pytest.mark.parametrize(("gen", "x25519"), [(1, False), (3, False), (0, False), (2, True)])
    def test_bad_arguments(self, gen: int, x25519: bool) -> None:  # noqa: FBT001
        """Another generation than the next, or X25519 without an exchange: 09, kcv 0."""
        bench = Bench()

        answer = self.prepare(bench.client(), gen, x25519=x25519)

        assert answer == PrepareAnswer(Status.BAD_ARGUMENT, gen, bytes(4))
        assert bench.own == owned(t_adm=TODAY)

    def test_generation_15_is_followed_by_1(self) -> None:
        """Generation 0 is for unowned locks only."""
        bench = Bench(owned(gen=15))

        assert self.prepare(bench.client(), 1).status is Status.OK

    def test_prepare_again_replaces(self) -> None:
        """The last prepared generation counts."""
        bench = Bench()
        client = bench.client()
        self.prepare(client)

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

        answer = TestRekey.prepare(client, x25519=True)

        assert answer.status is Status.BAD_ARGUMENT


class TestUnowned:
    """Generation 0: an unowned lock and its pairing window."""

    @staticmethod
    def bench(**options: Any) -> Bench:
        """Return an unowned lock with its window open."""
        bench = Bench(Ownership(), clock_set=False, **options)
        bench.lock.press_button(0.1)
        return bench

    def test_window_closed(self) -> None:
        """Without the button nothing is accepted."""
        assert Bench(Ownership(), clock_set=False).client().set_time(TODAY) is None

    def test_window_lasts_five_minutes(self) -> None:
        """Then the button has to be pressed again."""
        bench = self.bench()
        bench.sleep(299)
        assert bench.client().set_time(TODAY)
        bench.sleep(1)
        client = bench.client()

        assert not client.hello.pairing_window
        assert client.set_time(TODAY) is None

    @pytest.mark.parametrize(
        ("command", "value"),
        [
            (Command.WRITE_USER, admin.write_user(1, 1, Right.LOCK, epoch=1)),
            (Command.EPOCH, SAME_EPOCH),
            (Command.REMOVE, admin.remove(DEVICE)),
        ],
    )
    def test_only_time_and_prepare(self, command: Command, value: bytes) -> None:
        """Nothing else means anything to an unowned lock."""
        assert self.bench().client().admin(command, value, time=TODAY) is None

    def test_time_sets_the_clock_and_keeps_the_hello(self) -> None:
        """In generation 0 the flight goes on under the same HELLO."""
        bench = self.bench()
        client = bench.client()

        answer = client.set_time(TODAY)

        assert answer == TimeAnswer(Status.OK, 1, 0)
        assert client.followed_by == []
        assert bench.own == Ownership()

    def test_each_frame_newer_than_the_one_before(self) -> None:
        """Under one HELLO the times rise."""
        client = self.bench().client()
        assert client.set_time(TODAY)

        assert client.set_time(TODAY) is None
        assert client.set_time(TODAY + 1)

    def test_thirty_seconds(self) -> None:
        """All of it happens within 30 s after the HELLO."""
        bench = self.bench()
        client = bench.client()
        client.set_time(TODAY)
        bench.wait(31)

        answer = client.admin(
            Command.PREPARE, bytes(Prepare(N_R, x25519=False, gen=1)), time=TODAY + 40
        )

        assert answer is None

    @pytest.mark.parametrize("x25519", [False, True])
    def test_prepare_needs_an_exchange(self, x25519: bool) -> None:  # noqa: FBT001
        """Symmetric, or without a finished exchange: 09."""
        bench = self.bench()

        answer = TestRekey.prepare(bench.client(), 1, x25519=x25519, time=TODAY)

        assert answer == PrepareAnswer(Status.BAD_ARGUMENT, 1, bytes(4))
        assert bench.own.pending is None

    def test_wrong_label(self) -> None:
        """Another K_F is noise."""
        client = self.bench().client()

        assert client.set_time(TODAY, k_d=bytes(16)) is None
        assert client.set_time(TODAY, k_d=K_F)

    def test_first_owner_finds_a_clean_lock(self) -> None:
        """The commit out of generation 0 wipes users, configuration and codes."""
        pending = Pending(1, K_D)
        dirty = owned(gen=0, k_d=b"", k_code=b"", pending=pending, once_base=9, epoch=4)
        bench = Bench(dirty)

        answer = bench.client().admin(
            Command.WRITE_USER, admin.write_user(7, 0, ALL_RIGHTS, epoch=1), gen=1, k_d=K_D
        )

        assert answer == UserAnswer(Status.OK, 7, 0, 1, 1, 100)
        user = User(7, ALL_RIGHTS, ANY_DAY)
        assert bench.own == owned(users={0: user}, t_adm=TODAY)

    def test_commit_needs_no_window(self) -> None:
        """After a power loss command 10 commits generation 1 with the window closed."""
        bench = Bench(Ownership(pending=Pending(1, K_D)), clock_set=False)

        assert bench.client().set_time(TODAY, gen=1, k_d=K_D)
        assert bench.own.gen == 1


class TestRemoval:
    """Command 15 and the inside button."""

    def test_remove(self) -> None:
        """Everything of the owner is gone; the event counter and the clock go on."""
        bench = Bench()
        client, other = bench.session(), bench.client()
        client.operate(Operation.UNLOCK)
        bench.lock.press_button(0)
        client.take()
        before = bench.counter

        answer = client.admin(Command.REMOVE, admin.remove(DEVICE))

        assert answer == RemoveAnswer(Status.OK)
        assert [hello.gen for hello in hellos(client)] == [0]
        assert not other.open
        assert bench.own == Ownership(first_record=before + 1)
        assert bench.records == []
        assert bench.counter == before
        assert bench.now == TODAY
        assert bench.lock.service_data()[0] == 0x10

    def test_counter_goes_on_after_the_next_boot(self) -> None:
        """The number of the last record of the former owner is not lost with the log."""
        bench = Bench()
        bench.lock.tamper()
        before = bench.counter
        bench.client().admin(Command.REMOVE, admin.remove(DEVICE))

        bench.lock.power_cycle()

        assert bench.counter == before + 1
        assert [record.event for record in bench.records] == [Event.BOOT]

    def test_reset_by_button(self) -> None:
        """Ten seconds on the inside button: nobody's, all links closed."""
        bench = Bench()
        client = bench.session()

        bench.lock.press_button(10)

        assert not client.open
        assert bench.own.gen == 0
        assert not bench.lock.show()["window_open"]

    @pytest.mark.parametrize("by_button", [False, True])
    def test_window_closes(self, by_button: bool) -> None:  # noqa: FBT001
        """A window that is still open from the registration does not serve a new owner."""
        bench = Bench(Ownership(pending=Pending(1, K_D)))
        bench.lock.press_button(0)
        client = bench.client()
        client.admin(Command.EPOCH, SAME_EPOCH, gen=1, k_d=K_D)
        assert bench.lock.show()["window_open"]

        if by_button:
            bench.lock.press_button(10)
        else:
            client.admin(Command.REMOVE, admin.remove(DEVICE), time=TODAY + 1)

        assert bench.own.gen == 0
        assert not bench.lock.show()["window_open"]

    def test_short_press_resets_nothing(self) -> None:
        """A short press is a way out of the door."""
        bench = Bench()

        bench.lock.press_button(9.9)

        assert bench.own == owned()
        assert bench.events == [("UNLOCK", "INSIDE_BUTTON")]


def test_bad_frames_write_nothing() -> None:
    """Neither HELLO nor tickets nor noise touch the flash."""
    bench = Bench()
    written = writes(bench)
    client = bench.session()
    client.status()
    client.admin(Command.REMOVE, bytes(9))
    client.write(b"")

    assert written() == 0
