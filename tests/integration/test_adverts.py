"""The state from adverts: only authentic and new ones are believed, and silence shows."""

from collections import Counter
import os
import time
from types import SimpleNamespace

from homeassistant.const import STATE_UNAVAILABLE
from homeassistant.exceptions import HomeAssistantError
import pytest

from custom_components.igrs.answers import PushReady
from custom_components.igrs.igrs_codec.bsld.tracker import Want
from igrs_codec.bsld.advert import encode
from igrs_codec.bsld.frame import Bolt, Door, LockState, Operation
from ras_server.application.locks import Locks
from ras_server.errors import Code, RasError
from tests.integration.crowd import Kind, crowd
from tests.integration.home import ADDRESS, DEVICE, Home, later, until

LOCKED = LockState(bolt=Bolt.LOCKED, door=Door.CLOSED)


def forged(home: Home, state: LockState, counter: int, *, seconds: int = 0) -> bytes:
    """Return what somebody who holds K_adv could send."""
    return encode(
        home.coordinator.memory.k_adv[1],
        DEVICE,
        1,
        state=state,
        battery=50,
        counter=counter,
        time=int(time.time()) + seconds,
    )


async def test_replay(home: Home) -> None:
    """An advert from before is not believed after a newer one."""
    recorded = home.lock.service_data()
    home.lock.turn_knob(Operation.UNLOCK)
    await home.until_state("unlocked")

    home.radio.advert(ADDRESS, recorded)

    assert home.state().state == "unlocked"


async def test_noise(home: Home, caplog: pytest.LogCaptureFixture) -> None:
    """Forged adverts change nothing; many of them are told once."""
    for _ in range(100):
        home.radio.advert(ADDRESS, b"\x11" + os.urandom(9))

    assert home.state().state == "locked"
    assert caplog.text.count("forged advertisements") == 1
    home.lock.turn_knob(Operation.UNLOCK)
    await home.until_state("unlocked")


async def test_battery_door_and_alarm(home: Home) -> None:
    """Everything in the state byte reaches its entity, without a connection."""
    home.lock.set_battery(15)
    home.lock.move_door(open=True)
    home.lock.tamper()

    await home.until_state("on", "binary_sensor.front_door_alarm")
    assert home.state("sensor.front_door_battery").state == "15"
    assert home.state("binary_sensor.front_door_door").state == "on"
    assert home.radio.traffic.connections == 0


async def test_silence(home: Home, caplog: pytest.LogCaptureFixture) -> None:
    """Without an authentic advert for 300 s the lock is unavailable, until the next one."""
    home.radio.forget()
    later(home, 301)
    await home.until_state(STATE_UNAVAILABLE)
    assert caplog.text.count("Front door is out of range") == 1

    home.radio.advert(ADDRESS, forged(home, LOCKED, home.lock._role.counter, seconds=64))
    await home.until_state("locked")


async def test_bolt_is_known_again(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    """After an operation without an answer the next authentic advert shows the bolt."""
    home.coordinator._tracker.doubt()
    home.coordinator.state_answered()
    assert home.state().state == "unknown"

    home.lock.turn_knob(Operation.UNLOCK)

    await home.until_state("unlocked")


async def test_clock_in_doubt(home: Home) -> None:
    """While the RAS contradicts the own clock adverts are not believed: the lock is asked."""
    home.gateway._ready(
        PushReady(time=1, heartbeat_s=30, audit_head=(1, ""), seq=0, reset=False),
    )
    home.lock.turn_knob(Operation.UNLOCK)

    await home.until_state("unlocked")
    assert home.radio.traffic.connections == 1


async def test_reset_by_hand(home: Home) -> None:
    """Adverts of a lock without owner do not touch the state; an operation says what to do."""
    home.lock.press_button(11)

    with pytest.raises(HomeAssistantError, match="register it again"):
        await home.call("unlock")
    assert home.lock.state.bolt is Bolt.LOCKED


async def test_new_generation(home: Home) -> None:
    """An advert of an unknown generation makes the gateway ask for keys."""
    home.coordinator._tracker.set_keys({})
    home.coordinator.memory.k_adv.clear()
    home.lock.turn_knob(Operation.UNLOCK)

    await home.until_state("unlocked")

    assert home.coordinator.memory.k_adv


async def test_clock_unset(home: Home) -> None:
    """Adverts of a lock without a clock are replayable: the clock is set, by connecting."""
    home.ras.clock.ahead = 61
    home.coordinator._tracker._hello_clock_at = None
    home.peripheral.power_cycle()

    await until(lambda: not home.lock.state.clock_unset)


async def test_clock_unset_while_the_ras_is_away(home: Home) -> None:
    """A clock that was lost while the RAS was away is set when it is back."""
    await home.switch.stop()
    await home.until_state("off", "binary_sensor.home_connectivity")
    home.coordinator._tracker._hello_clock_at = None
    home.peripheral.power_cycle()
    await until(lambda: Want.TIME in home.coordinator._tracker._needs)

    await home.switch.start(ahead=61)  # a clock is set once a minute

    await until(lambda: not home.lock.state.clock_unset, 10)


async def test_clock_that_is_not_set_at_once(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    """A RAS that refuses to set a clock is asked again soon."""

    def refuse(*_: object) -> None:
        raise RasError(Code.RATE_LIMITED, "Too many time frames", retry_after=60)

    monkeypatch.setattr("custom_components.igrs.supply.TIME_PAUSE", 0)
    set_clock = Locks.take_time_frame
    monkeypatch.setattr(Locks, "take_time_frame", refuse)
    home.coordinator._tracker._hello_clock_at = None
    home.peripheral.power_cycle()
    await until(lambda: home.radio.traffic.connections == 1)
    await until(lambda: not home.coordinator._work._tasks)
    assert home.lock.state.clock_unset
    monkeypatch.setattr(Locks, "take_time_frame", set_clock)

    later(home, 31)

    await until(lambda: not home.lock.state.clock_unset)


async def test_crowd(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of 10,000 adverts, most of them forged, replayed or foreign, only the lock's own count.

    None makes a connection, and no state is shown that was not true when it was heard.
    """
    home.radio.silence()
    clock = SimpleNamespace(time=time.time)
    monkeypatch.setattr("custom_components.igrs.adverts.time", clock)
    began = time.time()
    shown, changes, heard = home.state().state, 0, Counter[Kind]()
    sent = crowd(
        home.coordinator.memory.k_adv[1],
        DEVICE,
        counter=home.lock._role.counter,
        began=began,
        count=10_000,
    )

    for advert in sent:
        clock.time = lambda at=advert.at: at
        heard[advert.kind] += 1
        home.radio.advert(ADDRESS, advert.data)
        now = home.state().state
        if now != shown:
            assert now == advert.bolt.name.lower(), advert
            assert advert.kind in {Kind.GENUINE, Kind.REPLAYED}  # perhaps of a moment ago
            shown, changes = now, changes + 1

    assert len(heard) == len(Kind)
    assert 1 <= changes <= 20  # the lock moved every 10 s for 200 s
    assert home.radio.traffic.connections == 0
    assert not home.lock._links
