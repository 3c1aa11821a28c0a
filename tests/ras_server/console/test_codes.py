"""Codes for the keypad: shown once, listed without digits, cancelled."""

import re

import pytest

from tests.ras_server.application.parts import Door, Gateway
from tests.ras_server.client import Client
from tests.ras_server.console.reader import Reader


@pytest.fixture
async def anna(reader: Reader, home: Gateway, door: Door) -> Reader:
    """Return the browser of the owner of a lock, at its page."""
    await reader.log_in("anna@example.org")
    await reader.get(f"/console/locks/{door.device_id}")
    return reader


@pytest.mark.parametrize(
    ("window", "told"), [("0", "It works once."), ("2", "until"), ("4", "until")]
)
async def test_code(anna: Reader, owner: Client, door: Door, window: str, told: str) -> None:
    """A code is shown this once, then only what it stands for; the owner cancels it."""
    path = anna.shown.path
    shown = await anna.send("/codes", name="Plumber", **{"class": window})

    found = re.search(r'class="secret">([0-9 ]+)<', shown.markup)
    assert found is not None
    digits = found[1]
    assert len(digits.replace(" ", "")) >= 8
    assert told in shown.text
    (code,) = (await owner.get(f"/v1/devices/{door.device_id}/codes")).data["items"]

    shown = await anna.get(path)
    assert "Plumber" in shown.text
    assert digits not in shown.text

    shown = await anna.send(f"/{code['code_id']}/cancel")
    assert "Plumber" not in shown.text
    (code,) = (await owner.get(f"/v1/devices/{door.device_id}/codes")).data["items"]
    assert code["state"] == "cancelled"


async def test_form_sent_twice(anna: Reader, owner: Client, door: Door) -> None:
    """The second click of a double click gives out no second code."""
    page = anna.shown
    first = await anna.send("/codes", name="Plumber")
    anna.page = page
    second = await anna.send("/codes", name="Plumber")

    assert re.findall(r"[0-9 ]{9,}", first.text) == re.findall(r"[0-9 ]{9,}", second.text)
    assert len((await owner.get(f"/v1/devices/{door.device_id}/codes")).data["items"]) == 1


async def test_window_far_away(anna: Reader) -> None:
    """A window that cannot be is refused in words."""
    shown = await anna.send("/codes", at="2001-01-01T00:00", **{"class": "2"})

    assert shown.http == 400
    assert "at: out of range" in shown.text
