"""The blueprints: imported, made into automations, and set off by a real lock."""

from collections.abc import AsyncGenerator
from datetime import datetime, timedelta
from pathlib import Path
import shutil
from typing import override

from homeassistant.components.blueprint.importer import fetch_blueprint_from_github_url
from homeassistant.components.calendar import DOMAIN as CALENDAR, CalendarEntity, CalendarEvent
from homeassistant.components.calendar.const import DATA_COMPONENT
from homeassistant.components.trace.const import DATA_TRACE
from homeassistant.const import WEEKDAYS
from homeassistant.core import HomeAssistant, ServiceCall
from homeassistant.setup import async_setup_component
from homeassistant.util import dt as dt_util
import pytest
from pytest_homeassistant_custom_component.common import async_fire_time_changed, async_mock_service
from pytest_homeassistant_custom_component.test_util.aiohttp import AiohttpClientMocker

from custom_components.igrs.access import Access
from custom_components.igrs.errors import LockError
from igrs_codec.bsld.frame import Bolt, Operation
from tests.integration.automations import (
    FOLDER,
    NAMES,
    at,
    automate,
    happened,
    refuse,
    running,
    tell,
)
from tests.integration.home import DOOR, EVENT, LOCK, Home, later, until

type Told = list[ServiceCall]


@pytest.fixture
async def told(home: Home) -> AsyncGenerator[Told]:
    """Return what was told to people; the automation waits for nothing when the test ends."""
    yield async_mock_service(home.hass, "notify", "phone")
    await home.hass.services.async_call(
        "automation", "turn_off", {"entity_id": "all"}, blocking=True
    )


@pytest.fixture(autouse=True)
def _folder(hass: HomeAssistant, tmp_path: Path) -> None:
    """Give Home Assistant a folder of its own, with the blueprints in it."""
    hass.config.config_dir = str(tmp_path)
    shutil.copytree(FOLDER, tmp_path / "blueprints/automation/igrs")


@pytest.mark.parametrize("name", NAMES)
async def test_import(hass: HomeAssistant, aioclient_mock: AiohttpClientMocker, name: str) -> None:
    """Each is imported from the address that it says it has, as the button in the docs does."""
    text = (FOLDER / f"{name}.yaml").read_text(encoding="utf-8")
    url = f"https://github.com/igrs-ras/igrs-ras/blob/main/blueprints/automation/igrs/{name}.yaml"
    raw = f"https://raw.githubusercontent.com/igrs-ras/igrs-ras/main/blueprints/automation/igrs/{name}.yaml"
    aioclient_mock.get(raw, text=text)

    imported = await fetch_blueprint_from_github_url(hass, url)

    assert imported.suggested_filename == f"igrs-ras/{name}"
    assert imported.blueprint.domain == "automation"
    assert imported.blueprint.metadata["source_url"] == url
    assert imported.blueprint.validate() is None


async def test_who_unlocked(home: Home, told: Told) -> None:
    """Who used the door is told, by hand too; what is not wanted is not."""
    await automate(
        home,
        "who_unlocked",
        access=[EVENT],
        actions=tell(message="{{ door }}: {{ what }} by {{ who or how }}"),
    )

    home.lock.turn_knob(Operation.UNLOCK)
    await home.until_state("unlocked")
    later(home, 11)
    await happened(home, "unlocked")
    home.lock.turn_knob(Operation.LOCK)
    await home.until_state("locked")
    later(home, 11)
    await happened(home, "locked")

    assert [call.data["message"] for call in told] == ["Front door: unlocked by inside_knob"]


async def test_who_unlocked_of_some(home: Home, told: Told) -> None:
    """With names, only these people are told of."""
    await automate(
        home, "who_unlocked", access=[EVENT], people=["Bea"], actions=tell(message="{{ who }}")
    )

    home.lock.turn_knob(Operation.UNLOCK)
    await home.until_state("unlocked")
    later(home, 11)
    await happened(home, "unlocked")

    assert told == []


@pytest.mark.usefixtures("told")
async def test_lock_when_closed(home: Home) -> None:
    """The bolt comes out some minutes after the door was closed, and not while it is open."""
    await automate(home, "lock_when_closed", lock=LOCK, door=DOOR, minutes=2)
    await home.call("unlock")
    home.lock.move_door(open=True)
    await home.until_state("on", DOOR)

    later(home, 121)
    await home.hass.async_block_till_done()
    assert home.lock.state.bolt is Bolt.UNLOCKED

    home.lock.move_door(open=False)
    await home.until_state("off", DOOR)
    later(home, 119)
    await home.hass.async_block_till_done()
    assert home.lock.state.bolt is Bolt.UNLOCKED
    later(home, 121)
    await until(lambda: home.lock.state.bolt is Bolt.LOCKED)
    await home.until_state("locked")


