"""The body of the lock: knob, door, battery, auto-relock, alarms, adverts."""

import pytest

from igrs_codec.bsld import advert
from igrs_codec.bsld.admin import Parameter
from igrs_codec.bsld.advert import AdvertState
from igrs_codec.bsld.frame import Bolt, Capability, Command, Door, Event, Method, Operation
from igrs_codec.bsld.keys import advert_key
from igrs_codec.bsld.lock_state import DEFAULT_CONFIG, Ownership
from reference_devices.flash import Flash
from reference_devices.lock import ReferenceLock
from tests.lock.bench import DEVICE, K_D, K_F, TODAY, UID, Bench, owned

LOCK, UNLOCK, OPEN = Operation
K_ADV = advert_key(K_D, DEVICE, 1)


def with_relock(seconds: int, *, needs_door: int = 0) -> Ownership:
    """Return an ownership with auto-relock."""
    relock = {Parameter.AUTO_RELOCK: seconds, Parameter.RELOCK_NEEDS_DOOR: needs_door}
    return owned(config={**DEFAULT_CONFIG, **relock})


class TestRecords:
    """Every lasting change of the state makes a record."""

    def test_knob(self) -> None:
        """A hand at the knob is method 0, and nobody in particular."""
        bench = Bench()

        bench.lock.turn_knob(UNLOCK)
        bench.lock.turn_knob(UNLOCK)
        bench.lock.turn_knob(LOCK)

        assert bench.events == [("UNLOCK", "HAND"), ("LOCK", "HAND")]
        assert bench.records[-1].uid == 0

    @pytest.mark.parametrize("method", ["FIXED_CODE", "FINGERPRINT", "CARD", "KEY"])
    def test_credential(self, method: str) -> None:
        """What the lock knows by itself unlocks, and its number is in the record."""
        bench = Bench(motor_seconds=5)

        bench.lock.show_credential(Method[method], 3)
        bench.lock.show_credential(Method.KEY, 1)
        bench.wait(5)

        assert bench.bolt() is Bolt.UNLOCKED
        assert bench.events == [("UNLOCK", method)]
        assert bench.records[-1].detail == 3

    def test_knob_against_the_motor(self) -> None:
        """A running motor is stronger."""
        bench = Bench(motor_seconds=5)
        bench.session().operate(UNLOCK)

        bench.lock.turn_knob(LOCK)
        bench.wait(5)

        assert bench.bolt() is Bolt.UNLOCKED

    def test_door(self) -> None:
        """Opening and closing; opening a locked door is an alarm."""
        bench = Bench()
        bench.lock.turn_knob(UNLOCK)
        bench.lock.move_door(True)
        bench.lock.move_door(True)
        bench.lock.move_door(False)
        assert not bench.role.state.alarm
        bench.lock.turn_knob(LOCK)

        bench.lock.move_door(True)

        assert [event for event, _ in bench.events][1:] == [
            "DOOR_OPENED", "DOOR_CLOSED", "LOCK", "DOOR_OPENED", "FORCED",
        ]  # fmt: skip
        assert bench.role.state.alarm

    def test_ajar(self) -> None:
        """A door open for three minutes is left open; closing ends that, not the alarm."""
        bench = Bench()
        bench.lock.turn_knob(UNLOCK)
        bench.lock.move_door(True)
        bench.wait(179)
        assert bench.role.state.door is Door.OPEN

        bench.wait(1)
        assert (bench.role.state.door, bench.role.state.alarm) == (Door.AJAR, True)
        bench.lock.move_door(False)

        assert (bench.role.state.door, bench.role.state.alarm) == (Door.CLOSED, True)

    def test_no_sensor(self) -> None:
        """A lock without door sensor notices nothing."""
        bench = Bench(capabilities=Capability.OPEN)

        bench.lock.move_door(True)

        assert bench.events == []
        assert bench.role.state.door is Door.NO_SENSOR

    def test_battery(self) -> None:
        """Below 20 % the battery is low; both ways are an event, nothing between is."""
        bench = Bench()

        for percent in (50, 20, 19, 5, 90):
            bench.lock.set_battery(percent)

        assert [event for event, _ in bench.events] == ["LOW_BATTERY", "LOW_BATTERY"]
        assert not bench.role.state.battery_low

    @pytest.mark.parametrize("percent", [-1, 101])
    def test_no_such_battery(self, percent: int) -> None:
        """A battery has 0 to 100 percent."""
        with pytest.raises(ValueError, match="0 to 100"):
            Bench().lock.set_battery(percent)

    def test_alarm_survives_a_power_loss(self) -> None:
        """State b6 is latched."""
        bench = Bench()
        bench.lock.tamper()

        bench.lock.power_cycle()

        assert bench.role.state.alarm
        assert bench.records[-1].event is Event.BOOT

    def test_power_loss_while_the_bolt_moves(self) -> None:
        """Nobody knows where the bolt is; the next operation finds out."""
        bench = Bench(motor_seconds=2, clock_set=False)
        bench.lock.press_button(0)
        bench.wait(1)

        bench.lock.power_cycle()

        assert bench.bolt() is Bolt.UNKNOWN
        bench.lock.press_button(0)
        bench.wait(2)
        assert bench.bolt() is Bolt.UNLOCKED

    def test_body_after_a_restart_of_the_program(self) -> None:
        """A new process finds bolt and door as the last record has them."""
        bench = Bench()
        bench.lock.turn_knob(UNLOCK)
        bench.lock.move_door(True)

        again = ReferenceLock(
            Flash(bench.medium), device=DEVICE, k_f=K_F, clock=bench.clock, rng=bytes
        )

        assert (again.state.bolt, again.state.door) == (Bolt.UNLOCKED, Door.OPEN)
        assert again.show()["events"] == bench.counter + 1

    def test_counter_wraps(self) -> None:
        """The event counter is a u16, and the log follows it over the end."""
        bench = Bench(owned(first_record=0xFFFE))
        for _ in range(3):
            bench.lock.tamper()
        assert bench.counter == 1
        client = bench.session()

        frames = client.request(Command.LOG, 0xFF, 0xFF)
        bench.lock.power_cycle()

        assert [frame.value[:2].hex() for frame in frames] == ["ffff", "0000", "0001"]
        assert bench.counter == 2

    def test_at_least_256_records_are_kept(self) -> None:
        """Also over a power loss."""
        bench = Bench()
        for _ in range(2000):
            bench.lock.tamper()
        bench.lock.power_cycle()

        numbers = [record.number for record in bench.records]

        assert numbers == list(range(numbers[0], 2003))
        assert len(numbers) >= 256


