"""What the server believes of a lock: its own word counts, in the order in which it was said."""

from typing import Any

from aiohttp import ClientSession, web
from aiohttp.test_utils import TestServer
import pytest

from igrs_codec.bsld.advert import encode
from igrs_codec.bsld.frame import Bolt, Command, Door as DoorState, LockState, Operation, Status
from ras_server.app import create_app
from ras_server.keys import DATABASE
from ras_server.settings import Settings
from ras_server.vault import Vault
from tests.ras_server.application.parts import Door, Gateway
from tests.ras_server.application.test_operations import grant, online, operate, unlock
from tests.ras_server.application.test_tickets import deliver, newest, tickets, use
from tests.ras_server.client import Answer, Client
from tests.ras_server.conftest import MASTER_KEY, MovableClock
from tests.ras_server.console.reader import Reader
from tests.ras_server.sockets import Socket, started


@pytest.fixture(autouse=True)
def _stopped(clock: MovableClock) -> None:
    """Let time pass only when it is moved."""
    clock.stop()


async def shadow(client: Client, door: Door) -> dict[str, Any]:
    """Return what the server believes."""
    answer = await client.get(f"/v1/devices/{door.device_id}")
    found: dict[str, Any] = answer.data["shadow"]
    return found


async def hand_on(gateway: Gateway, door: Door, *adverts: bytes) -> Answer:
    """Hand adverts on to the server, whatever is in them."""
    seen = [
        {"device_id": door.device_id, "rssi": -60, "service_data": advert.hex()}
        for advert in adverts
    ]
    answer = await gateway.client.post(f"/v1/gateways/{gateway.id}/sightings", {"seen": seen})
    assert answer.code == 0, answer
    return answer


async def states(socket: Socket, app: web.Application) -> list[dict[str, Any]]:
    """Return the states of which a receiver was told up to now."""
    await app[DATABASE].settle()
    await socket.say(op="ping", t=1)
    told = []
    while (heard := await socket.hear())["op"] != "pong":
        if heard["msg"]["mi"] == 3:
            told.append(heard["msg"]["body"])
    return told


async def test_under_a_ticket(home: Gateway, door: Door, clock: MovableClock) -> None:
    """What happens without the server is seen from the next advert that somebody hands on."""
    ticket = newest(await tickets(home, door))
    before = await shadow(home.client, door)

    assert use(door, ticket, Command.OPERATE, clock()) is Status.OK
    await home.see(door)

    after = await shadow(home.client, door)
    assert (before["bolt"], after["bolt"]) == ("locked", "unlocked")
    assert after["source"] == "advert"
    assert 0 <= clock() - after["at"] < 64
    assert after["event"] > before["event"]


async def test_by_hand_through_a_guest(
    owner: Client, client: Client, home: Gateway, door: Door, app: web.Application
) -> None:
    """The advert proves itself, whoever hands it on; all who may know the lock are told, once."""
    guest = await client.another().enter("guest@example.org")
    await grant(owner, door, "guest@example.org")
    theirs = Gateway(await guest.gateway())
    assert home
    door.lock.turn_knob(Operation.UNLOCK)

    async with started(guest, role="user") as (socket, _):
        for _ in range(3):
            await theirs.see(door)
        told = await states(socket, app)

    assert [(body["state"]["bolt"], body["source"]) for body in told] == [("unlocked", "advert")]
    assert told[0]["device_id"] == door.device_id
    assert (await shadow(owner, door))["bolt"] == "unlocked"


async def test_stranger(owner: Client, client: Client, home: Gateway, door: Door) -> None:
    """A gateway of nobody who may know the lock is not listened to."""
    stranger = Gateway(await (await client.another().enter("eve@example.org")).gateway())
    assert home
    door.lock.turn_knob(Operation.UNLOCK)

    await stranger.see(door)

    assert (await shadow(owner, door))["bolt"] == "locked"


