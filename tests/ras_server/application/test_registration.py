"""Registration and removal of a lock, over HTTP, with a real lock."""

from tests.ras_server.application.parts import Door, Gateway
from tests.ras_server.client import Client


async def test_register(gateway: Gateway, door: Door, owner: Client) -> None:
    """A lock whose button was pressed becomes its owner's; the gateway can then work alone."""
    answer = await gateway.register(door)

    result = answer.data["result"]
    assert result["code"] == 0
    assert result["device"]["state"] == "active"
    assert result["device"]["owner"] == owner.user_id
    assert [ticket["gen"] for ticket in result["tickets"]] == [1]
    assert list(result["k_adv"]) == ["1"]
    assert door.lock.show()["generation"] == 1
    listed = await owner.get("/v1/devices")
    assert [item["device_id"] for item in listed.data["items"]] == [door.device_id]


async def test_relay(home: Gateway, door: Door) -> None:
    """A relayed unlock moves the bolt, and tells the state that the lock told."""
    now = int((await home.client.get("/v1/info")).body["ts"])

    answer = await home.open(
        door, "exchange", {"mode": "relay", "do": [{"cmd": "unlock", "expires": now + 10}]}
    )

    assert answer.data["result"]["code"] == 0, answer
    assert answer.data["result"]["state"]["bolt"] == "unlocked"
    assert door.lock.show()["bolt"] == "unlocked"
