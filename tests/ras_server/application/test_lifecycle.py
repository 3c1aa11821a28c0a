"""Authentication, registration and removal over HTTP: who may, and what is refused."""

from dataclasses import replace

from aiohttp import web
import pytest

from igrs_codec.bsld.label import setup_code
from igrs_codec.bsld.packet import Hello
from ras_server.app import create_app
from ras_server.application.locks import LOCKS
from ras_server.settings import Settings
from ras_server.vault import Vault
from tests.ras_server.application.parts import DEVICE, K_F, Door, Gateway
from tests.ras_server.client import Answer, Client
from tests.ras_server.conftest import MASTER_KEY, MovableClock
from tests.ras_server.sockets import started

OTHER_K_F = bytes(16)


@pytest.fixture
async def neighbour(client: Client) -> Gateway:
    """Return the gateway of somebody else."""
    person = await client.another().enter("ben@example.org")
    return Gateway(await person.gateway())


async def authenticate(gateway: Gateway, door: Door, **fields: object) -> Answer:
    """Ask whether a lock may be registered."""
    body = {"gateway_id": gateway.id, "service_data": door.lock.service_data().hex()}
    return await gateway.client.post(f"/v1/devices/{door.device_id}/authenticate", body | fields)


async def remove(owner: Client, door: Door, **fields: object) -> Answer:
    """Ask for the removal of a lock."""
    return await owner.post(f"/v1/devices/{door.device_id}/remove", {"mode": "wipe"} | fields)


async def test_discovery(gateway: Gateway, door: Door) -> None:
    """A lock with an open window shows as claimable, and needs the code of its label."""
    seen = await gateway.see(door)
    asked = await authenticate(gateway, door)
    scanned = await authenticate(gateway, door, setup_code=door.setup_code)

    assert seen.data["seen"] == [
        {
            "device_id": door.device_id,
            "known": False,
            "mine": False,
            "claimable": True,
            "k_adv_gens": [],
        }
    ]
    assert asked.data == {"claimable": True, "needs": ["setup_code"]}
    assert scanned.data == {"claimable": True, "needs": []}


async def test_nothing_about_others(home: Gateway, neighbour: Gateway, door: Door) -> None:
    """Somebody else's lock is not told apart from one that does not exist."""
    seen = await neighbour.see(door)
    shown = await neighbour.client.get(f"/v1/devices/{door.device_id}")
    asked = await authenticate(neighbour, door)
    mine = await home.see(door)

    assert seen.data["seen"] == []
    assert (shown.http, shown.code) == (404, 2001)
    assert asked.code == 2002
    assert mine.data["seen"][0]["mine"]
    assert mine.data["seen"][0]["k_adv_gens"] == [1]


@pytest.mark.parametrize(
    ("code", "expected"),
    [
        pytest.param(setup_code(DEVICE, K_F)[:-1] + "A", 4001, id="misread"),
        pytest.param("1" * 32, 4001, id="not base32"),
        pytest.param(None, 2003, id="missing"),
    ],
)
async def test_wrong_setup_code(
    gateway: Gateway, door: Door, code: str | None, expected: int
) -> None:
    """A wrong setup code is refused, and the right one then works."""
    body = {"name": "Front door"} | ({"setup_code": code} if code else {})

    refused = await gateway.open(door, "register", body)

    assert refused.code == expected
    assert (await gateway.register(door)).data["result"]["code"] == 0


async def test_another_locks_code(gateway: Gateway, door: Door, clock: MovableClock) -> None:
    """A setup code that is well formed, but not this lock's, proves nothing: nothing is claimed."""
    code = setup_code(DEVICE, OTHER_K_F)

    refused = await gateway.register(door, setup_code=code)
    listed = await gateway.client.get("/v1/devices")
    clock.move(61)
    repeated = await gateway.register(door)

    assert refused.data["result"]["code"] == 2010
    assert listed.data["items"] == []
    assert repeated.data["result"]["code"] == 0


async def test_closed_window(gateway: Gateway, clock: MovableClock) -> None:
    """A lock whose button nobody pressed is not registered."""
    door = Door(clock)

    asked = await authenticate(gateway, door, setup_code=door.setup_code)
    tried = await gateway.register(door)

    assert (asked.http, asked.code) == (409, 2004)
    assert (tried.http, tried.code) == (409, 2004)


async def test_second_owner(home: Gateway, neighbour: Gateway, door: Door) -> None:
    """A lock has one owner."""
    answer = await neighbour.register(door)

    assert (answer.http, answer.code) == (409, 2002)


async def test_time_frames_are_few(gateway: Gateway, door: Door) -> None:
    """A registration that failed is tried again after 60 s, not before."""
    door.mute = True
    first = await gateway.register(door)
    door.mute = False
    second = await gateway.register(door)

    assert first.data["result"]["code"] == 2007
    assert (second.http, second.code) == (429, 5003)
    assert second.data["retry_after"] <= 61


