"""A lock goes to somebody else; a lock is lost and found."""

from collections.abc import AsyncIterator

import pytest

from tests.ras_server.application.parts import Door, Gateway
from tests.ras_server.client import ANNA, Client
from tests.ras_server.console.reader import Reader

BORIS = "boris@example.org"


@pytest.fixture
async def anna(reader: Reader, home: Gateway, door: Door) -> Reader:
    """Return the browser of the owner of a lock, at its page."""
    await reader.log_in(ANNA)
    await reader.get(f"/console/locks/{door.device_id}")
    return reader


@pytest.fixture
async def boris(reader: Reader, client: Client) -> AsyncIterator[Reader]:
    """Return the browser of somebody else."""
    await client.another().register(BORIS)
    boris = Reader(str(reader.url), reader.outbox)
    async with boris.session:
        await boris.log_in(BORIS)
        yield boris


async def test_accepted(anna: Reader, boris: Reader, door: Door) -> None:
    """A lock that is offered and accepted is the other's, and no more the first one's."""
    shown = await anna.send("/transfer", account=BORIS)
    assert "You offered Front door to boris@example.org" in shown.text

    await boris.get("/console/")
    assert "Anna offers you Front door" in boris.shown.text
    shown = await boris.send("/accept")

    assert "The lock is yours." in shown.text
    assert "Give access" in (await boris.get(f"/console/locks/{door.device_id}")).text
    assert (await anna.get(f"/console/locks/{door.device_id}")).http == 404


@pytest.mark.parametrize("who", ["anna", "boris"])
async def test_declined(anna: Reader, boris: Reader, door: Door, who: str) -> None:
    """An offer is withdrawn by one, or declined by the other."""
    await anna.send("/transfer", account=BORIS)
    visitor = {"anna": anna, "boris": boris}[who]
    await visitor.get("/console/")

    shown = await visitor.send("/decline")

    assert "The offer is gone." in shown.text
    assert "offers you" not in (await boris.get("/console/")).text
    assert (await anna.get(f"/console/locks/{door.device_id}")).http == 200


async def test_lost_and_found(anna: Reader, home: Gateway, door: Door) -> None:
    """A lost lock is opened by nobody, until it is found."""
    await anna.send("/lost")
    assert "Lost since" in anna.shown.text
    refused = await anna.send("/operate", cmd="unlock")
    assert refused.http == 403

    shown = await anna.send("/found")

    assert "It can be used again." in shown.text
    assert "Lost since" not in shown.text
