"""How a lock becomes nobody's again (protocol 9 and 10)."""

import pytest

from igrs_codec.bsld import admin
from igrs_codec.bsld.admin import (
    RemoveAnswer,
)
from igrs_codec.bsld.frame import Command, Event, Operation, Status
from igrs_codec.bsld.lock_state import Ownership, Pending
from tests.lock.bench import (
    DEVICE,
    K_D,
    SAME_EPOCH,
    TODAY,
    Bench,
    hellos,
    owned,
)


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
