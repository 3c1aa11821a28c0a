"""Every example of docs/automations.md does what the page says, in a real home."""

from collections.abc import AsyncGenerator
import json
from pathlib import Path
import re
from typing import Any, Final
from urllib.parse import parse_qs, urlsplit

from homeassistant.auth.models import User
from homeassistant.core import Context, HomeAssistant
from homeassistant.setup import async_setup_component
from homeassistant.util import slugify
from homeassistant.util.yaml import parse_yaml
import pytest
from pytest_homeassistant_custom_component.common import async_mock_service

from custom_components.igrs.access import ASKED, DENIED, EVENTS
from custom_components.igrs.asker import How
from custom_components.igrs.timeline import Stage
from tests.integration.automations import NAMES, denied
from tests.integration.home import LOCK, Home, later, until

PAGE: Final = (Path(__file__).parents[2] / "docs/automations.md").read_text(encoding="utf-8")
EXAMPLES: Final[list[dict[str, Any]]] = [
    parse_yaml(block)  # type: ignore[misc] # all of them are mappings
    for block in re.findall(r"^```yaml\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL)
]
SEQUENCES: Final = [example for example in EXAMPLES if set(example) == {"sequence"}]
AUTOMATIONS: Final = {each["alias"]: each for each in EXAMPLES if "triggers" in each}


def name_of(sequence: dict[str, Any]) -> str:
    """Return the first action of a sequence."""
    name: str = sequence["sequence"][0]["action"]
    return name


@pytest.fixture
def told(hass: HomeAssistant) -> list[str]:
    """Return what is told to people."""
    messages: list[str] = []
    hass.services.async_register(
        "notify", "phone", lambda call: messages.append(str(call.data["message"]))
    )
    return messages


@pytest.fixture
def slow() -> int:
    """Return after how many milliseconds an operation of the page is slow."""
    return 3000


@pytest.fixture
async def automated(home: Home, slow: int) -> AsyncGenerator[Home]:
    """Return a home with all automations of the page."""
    config = json.dumps([{"id": name, **each} for name, each in AUTOMATIONS.items()])
    config = config.replace("> 3000", f"> {slow}")
    assert await async_setup_component(home.hass, "automation", {"automation": json.loads(config)})
    await home.hass.async_block_till_done()
    yield home
    await home.hass.services.async_call(
        "automation", "turn_off", {"entity_id": "all"}, blocking=True
    )


def test_all_are_tested() -> None:
    """Each example is a sequence of actions or an automation."""
    assert len(SEQUENCES) + len(AUTOMATIONS) == len(EXAMPLES)
    assert len(EXAMPLES) > 10


@pytest.mark.parametrize("sequence", SEQUENCES, ids=name_of)
async def test_sequence(
    manager: Home, anna: User, told: list[str], sequence: dict[str, Any]
) -> None:
    """A sequence of the page runs to its end when the owner runs it, and tells what it says."""
    await manager.call("unlock")
    assert await async_setup_component(manager.hass, "script", {"script": {"example": sequence}})

    await manager.hass.services.async_call(
        "script", "example", blocking=True, context=Context(user_id=anna.id)
    )

    expected = [step for step in sequence["sequence"] if step.get("action") == "notify.phone"]
    assert len(told) == len(expected)
    assert all(len(message) > 3 for message in told)


async def test_clean_afterwards(manager: Home, anna: User, told: list[str]) -> None:
    """The example that takes all back leaves nobody behind."""
    (example,) = (each for each in SEQUENCES if len(each["sequence"]) > 5)
    assert await async_setup_component(manager.hass, "script", {"script": {"example": example}})

    await manager.hass.services.async_call(
        "script", "example", blocking=True, context=Context(user_id=anna.id)
    )

    grants = await manager.ras.person.get("/v1/devices/A1B2C3D4E5F6/grants")
    assert [grant["revoked"] is None for grant in grants.data["items"]] == [False]
    assert told == []


async def test_valid(automated: Home) -> None:
    """Home Assistant takes every automation of the page."""
    for alias in AUTOMATIONS:
        assert automated.state(f"automation.{slugify(alias)}").state == "on", alias


async def test_events(automated: Home, told: list[str]) -> None:
    """Who comes in and who is refused is told, and the light goes on in the dark."""
    lights = async_mock_service(automated.hass, "light", "turn_on")
    automated.hass.states.async_set("sun.sun", "below_horizon")
    bea = await automated.hass.auth.async_create_user("Bea")

    await automated.hass.services.async_call(
        "lock",
        "unlock",
        {"entity_id": LOCK},
        blocking=True,
        context=Context(user_id=bea.id),
    )
    await until(lambda: bool(told))
    automated.gateway._message(denied())
    await until(lambda: len(told) > 1)

    assert told == [
        "Bea is home, by app.",
        "Carl was refused at Front door (outside_schedule).",
    ]
    assert [call.data["entity_id"] for call in lights] == [["light.hall"]]


async def test_lock_up(automated: Home, told: list[str]) -> None:
    """Behind the last one the door is locked; if it jams that is told."""
    await automated.call("unlock")
    automated.hass.states.async_set("zone.home", "1")
    await automated.hass.async_block_till_done()
    automated.lock.jam_next()

    automated.hass.states.async_set("zone.home", "0")
    await automated.hass.async_block_till_done()
    later(automated, 121)
    await until(lambda: bool(told))

    assert told == ["The front door is not locked."]


async def test_open_house(automated: Home) -> None:
    """The auto-relock follows the switch."""
    automated.hass.states.async_set("input_boolean.open_house", "off")
    await automated.hass.async_block_till_done()

    automated.hass.states.async_set("input_boolean.open_house", "on")
    await until(lambda: automated.coordinator.supply.relock == 0)
    automated.hass.states.async_set("input_boolean.open_house", "off")
    await until(lambda: automated.coordinator.supply.relock == 120)


@pytest.mark.parametrize("altered", [False, True], ids=["whole", "altered"])
async def test_audit(automated: Home, told: list[str], *, altered: bool) -> None:
    """The check of the audit tells when it is not whole, and only then."""
    if altered:
        number, _ = automated.gateway.memory.audit_head or (0, "")
        automated.gateway.memory.audit_head = (number, "00" * 32)

    await automated.hass.services.async_call(
        "automation",
        "trigger",
        {"entity_id": "automation.check_the_audit_every_month"},
        blocking=True,
    )

    assert len(told) == altered


async def test_records_at_night(automated: Home) -> None:
    """The records of the night are fetched by a connection."""
    automated.radio.reset()

    await automated.hass.services.async_call(
        "automation",
        "trigger",
        {"entity_id": "automation.fetch_the_records_at_night", "skip_condition": False},
        blocking=True,
    )

    assert automated.radio.traffic.connections == 1


@pytest.mark.parametrize("slow", [0])
async def test_slow(automated: Home, told: list[str]) -> None:
    """An operation that took long is explained."""
    await automated.call("unlock")
    await until(lambda: bool(told))

    assert re.fullmatch(r"unlock took \d+ ms, most of it: \w+\.", told[0])


async def test_finger(automated: Home, told: list[str]) -> None:
    """The number of a finger is told, as text."""
    attributes = {"event_type": "unlocked", "method": "fingerprint", "credential": "3"}
    automated.hass.states.async_set("event.front_door_access", "2026-11-20T12:00:00", attributes)
    await until(lambda: bool(told))

    assert told == ["Mia is home."]


def test_values() -> None:
    """The page names every kind of event, every way and every stage there is."""
    for value in (*EVENTS.values(), DENIED, ASKED, *How, *Stage):
        assert f"`{value}`" in PAGE, value


def test_blueprints() -> None:
    """Each blueprint has a line, and a button that imports it."""
    links = re.findall(r"blueprint_import/\?(\S+)\)", PAGE)
    urls = [parse_qs(link)["blueprint_url"][0] for link in links]

    assert sorted(Path(urlsplit(url).path).stem for url in urls) == NAMES
    assert all(url.startswith("https://github.com/igrs-ras/igrs-ras/blob/main/") for url in urls)