async def test_forged(owner: Client, home: Gateway, door: Door, clock: MovableClock) -> None:
    """An advert with any bit changed, or made with another key, changes nothing."""
    state = LockState(
        bolt=Bolt.UNLOCKED, door=DoorState.CLOSED, battery_low=False, alarm=False, clock_unset=False
    )
    own = encode(
        bytes(16), door.lock.device, 1, state=state, battery=1, counter=999, time=int(clock())
    )
    before = await shadow(owner, door)
    door.lock.turn_knob(Operation.UNLOCK)
    right = door.lock.service_data()

    flipped = [
        bytes(byte ^ (1 << bit % 8) if place == bit // 8 else byte for place, byte in each)
        for bit in range(80)
        for each in [tuple(enumerate(right))]
    ]
    await hand_on(home, door, own, right[:9], right + b"\0", b"", *flipped)

    assert await shadow(owner, door) == before
    await hand_on(home, door, right)
    assert (await shadow(owner, door))["bolt"] == "unlocked"


@pytest.mark.parametrize("seconds", [0, 60, 240, 299, 301, 800])
async def test_replayed(
    owner: Client, home: Gateway, door: Door, clock: MovableClock, seconds: int
) -> None:
    """A recorded advert changes nothing: not while it could still be true, not later."""
    recorded = door.lock.service_data()
    door.lock.turn_knob(Operation.UNLOCK)
    await home.see(door)
    clock.move(seconds)

    await hand_on(home, door, recorded)

    assert (await shadow(owner, door))["bolt"] == "unlocked"


async def test_replayed_after_a_restart(
    server: TestServer, home: Gateway, door: Door, clock: MovableClock, settings: Settings
) -> None:
    """The order of what the lock said outlives the process."""
    recorded = door.lock.service_data()
    door.lock.turn_knob(Operation.UNLOCK)
    await home.see(door)
    await server.close()

    app = create_app(settings, vault=Vault(MASTER_KEY), clock=clock)
    async with TestServer(app) as again, ClientSession() as session:
        client = Client(session, str(again.make_url("/")), home.client.outbox)
        client.token = home.client.token
        home.client = client
        await hand_on(home, door, recorded)
        after = await shadow(client, door)

    assert (after["bolt"], after["source"]) == ("unlocked", "advert")


async def test_older_than_an_answer(
    owner: Client, home: Gateway, door: Door, clock: MovableClock
) -> None:
    """An advert of before an operation does not undo what the lock answered to it."""
    recorded = door.lock.service_data()
    async with online(home, door):
        assert (await operate(owner, door, unlock(clock))).code == 0

    await hand_on(home, door, recorded)

    after = await shadow(owner, door)
    assert (after["bolt"], after["source"]) == ("unlocked", "session")


async def test_without_a_clock(owner: Client, home: Gateway, door: Door) -> None:
    """A lock that has lost its time sends what could be of any time: it is not believed."""
    door.lock.turn_knob(Operation.UNLOCK)
    door.lock.power_cycle()

    await home.see(door)

    assert (await shadow(owner, door))["bolt"] == "locked"


async def test_each_generation(owner: Client, home: Gateway, door: Door) -> None:
    """A lock that has taken its new key before the server knows is understood all the same."""
    await owner.post(f"/v1/devices/{door.device_id}/rekey", {"reason": "schedule"})
    assert len(await deliver(home, door)) == 1
    await tickets(home, door)
    path = f"/v1/devices/{door.device_id}"
    pending = await home.client.get(f"{path}/pending")
    door.connect()
    door.write([bytes.fromhex(pending.data["packets"][0]["packet"])])  # its answer is lost
    door.disconnect()
    door.lock.turn_knob(Operation.UNLOCK)

    await home.see(door)

    shown = await owner.get(path)
    assert (shown.data["gen"], door.lock.show()["generation"]) == (1, 2)
    assert shown.data["shadow"]["bolt"] == "unlocked"


async def test_heartbeat(
    owner: Client, home: Gateway, door: Door, clock: MovableClock, app: web.Application
) -> None:
    """An advert that says nothing new tells nobody, but shows how new the state is."""
    await home.see(door)
    first = await shadow(owner, door)
    times = []
    async with started(owner, role="user") as (socket, _):
        for _ in range(12):
            clock.move(30)
            door.lock.tick()
            await home.see(door)
            times.append((await shadow(owner, door))["at"])
        told = await states(socket, app)

    assert told == []
    assert len(set(times)) == 2
    assert times[-1] - first["at"] >= 300


async def test_late_report(owner: Client, home: Gateway, door: Door, clock: MovableClock) -> None:
    """What a gateway says of an earlier time, or of the order of events, moves nothing."""
    door.lock.turn_knob(Operation.UNLOCK)
    await home.see(door)
    clock.move(90)
    late = {"state": {"bolt": "locked"}, "source": "session", "at": int(clock()) - 300}
    order = {"state": {"bolt": "locked", "event": 30000}, "source": "session", "at": int(clock())}

    async with started(home.client) as (socket, _):
        await socket.send(src=f"dev:{door.device_id}", mi=3, body=late, ack=True)
        await socket.envelope()
        kept = await shadow(owner, door)
        await socket.send(src=f"dev:{door.device_id}", mi=3, body=order, ack=True)
        await socket.envelope()
        said = await shadow(owner, door)
    door.lock.tick()
    await home.see(door)
    proved = await shadow(owner, door)

    assert (kept["bolt"], kept["source"]) == ("unlocked", "advert")
    assert (said["bolt"], said["source"]) == ("locked", "gateway")
    assert (proved["bolt"], proved["source"]) == ("unlocked", "advert")


async def test_unanswered(owner: Client, home: Gateway, door: Door, clock: MovableClock) -> None:
    """After an operation without an answer nobody knows the bolt, until the lock says it."""
    recorded = door.lock.service_data()
    door.deaf = True
    async with online(home, door):
        answer = await operate(owner, door, unlock(clock))
    await hand_on(home, door, recorded)
    unknown = await shadow(owner, door)

    await home.see(door)

    known = await shadow(owner, door)
    assert answer.code == 2007
    assert (unknown["bolt"], unknown["source"]) == ("unknown", "none")
    assert (known["bolt"], known["source"]) == ("unlocked", "advert")


async def test_never_arrived(owner: Client, home: Gateway, door: Door, clock: MovableClock) -> None:
    """If the lock never heard of the operation, its next advert says so, and no earlier one."""
    door.mute = True
    async with online(home, door):
        answer = await operate(owner, door, unlock(clock))
    door.mute = False
    await home.see(door)
    unknown = await shadow(owner, door)

    clock.move(64)
    door.lock.tick()
    await home.see(door)

    known = await shadow(owner, door)
    assert answer.code == 2007
    assert unknown["bolt"] == "unknown"
    assert (known["bolt"], known["source"]) == ("locked", "advert")


async def test_asked_again(owner: Client, home: Gateway, door: Door, clock: MovableClock) -> None:
    """What the lock answers to the next question is believed at once."""
    door.mute = True
    async with online(home, door):
        assert (await operate(owner, door, unlock(clock))).code == 2007
        door.mute = False
        clock.move(2)
        path = f"/v1/devices/{door.device_id}/query"
        again = await owner.post(path, {"what": "status", "wait": 10})

    after = await shadow(owner, door)
    assert again.code == 0, again
    assert (after["bolt"], after["source"]) == ("locked", "session")


async def test_console(server: TestServer, home: Gateway, door: Door) -> None:
    """The page of a lock says what its state is, and on whose word."""
    door.lock.turn_knob(Operation.UNLOCK)
    await home.see(door)
    reader = Reader(str(server.make_url("/")), home.client.outbox)
    async with reader.session:
        await reader.log_in("anna@example.org")
        shown = await reader.get(f"/console/locks/{door.device_id}")

    assert "Unlocked" in shown.text
    assert "heard from the lock" in shown.text
