"""A lock changes hands; a lock is lost and found; the server's clock is accepted."""

from typing import Any

from aiohttp import web
import pytest

from ras_server.application.locks import LOCKS
from tests.ras_server.application.parts import Door, Gateway
from tests.ras_server.client import Answer, Client
from tests.ras_server.conftest import MovableClock
from tests.ras_server.sockets import started

BEN = "ben@example.org"


@pytest.fixture
async def ben(client: Client) -> Client:
    """Return the one who takes over."""
    return await client.another().enter(BEN)


async def offer(owner: Client, door: Door, account: str = BEN) -> Answer:
    """Offer a lock."""
    named = {"type": "email", "value": account}
    return await owner.post(f"/v1/devices/{door.device_id}/transfer", {"account": named})


async def accept(person: Client, transfer_id: str) -> Answer:
    """Accept an offer."""
    return await person.post(f"/v1/transfers/{transfer_id}/accept")


async def test_hand_over(
    owner: Client, ben: Client, home: Gateway, door: Door, clock: MovableClock
) -> None:
    """The new owner has the lock; of the old one nothing is left, here or at the lock."""
    named = {"kind": "account", "account": {"type": "email", "value": "guest@example.org"}}
    path = f"/v1/devices/{door.device_id}"
    await owner.post(f"{path}/grants", {"subject": named, "rights": ["unlock"]})
    code = await owner.post(f"{path}/codes", {"class": 2})
    held = await home.client.post(f"{path}/tickets", {"gateway_id": home.id})
    await home.open(door, "deliver")

    offered = await offer(owner, door)
    listed = await ben.get("/v1/transfers")
    taken = await accept(ben, offered.data["transfer_id"])

    assert offered.http == 201
    assert listed.data["items"][0]["from"] == "Anna"
    assert listed.data["items"][0]["to"] is None
    assert taken.http == 200, taken
    assert (await owner.get(path)).code == 2001
    assert (await home.client.get(f"{path}/pending")).code == 2001
    gateway = Gateway(await ben.gateway())
    await gateway.see(door)
    for _ in range(3):
        clock.move(61)
        delivered = await gateway.open(door, "deliver")
        assert delivered.data["result"]["code"] == 0, delivered
    opened = await gateway.open(door, "exchange", {"do": [{"cmd": "lock"}]})
    assert opened.data["result"]["code"] == 0
    assert door.lock.show()["generation"] == 2
    assert not door.lock.type_code(code.data["code"])
    users = await ben.get(f"{path}/users")
    assert [user["synced"] for user in users.data["items"]] == [True]
    assert not _opens(door, held.data["tickets"][0]["packet"])
    log = await ben.get(f"{path}/log")
    assert log.data["items"] == []


def _opens(door: Door, packet: str) -> bool:
    """Return whether a ticket still gets an answer of a session."""
    door.connect()
    heard, _ = door.write([bytes.fromhex(packet)])
    door.disconnect()
    return any(each[0] == 0x62 for each in heard)


async def test_who_may(owner: Client, ben: Client, home: Gateway, door: Door) -> None:
    """Only the person it was offered to accepts; both may end the offer."""
    assert home
    offered = await offer(owner, door)
    transfer_id = offered.data["transfer_id"]
    eve = await ben.another().enter("eve@example.org")

    assert (await accept(eve, transfer_id)).code == 4005
    assert (await accept(owner, transfer_id)).code == 3001
    assert (await eve.request("DELETE", f"/v1/transfers/{transfer_id}")).code == 4005
    assert (await ben.request("DELETE", f"/v1/transfers/{transfer_id}")).http == 200
    assert (await accept(ben, transfer_id)).code == 4005
    assert (await offer(ben, door)).code == 2001


async def test_offer_ends(
    owner: Client, ben: Client, home: Gateway, door: Door, clock: MovableClock
) -> None:
    """A second offer replaces the first, and an old one is nothing."""
    assert home
    first = await offer(owner, door, "somebody@example.org")
    second = await offer(owner, door)
    assert len((await owner.get("/v1/transfers")).data["items"]) == 1
    assert (await accept(ben, first.data["transfer_id"])).code == 4005

    clock.move(8 * 86400)
    await ben.log_in(BEN)

    assert (await accept(ben, second.data["transfer_id"])).code == 4005


async def test_unknown_receiver(owner: Client, home: Gateway, door: Door) -> None:
    """The answer does not tell whether an account is registered."""
    assert home
    registered = await offer(owner, door)
    unknown = await offer(owner, door, "nobody@example.org")

    assert registered.http == unknown.http == 201
    assert registered.data.keys() == unknown.data.keys()


