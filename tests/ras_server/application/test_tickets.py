"""Tickets and queued frames: what a gateway needs to work without the server."""

import os

from aiohttp import web
import pytest

from igrs_codec.bsld.frame import Command, Status
from igrs_codec.bsld.session import Answered, ClientSession
from igrs_codec.bsld.ticket import Ticket
from igrs_codec.errors import IgrsError
from ras_server.application.audit import AUDIT
from tests.ras_server.application.parts import DEVICE, Door, Gateway
from tests.ras_server.application.test_operations import grant
from tests.ras_server.client import Answer, Client
from tests.ras_server.conftest import MovableClock


async def tickets(gateway: Gateway, door: Door, **fields: object) -> Answer:
    """Ask for tickets."""
    return await gateway.client.post(
        f"/v1/devices/{door.device_id}/tickets", {"gateway_id": gateway.id} | fields
    )


def use(door: Door, ticket: Ticket, command: Command, now: float) -> Status | None:
    """Use a ticket at the lock, without the server; return the lock's status, None if silent."""
    session = ClientSession(ticket, door.connect(), now)
    packets = [session.auth(), session.request(command, 1, 0, now=now, rnd=os.urandom(4))]
    heard, _ = door.write(packets)
    status = None
    for packet in heard:
        try:
            event = session.receive(packet, now)
        except IgrsError:
            continue
        if isinstance(event, Answered):
            status = event.status
    door.disconnect()
    return status


def newest(answer: Answer) -> Ticket:
    """Return the last ticket of an answer."""
    return Ticket.from_json(DEVICE, answer.data["tickets"][-1])


async def deliver(gateway: Gateway, door: Door) -> list[str]:
    """Carry the queued frames as a gateway that has them in its pocket; return the packets."""
    path = f"/v1/devices/{door.device_id}/pending"
    carried: list[str] = []
    while True:
        pending = (await gateway.client.get(path)).data["packets"]
        if not pending or len(carried) > 10:
            return carried
        packet = pending[0]["packet"]
        carried.append(packet)
        door.connect()
        heard, _ = door.write([bytes.fromhex(packet)])
        door.disconnect()
        told = await gateway.client.post(
            path, {"gateway_id": gateway.id, "notifications": [each.hex() for each in heard]}
        )
        assert told.http == 200, told


async def test_works_without_server(home: Gateway, door: Door, clock: MovableClock) -> None:
    """A ticket opens the lock with the server out of reach."""
    answer = await tickets(home, door, rights=["unlock"], ttl=3600)

    ticket = newest(answer)
    assert ticket.expires == int(clock()) + 3600
    assert use(door, ticket, Command.OPERATE, clock()) is Status.OK
    assert door.lock.show()["bolt"] == "unlocked"


async def test_lifetime(home: Gateway, door: Door, clock: MovableClock) -> None:
    """A gateway's ticket lives for a day at most."""
    answer = await tickets(home, door, ttl=7 * 86400)

    assert newest(answer).expires <= int(clock()) + 86400


async def test_limits_of_a_grant(
    owner: Client, client: Client, home: Gateway, door: Door, clock: MovableClock
) -> None:
    """A guest's ticket has no right and no day more than the grant, and no key of adverts."""
    guest = await client.another().enter("guest@example.org")
    until = int(clock()) + 600
    await grant(owner, door, "guest@example.org", rights=["unlock"], valid={"until": until})
    theirs = Gateway(await guest.gateway())

    answer = await tickets(theirs, door)
    await home.open(door, "deliver")

    assert answer.data["k_adv"] == {}
    assert answer.data["tickets"][0]["rights"] == ["unlock"]
    assert newest(answer).expires <= until
    assert use(door, newest(answer), Command.OPERATE, clock()) is Status.OK


async def test_revoked_guest(
    owner: Client, client: Client, home: Gateway, door: Door, clock: MovableClock
) -> None:
    """A revoked guest gets no ticket, and his row at the lock is deleted."""
    guest = await client.another().enter("guest@example.org")
    granted = await grant(owner, door, "guest@example.org")
    theirs = Gateway(await guest.gateway())
    ticket = newest(await tickets(theirs, door))
    await deliver(home, door)
    assert use(door, ticket, Command.OPERATE, clock()) is Status.OK

    await owner.request("DELETE", f"/v1/grants/{granted.data['grant_id']}")
    refused = await tickets(theirs, door)
    await deliver(home, door)

    assert (refused.http, refused.code) == (403, 3003)
    assert use(door, ticket, Command.OPERATE, clock()) is None