async def arrive(home: Home) -> None:
    """Let a person come home."""
    here = {"latitude": home.hass.config.latitude, "longitude": home.hass.config.longitude}
    away = {"latitude": 0.0, "longitude": 0.0}
    home.hass.states.async_set("person.bea", "not_home", away)
    await home.hass.async_block_till_done()
    home.hass.states.async_set("person.bea", "home", here)


async def test_ask_on_arrival(home: Home, told: Told) -> None:
    """Who comes home is asked, and the door is unlocked by his answer only."""
    assert await async_setup_component(home.hass, "zone", {})
    await automate(
        home,
        "ask_on_arrival",
        person="person.bea",
        lock=LOCK,
        notify="notify.phone",
        away={"seconds": 0},
    )

    await arrive(home)
    await until(lambda: bool(told))
    unlock = told[0].data["data"]["actions"][0]["action"]
    assert home.lock.state.bolt is Bolt.LOCKED
    home.hass.bus.async_fire("mobile_app_notification_action", {"action": "unlock_other"})
    assert running(home, "ask_on_arrival") == 1
    assert home.lock.state.bolt is Bolt.LOCKED

    home.hass.bus.async_fire("mobile_app_notification_action", {"action": unlock})
    await until(lambda: home.lock.state.bolt is Bolt.UNLOCKED)


async def test_ask_on_arrival_too_late(home: Home, told: Told) -> None:
    """An answer after the time has no effect; who was away for moments is not asked."""
    assert await async_setup_component(home.hass, "zone", {})
    await automate(
        home,
        "ask_on_arrival",
        person="person.bea",
        lock=LOCK,
        notify="notify.phone",
        away={"seconds": 0},
        patience={"seconds": 30},
    )
    await arrive(home)
    await until(lambda: bool(told))
    later(home, 31)
    await until(lambda: running(home, "ask_on_arrival") == 0)

    unlock = told[0].data["data"]["actions"][0]["action"]
    home.hass.bus.async_fire("mobile_app_notification_action", {"action": unlock})
    await home.hass.async_block_till_done()

    assert home.lock.state.bolt is Bolt.LOCKED


async def test_jumping_phone(home: Home, told: Told) -> None:
    """Who was away for moments only is not asked."""
    assert await async_setup_component(home.hass, "zone", {})
    await automate(home, "ask_on_arrival", person="person.bea", lock=LOCK, notify="notify.phone")

    await arrive(home)
    await home.hass.async_block_till_done()

    assert told == []


@pytest.mark.parametrize(
    ("charge", "off", "messages"),
    [
        pytest.param(12, 0, ["Front door 12 %"], id="low"),
        pytest.param(12, 1, [], id="another day"),
        pytest.param(25, 0, [], id="enough"),
    ],
)
async def test_weekly_battery(
    home: Home, told: Told, *, charge: int, off: int, messages: list[str]
) -> None:
    """Low batteries are told on the day and at the time; others are not."""
    battery = "sensor.front_door_battery"
    soon = dt_util.now().replace(microsecond=0) + timedelta(seconds=60)
    await automate(
        home,
        "weekly_battery",
        batteries=[battery],
        weekday=WEEKDAYS[(soon.weekday() + off) % 7],
        at=f"{soon:%H:%M:%S}",
        actions=tell(message="{{ low | join(', ') }}"),
    )
    home.lock.set_battery(charge)
    await home.until_state(str(charge), battery)

    await at(home, soon + timedelta(seconds=1))

    assert [call.data["message"] for call in told] == messages


async def test_alarm(home: Home, told: Told) -> None:
    """Tampering is told at once, refusals when there are three of them in a row."""
    await automate(home, "alarm", access=EVENT, actions=tell(message="{{ what }} at {{ door }}"))

    home.lock.tamper()
    await home.until_state("on", "binary_sensor.front_door_alarm")
    later(home, 11)
    await until(lambda: bool(told))
    assert [call.data["message"] for call in told] == ["tampered at Front door"]

    for _ in range(3):
        assert len(told) == 1
        await refuse(home)
    await until(lambda: len(told) == 2)
    assert told[1].data["message"] == "denied at Front door"


