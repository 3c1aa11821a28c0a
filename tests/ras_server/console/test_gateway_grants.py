"""Somebody else's gateway in the console: let in by its id, shown, ended."""

from tests.ras_server.application.parts import Door, Gateway
from tests.ras_server.application.test_operations import online, operate, unlock
from tests.ras_server.client import ANNA, Client
from tests.ras_server.conftest import MovableClock
from tests.ras_server.console.reader import Reader

BORIS = "boris@example.org"


async def test_gateway(
    reader: Reader, owner: Client, home: Gateway, *, door: Door, clock: MovableClock
) -> None:
    """The neighbour reads the id of his gateway, the owner lets it in, and ends that."""
    boris = await owner.another().enter(BORIS)
    gateway = await boris.gateway()
    await reader.log_in(BORIS)
    account = await reader.get("/console/account")
    await reader.send("/logout")
    await reader.log_in(ANNA)
    await reader.get(f"/console/locks/{door.device_id}")

    given = await reader.send("/gateways", gateway_id=gateway.gateway_id, name="The neighbour")
    async with online(home, door):
        opened = await operate(gateway, door, unlock(clock))
    await reader.get(f"/console/locks/{door.device_id}")
    ended = await reader.send("/revoke")
    wrong = await reader.send("/gateways", gateway_id="g-nobody")

    assert gateway.gateway_id in account.text
    assert "The neighbour (a gateway)" in given.text
    assert opened.http == 200, opened
    assert "Access has ended." in ended.text
    assert (wrong.http, "There is no such thing here." in wrong.text) == (404, True)


async def test_without_a_name(reader: Reader, owner: Client, home: Gateway, *, door: Door) -> None:
    """A gateway without a name is shown by its id."""
    assert home
    gateway = await (await owner.another().enter(BORIS)).gateway()
    await reader.log_in(ANNA)
    await reader.get(f"/console/locks/{door.device_id}")

    given = await reader.send("/gateways", gateway_id=gateway.gateway_id)

    assert f"{gateway.gateway_id} (a gateway)" in given.text
