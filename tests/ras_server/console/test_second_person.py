"""A second person in the console: who asks presses twice, who is asked says yes or no."""

import pytest
from yarl import URL

from tests.ras_server.application.parts import Door, Gateway
from tests.ras_server.application.test_operations import online
from tests.ras_server.client import Client, Outbox
from tests.ras_server.conftest import MovableClock
from tests.ras_server.console.reader import Reader
from tests.ras_server.console.test_guest import link, press

BORIS = "boris@example.org"


@pytest.fixture
async def phone(anna: Reader) -> Reader:
    """Return the browser of somebody else."""
    return Reader(str(anna.url), Outbox())


async def test_guest(anna: Reader, phone: Reader, home: Gateway, door: Door, path: str) -> None:
    """A guest asks with one press and opens with the next, once the owner has said yes."""
    address = await link(anna, path, second_person="yes")
    assert "with a second person" in (await anna.get(path)).text

    async with phone.session, online(home, door):
        first = await phone.get(URL(address))
        asked = await press(phone, "unlock")
        waiting = await press(phone, "unlock")
        on_the_page = await anna.get(path)
        listed = await anna.get("/console/")
        said = await anna.send(listed.forms[1].action, answer="yes")
        opened = await press(phone, "unlock")

    assert "somebody else has to agree each time" in first.text
    for shown in (asked, waiting):
        assert "Press again when that is done" in shown.text
        assert [form.buttons for form in shown.forms] == [["unlock"]]
    for shown in (on_the_page, listed):
        assert "Plumber wants to unlock Front door, and needs your yes until" in shown.text
    assert "You said yes." in said.text
    assert "wants to" not in said.text
    assert "The door is unlocked." in opened.text
    assert door.lock.show()["bolt"] == "unlocked"


async def test_no(anna: Reader, phone: Reader, home: Gateway, door: Door, path: str) -> None:
    """After a no the guest reads so."""
    address = await link(anna, path, second_person="yes")

    async with phone.session, online(home, door):
        await phone.get(URL(address))
        await press(phone, "unlock")
        listed = await anna.get("/console/")
        said = await anna.send(listed.forms[1].action, answer="no")
        refused = await press(phone, "unlock")

    assert "You said no." in said.text
    assert (refused.http, door.lock.show()["bolt"]) == (403, "locked")
    assert "Somebody else had to agree, and said no." in refused.text


async def test_person_with_a_pin(
    anna: Reader, home: Gateway, door: Door, owner: Client, *, path: str
) -> None:
    """Who needs a PIN and somebody's yes gives the PIN with each press."""
    await owner.another().register(BORIS)
    await anna.get(path)
    await anna.send(
        "/grants", account=BORIS, right=["unlock", "lock"], pin="4711", second_person="yes"
    )
    boris = Reader(str(anna.url), anna.outbox)

    async with boris.session, online(home, door):
        await boris.log_in(BORIS)
        await boris.get(path)
        first = await boris.send("/operate", cmd="unlock")
        asked = await boris.send("/operate", cmd="unlock", pin="4711")
        listed = await anna.get("/console/")
        await anna.send(listed.forms[1].action, answer="yes")
        opened = await boris.send("/operate", cmd="unlock", pin="4711")

    assert f"Anna ({BORIS}) wants to unlock Front door" in listed.text
    assert 'name="pin"' in first.markup
    assert 'name="pin"' in asked.markup
    assert "4711" not in asked.markup
    assert "Somebody else has to agree" in asked.text
    assert "The door is unlocked." in opened.text


async def test_too_late(anna: Reader, phone: Reader, path: str, clock: MovableClock) -> None:
    """An answer after five minutes is told to be none."""
    address = await link(anna, path, second_person="yes")

    async with phone.session:
        await phone.get(URL(address))
        await press(phone, "unlock")
        listed = await anna.get("/console/")
        clock.move(300)
        said = await anna.send(listed.forms[1].action, answer="yes")

    assert said.http == 404
    assert "There is no such thing here." in said.text
    assert "wants to" not in said.text