async def test_registered_twice(home: Gateway, door: Door) -> None:
    """A registration whose last answer was lost can be repeated: it ends as it did."""
    again = await home.register(door)

    assert again.data["result"]["code"] == 0
    assert again.data["result"]["tickets"]


async def test_used_hello(home: Gateway, door: Door, clock: MovableClock) -> None:
    """A HELLO serves once."""
    hello = door.connect().hex()
    path = f"/v1/devices/{door.device_id}/exchange"
    body = {"gateway_id": home.id, "hello": hello, "do": [{"cmd": "status"}]}
    first = await home.carry(door, await home.client.post(path, body))

    second = await home.client.post(path, body)

    assert first.data["result"]["code"] == 0
    assert (second.http, second.code) == (400, 4001)


async def test_exchange_of_another(home: Gateway, neighbour: Gateway, door: Door) -> None:
    """An exchange belongs to one gateway."""
    hello = door.connect().hex()
    body = {"gateway_id": home.id, "hello": hello, "do": [{"cmd": "status"}]}
    opened = await home.client.post(f"/v1/devices/{door.device_id}/exchange", body)
    path = f"/v1/exchanges/{opened.data['exchange_id']}"

    stolen = await neighbour.client.post(path, {"notifications": []})
    unknown = await neighbour.client.post("/v1/exchanges/x-1", {"notifications": []})

    assert stolen.code == 3001
    assert (unknown.http, unknown.code) == (404, 4005)
    await home.carry(door, opened)


async def test_busy(home: Gateway, door: Door, monkeypatch: pytest.MonkeyPatch) -> None:
    """While one exchange is under way, another one with the same lock is refused."""
    monkeypatch.setattr("ras_server.application.exchanges.LEASE_WAIT", 0.01)
    body = {"gateway_id": home.id, "do": [{"cmd": "status"}]}
    path = f"/v1/devices/{door.device_id}/exchange"
    opened = await home.client.post(path, body | {"hello": door.connect().hex()})

    refused = await home.client.post(path, body | {"hello": door.lock.read_info(1).hex()})
    finished = await home.carry(door, opened)
    after = await home.open(door, "exchange", body)

    assert (refused.http, refused.code) == (409, 2006)
    assert finished.data["result"]["code"] == after.data["result"]["code"] == 0


async def test_same_step_twice(home: Gateway, door: Door) -> None:
    """A step whose answer was lost is repeated with its mid, and answered alike."""
    body = {"gateway_id": home.id, "hello": door.connect().hex(), "do": [{"cmd": "status"}]}
    opened = await home.client.post(f"/v1/devices/{door.device_id}/exchange", body)
    path = f"/v1/exchanges/{opened.data['exchange_id']}"
    heard, _ = door.write([bytes.fromhex(packet) for packet in opened.data["packets"]])
    step = {
        "mid": "01JD8Z0000000000000000000A",
        "notifications": [packet.hex() for packet in heard],
    }

    first = await home.client.post(path, step)
    second = await home.client.post(path, step)

    assert first.data["done"]
    assert second.data == first.data


async def test_remove_at_the_door(owner: Client, home: Gateway, door: Door) -> None:
    """A removed lock is nobody's, on both sides, and can be registered again."""
    answer = await home.open(door, "remove", {"mode": "wipe"}, owner)

    assert answer.data["result"]["code"] == 0
    assert door.lock.show()["generation"] == 0
    assert (await owner.get("/v1/devices")).data["items"] == []


async def test_remove_later(owner: Client, home: Gateway, door: Door) -> None:
    """A removal waits for a gateway, and wipes the lock when one comes by."""
    queued = await remove(owner, door)
    assert queued.http == 202
    assert door.lock.show()["generation"] == 1

    async with started(home.client) as (socket, _):
        answer = await home.open(door, "deliver")
        while (told := await socket.envelope())["mi"] != 8:
            pass

    assert answer.data["result"]["code"] == 0
    assert door.lock.show()["generation"] == 0
    assert told["body"] == {"device_id": door.device_id, "op": "removed"}


async def test_removal_whose_answer_is_lost(owner: Client, home: Gateway, door: Door) -> None:
    """A lock that was wiped without our knowing is found to be so at the next try."""
    door.deaf = True
    lost = await home.open(door, "remove", {"mode": "wipe"}, owner)
    door.deaf = False
    assert lost.data["result"]["code"] == 2007
    shown = await owner.get(f"/v1/devices/{door.device_id}")
    assert shown.data["state"] == "removing"

    answer = await home.open(door, "deliver")

    assert answer.data["result"]["code"] == 0
    assert (await owner.get(f"/v1/devices/{door.device_id}")).code == 2001