class TestAutoRelock:
    """The bolt goes back by itself."""

    def test_default(self) -> None:
        """After the configured time, by method 10."""
        bench = Bench(with_relock(7))
        client = bench.session()
        client.operate(UNLOCK)
        bench.wait(6)
        assert bench.bolt() is Bolt.UNLOCKED

        bench.wait(1)

        assert bench.bolt() is Bolt.LOCKED
        assert bench.events[-1] == ("LOCK", "AUTO_LOCK")
        (news,) = client.read()
        assert news.command == Command.EVENT

    @pytest.mark.parametrize("operation", [UNLOCK, OPEN])
    def test_by_the_request(self, operation: Operation) -> None:
        """The argument counts in units of 5 s and goes before the default."""
        bench = Bench(with_relock(60))
        bench.session().operate(operation, 2)

        bench.wait(10)

        assert bench.bolt() is Bolt.LOCKED

    def test_off(self) -> None:
        """Without argument and default the door stays open."""
        bench = Bench()
        bench.session().operate(UNLOCK)

        bench.sleep(4000)

        assert bench.bolt() is Bolt.UNLOCKED

    def test_counts_from_the_last_operation(self) -> None:
        """Whoever operates begins anew; who locks ends it."""
        bench = Bench(with_relock(5))
        bench.lock.turn_knob(UNLOCK)
        bench.wait(3)
        bench.lock.turn_knob(LOCK)
        bench.wait(1)
        bench.lock.turn_knob(UNLOCK)
        bench.wait(4)
        assert bench.bolt() is Bolt.UNLOCKED

        bench.wait(1)

        assert bench.bolt() is Bolt.LOCKED

    def test_waits_for_the_door(self) -> None:
        """With parameter 2 the bolt goes back when the door is closed."""
        bench = Bench(with_relock(5, needs_door=1))
        bench.session().operate(UNLOCK)
        bench.lock.move_door(True)
        bench.wait(20)
        assert bench.bolt() is Bolt.UNLOCKED

        bench.lock.move_door(False)

        assert bench.bolt() is Bolt.LOCKED

    def test_does_not_wait_for_the_door(self) -> None:
        """Without it the door does not matter."""
        bench = Bench(with_relock(5))
        bench.session().operate(UNLOCK)
        bench.lock.move_door(True)

        bench.wait(5)

        assert bench.bolt() is Bolt.LOCKED

    def test_next_deadline(self) -> None:
        """The lock asks for the tick that locks."""
        bench = Bench(with_relock(5))
        bench.lock.turn_knob(UNLOCK)

        assert bench.lock.next_deadline() == bench.start + 5