async def test_revoke_all(owner: Client, home: Gateway, door: Door, clock: MovableClock) -> None:
    """A raised epoch ends every ticket; new ones work."""
    ticket = newest(await tickets(home, door))
    queued = await owner.post(f"/v1/devices/{door.device_id}/revoke-all")
    assert queued.http == 202

    assert len(await deliver(home, door)) == 1

    assert use(door, ticket, Command.OPERATE, clock()) is None
    fresh = newest(await tickets(home, door))
    assert fresh.epoch == 2
    assert use(door, fresh, Command.OPERATE, clock()) is Status.OK


async def test_scheduled_rekey(
    owner: Client, home: Gateway, door: Door, clock: MovableClock
) -> None:
    """A scheduled re-key commits only after the gateways hold tickets of the next generation."""
    old = newest(await tickets(home, door))
    await owner.post(f"/v1/devices/{door.device_id}/rekey", {"reason": "schedule"})

    prepared = await deliver(home, door)
    both = await tickets(home, door)
    assert use(door, old, Command.OPERATE, clock()) is Status.OK
    committed = await deliver(home, door)

    assert (len(prepared), len(committed)) == (1, 1)
    assert [ticket["gen"] for ticket in both.data["tickets"]] == [1, 2]
    assert list(both.data["k_adv"]) == ["1", "2"]
    assert door.lock.show()["generation"] == 2
    assert use(door, old, Command.OPERATE, clock()) is None
    assert use(door, newest(both), Command.OPERATE, clock()) is Status.OK


async def test_rekey_after_compromise(
    owner: Client, home: Gateway, door: Door, clock: MovableClock
) -> None:
    """After a compromise the key is new, by X25519, in one exchange; old tickets are dead."""
    old = newest(await tickets(home, door))
    await owner.post(f"/v1/devices/{door.device_id}/rekey", {"reason": "compromise"})
    clock.move(61)

    answer = await home.open(door, "deliver")

    assert answer.data["result"]["code"] == 0, answer
    assert door.lock.show()["generation"] == 2
    assert use(door, old, Command.OPERATE, clock()) is None
    assert use(door, newest(await tickets(home, door)), Command.OPERATE, clock()) is Status.OK


@pytest.mark.parametrize(
    ("supplied", "generation"),
    [
        pytest.param(False, 2, id="replaces the one that waits for tickets"),
        pytest.param(True, 3, id="follows the one that can be committed"),
    ],
)
async def test_compromise_during_a_schedule(
    owner: Client,
    home: Gateway,
    door: Door,
    clock: MovableClock,
    *,
    supplied: bool,
    generation: int,
) -> None:
    """A re-key on schedule that is under way does not do for the one after a compromise."""
    path = f"/v1/devices/{door.device_id}/rekey"
    await owner.post(path, {"reason": "schedule"})
    await deliver(home, door)
    if supplied:
        await tickets(home, door)
    await owner.post(path, {"reason": "compromise"})

    for _ in range(3):
        clock.move(61)
        await home.open(door, "deliver")

    audit = (await owner.get("/v1/audit")).data["items"]
    assert door.lock.show()["generation"] == generation
    assert "key.code_key" in [each["entry"]["action"] for each in audit]
    assert use(door, newest(await tickets(home, door)), Command.OPERATE, clock()) is Status.OK


async def test_same_frame_for_all(owner: Client, home: Gateway, door: Door) -> None:
    """One frame is outstanding: every gateway gets the same one until it is answered."""
    other = Gateway(await owner.gateway("Phone"))
    await owner.post(f"/v1/devices/{door.device_id}/revoke-all")
    path = f"/v1/devices/{door.device_id}/pending"

    first, second = await home.client.get(path), await other.client.get(path)

    assert first.data["packets"]
    assert first.data == second.data