async def test_alarm_not_in_a_row(home: Home, told: Told) -> None:
    """Refusals with something else in between are no alarm."""
    await automate(home, "alarm", access=EVENT, refusals=2, actions=tell(message="{{ what }}"))

    await refuse(home)
    home.coordinator.history.async_happened(Access(what="unlocked"))
    await until(lambda: running(home, "alarm") == 0)
    await refuse(home)
    assert told == []

    await refuse(home)
    await until(lambda: bool(told))


async def look_in_a_minute(home: Home) -> datetime:
    """Have it seen to in a minute that the door is locked; return when that is over."""
    night = dt_util.now().replace(microsecond=0) + timedelta(seconds=60)
    await automate(
        home,
        "left_unlocked",
        locks=[LOCK],
        doors=[DOOR],
        at=f"{night:%H:%M:%S}",
        actions=tell(message="{{ open_doors | join(', ') }}"),
    )
    return night + timedelta(seconds=1)


async def test_left_unlocked(home: Home, told: Told) -> None:
    """In the evening the door is locked; then there is nothing to tell."""
    night = await look_in_a_minute(home)
    await home.call("unlock")

    async_fire_time_changed(home.hass, night)
    await until(lambda: home.lock.state.bolt is Bolt.LOCKED)
    await home.hass.async_block_till_done()
    assert told == []


async def test_left_open(home: Home, told: Told) -> None:
    """A door that stands open is not locked, but told."""
    night = await look_in_a_minute(home)
    await home.call("unlock")
    home.lock.move_door(open=True)
    await home.until_state("on", DOOR)

    await at(home, night)

    assert [call.data["message"] for call in told] == ["Front door"]
    assert home.lock.state.bolt is Bolt.UNLOCKED


@pytest.mark.parametrize("again", [False, True], ids=["once", "twice"])
async def test_jammed(home: Home, told: Told, *, again: bool) -> None:
    """A jammed bolt is tried once more; if that fails too it is told, with the reason."""
    await automate(
        home,
        "jammed",
        lock=LOCK,
        pause={"minutes": 1},
        actions=tell(message="{{ door }}: {{ why }}"),
    )
    await home.call("unlock")
    home.lock.jam_next()
    with pytest.raises(LockError, match="jammed"):
        await home.call("lock")
    await until(lambda: running(home, "jammed") == 1)
    assert home.state().state == "jammed"
    if again:
        home.lock.jam_next()

    later(home, 61)

    if again:
        await until(lambda: bool(told))
        assert told[0].data["message"].startswith("Front door: The bolt is jammed")
    else:
        await home.until_state("locked")
        await home.hass.async_block_till_done()
        assert told == []


class Guests(CalendarEntity):
    """A calendar with one guest."""

    _attr_name = "Guests"
    _attr_has_entity_name = False

    def __init__(self, event: CalendarEvent) -> None:
        """Keep the event."""
        self.entity_id = "calendar.guests"
        self._event = event

    @property
    @override
    def event(self) -> CalendarEvent:
        return self._event

    @override
    async def async_get_events(
        self, hass: HomeAssistant, start_date: datetime, end_date: datetime
    ) -> list[CalendarEvent]:
        begins = self._event.start_datetime_local
        return [self._event] if begins < end_date and start_date < begins else []


async def test_guest_code(home: Home, manager: Home, told: Told) -> None:
    """Before a guest comes he gets a code, which opens the door from the beginning of his stay."""
    assert manager is home
    start = dt_util.now().replace(microsecond=0) + timedelta(hours=1, minutes=1)
    event = CalendarEvent(
        start=start, end=start + timedelta(hours=3), summary="Bea", location="bea@example.org"
    )
    assert await async_setup_component(home.hass, CALENDAR, {})
    await home.hass.data[DATA_COMPONENT].async_add_entities([Guests(event)])
    await automate(
        home,
        "guest_code",
        calendar="calendar.guests",
        lock=LOCK,
        kind="day",
        before="-1:00:00",
        actions=tell(message="{{ guest }}: {{ code }}", target="{{ address }}"),
    )
    assert told == []

    later(home, 61)
    await until(lambda: bool(told))

    guest, code = told[0].data["message"].split(": ")
    assert (guest, told[0].data["target"]) == ("Bea", "bea@example.org")
    listed = await home.ras.person.get("/v1/devices/A1B2C3D4E5F6/codes")
    (issued,) = listed.data["items"]
    assert issued["start"] <= start.timestamp() < issued["end"]
    assert issued["name"] == "Bea"
    assert len(code) == 10
    assert not home.hass.data[DATA_TRACE]["automation.1"].runs  # a trace would keep the code
    await home.hass.data[DATA_COMPONENT].async_remove_entity("calendar.guests")