class TestButton:
    """The inside button of an owned lock."""

    def test_toggles(self) -> None:
        """It always lets one out, and locks behind."""
        bench = Bench(clock_set=False)

        bench.lock.press_button(0.2)
        bench.lock.press_button(0.2)

        assert bench.events == [("UNLOCK", "INSIDE_BUTTON"), ("LOCK", "INSIDE_BUTTON")]

    def test_busy(self) -> None:
        """While the bolt moves it does nothing."""
        bench = Bench(motor_seconds=3)
        bench.lock.press_button(0.2)
        bench.lock.press_button(0.2)
        bench.wait(6)

        assert bench.events == [("UNLOCK", "INSIDE_BUTTON")]


class TestAdvert:
    """What everybody can hear."""

    def test_state(self) -> None:
        """The household reads state, battery and counter."""
        bench = Bench(battery=55)
        bench.lock.turn_knob(UNLOCK)

        heard = advert.decode(K_ADV, DEVICE, bench.lock.service_data(), TODAY)

        assert heard == AdvertState(1, bench.role.state, 55, bench.counter, TODAY // 64)
        assert heard.state.bolt is Bolt.UNLOCKED

    def test_told_when_it_changes(self) -> None:
        """The radio is told of each new advert, and only then."""
        bench = Bench()
        bench.lock.tick()
        bench.adverts.clear()

        bench.lock.turn_knob(UNLOCK)
        bench.lock.tick()
        bench.lock.set_battery(50)

        assert len(bench.adverts) == len(set(bench.adverts)) == 2
        assert bench.adverts[-1] == bench.lock.service_data()

    def test_new_bucket(self) -> None:
        """Each 64 s of lock time the advert changes, at the second it has to."""
        bench = Bench()
        bench.lock.tick()
        bench.adverts.clear()

        bench.clock.now = bench.lock.next_deadline()
        bench.lock.tick()

        assert bench.now % 64 == 0
        assert len(bench.adverts) == 1

    def test_clock_unset(self) -> None:
        """Bucket 0, and equal contents give equal adverts."""
        bench = Bench(clock_set=False)
        before = bench.lock.service_data()
        bench.sleep(1000)

        assert bench.lock.service_data() == before
        heard = advert.decode(K_ADV, DEVICE, before, TODAY)
        assert heard is not None
        assert (heard.bucket, heard.state.clock_unset) == (0, True)

    def test_unowned(self) -> None:
        """Plain: window and clock; the random bytes change when the window opens."""
        bench = Bench(Ownership(), clock_set=False)
        before = advert.parse_unowned(bench.lock.service_data())
        bench.lock.press_button(0)
        after = advert.parse_unowned(bench.lock.service_data())

        assert (before.window_open, before.clock_unset, before.model) == (False, True, 1)
        assert after.window_open
        assert after.random != before.random
        assert len(bench.adverts) == 1

    def test_window_closes_by_itself(self) -> None:
        """The lock asks for the tick at which its advert changes."""
        bench = Bench(Ownership(), clock_set=False)
        bench.lock.press_button(0)

        assert bench.lock.next_deadline() == bench.start + 300


def test_show() -> None:
    """What a person sees of the lock holds no secret."""
    bench = Bench(battery=44)
    bench.session()

    assert bench.lock.show() == {
        "bolt": "locked",
        "door": "closed",
        "battery": 44,
        "alarm": False,
        "generation": 1,
        "window_open": False,
        "clock_set": True,
        "links": 1,
        "events": 1,
        "fault": False,
    }


def test_secrets_have_no_text() -> None:
    """Keys do not show in the texts of objects that hold them."""
    bench = Bench()
    client = bench.session()
    session = bench.role._links.get(client.link).session

    for text in (repr(bench.own), repr(bench.role._owner.identity), repr(session)):
        assert K_D.hex() not in text
        assert repr(K_D) not in text
        assert repr(K_F) not in text
    assert str(UID) in repr(bench.own)