async def test_rejected_frame(
    owner: Client, home: Gateway, door: Door, clock: MovableClock
) -> None:
    """A frame that the lock answers with ERR is issued again after a minute, with a new time."""
    await owner.post(f"/v1/devices/{door.device_id}/revoke-all")
    path = f"/v1/devices/{door.device_id}/pending"
    first = (await home.client.get(path)).data["packets"][0]["packet"]
    error = "6000" + first[4:8] + "00" * 16
    await home.client.post(path, {"gateway_id": home.id, "notifications": [error]})

    waiting = await home.client.get(path)
    clock.move(61)
    again = await home.client.get(path)

    assert waiting.data["packets"] == []
    assert again.data["packets"][0]["packet"] != first
    assert len(await deliver(home, door)) == 1


async def test_doubted_epoch(home: Gateway, door: Door) -> None:
    """A gateway that reports a wrong epoch makes the server ask the lock, and raise nothing."""
    await tickets(home, door, reason="epoch")

    assert len(await deliver(home, door)) == 1

    assert newest(await tickets(home, door)).epoch == 1


async def test_list(owner: Client, home: Gateway, door: Door) -> None:
    """The list of tickets tells no secret."""
    answer = await tickets(home, door)

    listed = await owner.get(f"/v1/devices/{door.device_id}/tickets")

    newest_item = listed.data["items"][0]
    assert set(newest_item) == {"tid", "gateway", "rights", "expires"}
    assert newest_item["tid"] == answer.data["tickets"][0]["tid"]


async def test_list_of_a_guest(
    owner: Client, client: Client, home: Gateway, door: Door, clock: MovableClock
) -> None:
    """A guest sees his own tickets, whichever of his grants they rest on, and nobody else's."""
    guest = await client.another().enter("guest@example.org")
    await grant(owner, door, "guest@example.org", pin="2580")
    clock.move(1)
    await grant(owner, door, "guest@example.org")
    await tickets(home, door)
    own = await tickets(Gateway(await guest.gateway()), door)

    listed = await guest.get(f"/v1/devices/{door.device_id}/tickets")

    wanted = [each["tid"] for each in own.data["tickets"]]
    assert [each["tid"] for each in listed.data["items"]] == wanted


async def test_removed_gateway(
    owner: Client, home: Gateway, door: Door, clock: MovableClock
) -> None:
    """A gateway that is removed leaves a lock with a new epoch and a new key."""
    other = Gateway(await owner.gateway("Stolen"))
    stolen = newest(await tickets(other, door))
    removed = await owner.request("DELETE", f"/v1/gateways/{other.id}")
    assert removed.http == 200, removed
    clock.move(61)

    await home.open(door, "deliver")

    assert use(door, stolen, Command.OPERATE, clock()) is None
    assert door.lock.show()["generation"] == 2


async def test_removed_gateway_among_many(
    app: web.Application, owner: Client, home: Gateway, door: Door, clock: MovableClock
) -> None:
    """However many tickets others took since, no lock of a removed gateway is passed over."""
    other = Gateway(await owner.gateway("Stolen"))
    stolen = newest(await tickets(other, door))
    for tid in range(1100):
        app[AUDIT].append(
            "ticket.issue",
            f"gw:{home.id}",
            "dev:0A0B0C0D0E0F",
            detail={"expires": stolen.expires, "gateway": home.id, "gens": [1], "tid": tid},
        )
    await owner.request("DELETE", f"/v1/gateways/{other.id}")
    clock.move(61)

    await home.open(door, "deliver")

    assert use(door, stolen, Command.OPERATE, clock()) is None
    assert door.lock.show()["generation"] == 2


async def test_removed_gateway_of_long_ago(
    owner: Client, home: Gateway, door: Door, clock: MovableClock
) -> None:
    """A gateway whose tickets have ended still knows K_adv: with its removal the key changes."""
    assert home
    other = Gateway(await owner.gateway("Stolen"))
    assert (await tickets(other, door)).data["k_adv"]
    clock.move(3 * 86400)
    await owner.log_in("anna@example.org")

    await owner.request("DELETE", f"/v1/gateways/{other.id}")
    clock.move(61)
    await Gateway(await owner.gateway("New")).open(door, "deliver")

    assert door.lock.show()["generation"] == 2
