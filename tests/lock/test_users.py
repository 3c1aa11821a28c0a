"""The users of a lock and their rows (protocol 9 and 13)."""

import pytest

from igrs_codec.bsld import admin
from igrs_codec.bsld.admin import (
    UserAnswer,
    WriteUser,
)
from igrs_codec.bsld.frame import ALL_RIGHTS, Command, Event, Right, Status
from igrs_codec.bsld.lock_state import User
from tests.lock.bench import (
    ANY_DAY,
    OTHER_UID,
    UID,
    Bench,
    hellos,
    is_error,
    owned,
)


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
