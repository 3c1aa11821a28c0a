"""A lock that is nobody's, and its first owner (protocol 10)."""

from typing import Any

import pytest

from igrs_codec.bsld import admin
from igrs_codec.bsld.admin import (
    PrepareAnswer,
    TimeAnswer,
    UserAnswer,
)
from igrs_codec.bsld.frame import ALL_RIGHTS, Command, Right, Status
from igrs_codec.bsld.lock_state import Ownership, Pending, User
from tests.lock.bench import (
    ANY_DAY,
    DEVICE,
    K_D,
    K_F,
    SAME_EPOCH,
    TODAY,
    Bench,
    owned,
)


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

        assert client.prepare(1, time=TODAY + 40) is None

    @pytest.mark.parametrize("x25519", [False, True])
    def test_prepare_needs_an_exchange(self, x25519: bool) -> None:  # noqa: FBT001
        """Symmetric, or without a finished exchange: 09."""
        bench = self.bench()

        answer = bench.client().prepare(1, x25519=x25519, time=TODAY)

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