async def unlock(caller: Client, door: Door, clock: MovableClock) -> Answer:
    """Ask for an unlock."""
    body = {"cmd": "unlock", "expires": int(clock()) + 15}
    return await caller.post(f"/v1/devices/{door.device_id}/operate", body)


async def test_lost_and_found(
    owner: Client, ben: Client, home: Gateway, door: Door, clock: MovableClock
) -> None:
    """A lost lock lets nobody in; its owner is told when anybody hears it; found, it opens."""
    path = f"/v1/devices/{door.device_id}/lost"
    lost = await owner.request("PUT", path)
    body = {"gateway_id": home.id}
    stranger = Gateway(await ben.gateway())

    assert lost.http == 202
    assert (await unlock(owner, door, clock)).code == 3001
    assert (await home.client.post(f"{path[:-5]}/tickets", body)).code == 3001
    async with started(owner, role="user") as (socket, _):
        seen = await stranger.see(door)
        event = await _event(socket)
        assert seen.data["seen"] == []
        assert event["body"] == {
            "device_id": door.device_id,
            "event": "found",
            "at": event["body"]["at"],
            "gateway": None,
        }
    await owner.request("DELETE", path)
    opened = await home.open(
        door, "exchange", {"do": [{"cmd": "unlock", "expires": int(clock()) + 15}]}
    )
    assert opened.data["result"]["state"]["bolt"] == "unlocked"


async def _event(socket: Any) -> dict[str, Any]:
    """Return the next event that says where a lock is."""
    while True:
        envelope: dict[str, Any] = await socket.envelope()
        if envelope["mi"] == 9 and envelope["body"].get("event") == "found":
            return envelope


async def test_forged_advert_of_a_lost_lock(
    owner: Client, ben: Client, home: Gateway, door: Door
) -> None:
    """An advert that is not authentic finds nothing."""
    assert home
    await owner.request("PUT", f"/v1/devices/{door.device_id}/lost")
    stranger = await ben.gateway()
    forged = bytearray(door.lock.service_data())
    forged[-1] ^= 1
    sighting = {"device_id": door.device_id, "rssi": -60, "service_data": forged.hex()}

    await stranger.post(f"/v1/gateways/{stranger.gateway_id}/sightings", {"seen": [sighting]})

    audit = await owner.get("/v1/audit")
    assert not [each for each in audit.data["items"] if "device.heard" in str(each)]


async def test_clock_goes_back(
    owner: Client, home: Gateway, door: Door, clock: MovableClock, app: web.Application
) -> None:
    """A clock that went back is not believed, whatever is written to the audit meanwhile."""
    clock.stop()
    clock.move(800)
    assert (await home.open(door, "exchange", {"do": [{"cmd": "status"}]})).http == 200
    clock.set_back(600)
    path = f"/v1/devices/{door.device_id}/tickets"

    refused = await home.client.post(path, {"gateway_id": home.id})
    await owner.post("/v1/auth/logout")  # one more entry with the lower time
    still = await home.client.post(path, {"gateway_id": home.id})

    assert (refused.http, refused.code) == (503, 5004)
    assert still.code == 5004
    app[LOCKS].confirm_clock(int(clock()))
    assert (await home.client.post(path, {"gateway_id": home.id})).http == 200


async def test_people_of_before(
    owner: Client, ben: Client, home: Gateway, door: Door, clock: MovableClock
) -> None:
    """The new owner does not learn whom the one before had let in, nor when they came."""
    assert home
    named = {"kind": "account", "account": {"type": "email", "value": "guest@example.org"}}
    path = f"/v1/devices/{door.device_id}/grants"
    given = await owner.post(path, {"subject": named, "rights": ["unlock"]})
    grant = f"/v1/grants/{given.data['grant_id']}"
    clock.move(5)
    await accept(ben, (await offer(owner, door)).data["transfer_id"])
    clock.move(5)
    mine = await ben.post(path, {"subject": named, "rights": ["lock"]})
    await ben.request("DELETE", f"/v1/grants/{mine.data['grant_id']}")

    listed = await ben.get(path)

    assert [each["grant_id"] for each in listed.data["items"]] == [mine.data["grant_id"]]
    assert (await ben.get(grant)).code == 4005
    assert (await ben.get(f"{grant}/uses")).code == 4005
    assert (await ben.request("DELETE", grant)).code == 4005
