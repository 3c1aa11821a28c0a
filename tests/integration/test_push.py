"""The push connection to a real server: messages both ways, and its end."""

import asyncio
from typing import Any

import aiohttp
import pytest

from custom_components.igrs.answers import GatewayCredentials
from custom_components.igrs.ras import GatewayClient
from custom_components.igrs.ras_errors import RasAuthError, RasUnreachableError
from ras_server.message.push import PUSH
from tests.integration.pushing import Listener
from tests.integration.server import Ras

pytestmark = [
    pytest.mark.usefixtures("socket_enabled", "connects_at_once"),
    pytest.mark.timeout(20),
]


@pytest.fixture
async def listener(session: aiohttp.ClientSession, ras: Ras) -> Listener:
    """Return a listener that is a gateway of Anna's."""
    body = {"name": "Home", "kind": "home_assistant", "version": "1"}
    made = (await ras.person.post("/v1/gateways", body)).data
    return Listener(GatewayClient(session, ras.url, GatewayCredentials.from_json(made)))


async def test_messages_of_the_server(listener: Listener, ras: Ras) -> None:
    """Messages arrive in order, are acknowledged, and what was missed comes later."""
    address = f"gw:{listener.push._ras.gateway_id}"
    push = ras.app[PUSH]

    async with listener.running():
        what, ready = await listener.next()
        assert (what, ready.reset) == ("ready", False)
        assert abs(ready.time - ras.clock()) < 5
        first = push.publish(address, 8, {"op": "added"}, src="ras:n1")
        second = push.publish(address, 8, {"op": "removed"}, src="ras:n1")
        assert [(await listener.next())[1]["mid"] for _ in range(2)] == [first, second]

    assert await listener.next() == ("lost", None)
    missed = push.publish(address, 8, {"op": "renamed"}, src="ras:n1")
    async with listener.running():
        assert (await listener.next())[0] == "ready"
        assert (await listener.next())[1]["mid"] == missed


async def test_message_to_the_server(listener: Listener, ras: Ras) -> None:
    """What the gateway sends arrives with its own address as the sender."""
    arrived: asyncio.Queue[dict[str, Any]] = asyncio.Queue()

    async def take(envelope: dict[str, Any], _: object) -> None:
        arrived.put_nowait(envelope)

    ras.app[PUSH].on(10, take)
    with pytest.raises(RasUnreachableError):
        await listener.push.send(10, {"online": True}, dst="ras:n1")

    async with listener.running():
        await listener.next()
        mid = await listener.push.send(10, {"online": True}, dst="ras:n1", re=None)
        async with asyncio.timeout(10):
            envelope = await arrived.get()

    assert envelope["mid"] == mid
    assert envelope["body"] == {"online": True}
    assert envelope["src"] == f"gw:{listener.push._ras.gateway_id}"


async def test_removed_gateway(listener: Listener, ras: Ras) -> None:
    """A gateway that was removed is told so, and asks for a new login."""
    async with listener.running() as task:
        await listener.next()
        await ras.person.request("DELETE", f"/v1/gateways/{listener.push._ras.gateway_id}")
        assert await listener.next() == ("lost", None)
        with pytest.raises(RasAuthError):
            await task


async def test_lost_token(listener: Listener, ras: Ras) -> None:
    """A token that ended between two connections is renewed."""
    async with listener.running():
        await listener.next()
    await listener.next()
    ras.clock.ahead = 1000

    async with listener.running():
        assert (await listener.next())[0] == "ready"


async def test_server_down(listener: Listener, ras: Ras) -> None:
    """While the server is away the gateway tries again, and connects when it is back."""
    await listener.push._ras.access_token()
    listener.push._ras.base_url = listener.push._ras.base_url.with_port(1)

    async with listener.running() as task:
        await asyncio.sleep(0.05)
        assert not task.done()
        listener.push._ras.base_url = listener.push._ras.base_url.with_port(
            int(ras.url.rpartition(":")[2])
        )
        assert (await listener.next())[0] == "ready"


async def test_sending_on_a_dead_connection(listener: Listener) -> None:
    """What cannot be sent is an error, not silence."""
    async with listener.running():
        await listener.next()
        assert listener.push._socket is not None
        listener.push._socket._response.close()

        with pytest.raises(RasUnreachableError):
            await listener.push.send(10, {"online": True}, dst="ras:n1")