async def test_forget(owner: Client, home: Gateway, door: Door) -> None:
    """A forgotten lock is unknown here; the lock itself has to be reset by hand."""
    answer = await remove(owner, door, mode="forget")

    assert answer.http == 200
    assert (await home.client.get(f"/v1/devices/{door.device_id}")).code == 2001
    door.lock.press_button(11)
    assert door.lock.show()["generation"] == 0


@pytest.mark.parametrize("what", ["remove", "rekey", "revoke-all"])
async def test_only_the_owner(home: Gateway, door: Door, owner: Client, what: str) -> None:
    """A gateway may not remove, re-key or revoke; nor a login of long ago."""
    path = f"/v1/devices/{door.device_id}/{what}"
    body = {"mode": "forget", "reason": "schedule"}

    assert (await home.client.post(path, body)).code == 3001
    assert (await owner.post(path, body)).http < 300


async def test_old_login(owner: Client, home: Gateway, door: Door, clock: MovableClock) -> None:
    """A removal needs a login of the last five minutes."""
    assert home
    clock.move(301)

    answer = await remove(owner, door)

    assert (answer.http, answer.code) == (401, 1005)


@pytest.mark.parametrize("id_", ["A1B2C3D4E5", "A1B2C3D4E5FG", "A1B2C3D4E5F6%0A"])
async def test_malformed_device_id(owner: Client, id_: str) -> None:
    """A device id has 12 hexadecimal characters."""
    answer = await owner.get(f"/v1/devices/{id_}")

    assert (answer.http, answer.code) == (400, 2009)


@pytest.mark.parametrize("id_", ["a1b2c3d4e5f6", "A1:B2:C3:D4:E5:F6", "a1-b2-c3-d4-e5-f6"])
async def test_device_id_forms(home: Gateway, id_: str) -> None:
    """Separators and case do not matter; the answer is canonical."""
    answer = await home.client.get(f"/v1/devices/{id_}")

    assert answer.data["device_id"] == "A1B2C3D4E5F6"


async def test_rename(owner: Client, home: Gateway, door: Door) -> None:
    """A change names the state it is made from."""
    path = f"/v1/devices/{door.device_id}"
    rev = (await home.client.get(path)).data["rev"]

    renamed = await owner.request("PATCH", path, {"rev": rev, "name": "Back door"})
    late = await owner.request("PATCH", path, {"rev": rev, "name": "Cellar"})

    assert renamed.data["name"] == "Back door"
    assert (late.http, late.code) == (412, 4007)


def test_settings_are_enough(settings: Settings) -> None:
    """The application needs nothing but its settings and its key."""
    assert create_app(settings, vault=Vault(MASTER_KEY))


async def test_forgotten_meanwhile(owner: Client, home: Gateway, door: Door) -> None:
    """A lock that is forgotten while a gateway is connected to it does not come back."""
    opened = await home.client.post(
        f"/v1/devices/{door.device_id}/exchange",
        {"gateway_id": home.id, "hello": door.connect().hex(), "do": [{"cmd": "status"}]},
    )
    path = f"/v1/devices/{door.device_id}"
    forgotten = await owner.post(f"{path}/remove", {"mode": "forget"})

    ended = await home.carry(door, opened)

    assert forgotten.http == 200
    assert ended.data["done"]
    assert (await owner.get(path)).code == 2001
    assert (await owner.get("/v1/devices")).data["items"] == []


async def test_nothing_is_left_of_a_try(
    app: web.Application, gateway: Gateway, door: Door, clock: MovableClock
) -> None:
    """Who asks for the registration of any device does not fill the memory of the server."""
    for number in range(3):
        clock.move(61)
        stranger = Door(clock, device=bytes((2, 0, 0, 0, 0, number)))
        refused = await gateway.register(stranger)
        assert refused.code == 2004, refused
    assert not any(app[LOCKS].get(f"0200000000{number:02}") for number in range(3))
    door.lock.press_button(1)
    clock.move(61)
    assert (await gateway.register(door)).data["result"]["code"] == 0


async def test_removal_by_word_of_a_guest(
    owner: Client, neighbour: Gateway, home: Gateway, door: Door
) -> None:
    """A HELLO that anybody can make up removes no lock, unless one of the household tells it."""
    named = {"kind": "account", "account": {"type": "email", "value": "ben@example.org"}}
    path = f"/v1/devices/{door.device_id}"
    await owner.post(f"{path}/grants", {"subject": named, "rights": ["lock"]})
    assert home
    await remove(owner, door)
    real = Hello.from_bytes(door.connect())
    made_up = bytes(replace(real, gen=0, nonce=bytes(12)))

    refused = await neighbour.client.post(
        f"{path}/deliver", {"gateway_id": neighbour.id, "hello": made_up.hex()}
    )

    assert refused.code == 3001
    assert (await owner.get(path)).data["state"] == "removing"
    told = await home.client.post(
        f"{path}/deliver", {"gateway_id": home.id, "hello": bytes(replace(real, gen=0)).hex()}
    )
    assert told.data["done"]
    assert (await owner.get(path)).code == 2001
