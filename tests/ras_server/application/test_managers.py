"""A gateway manages access for its owner: allowed by him, bounded, told, ended with its right."""

from typing import Any

import pytest

from tests.ras_server.application.parts import Door, Gateway
from tests.ras_server.application.test_codes import cancel, states
from tests.ras_server.application.test_grants import told
from tests.ras_server.client import Answer, Client
from tests.ras_server.conftest import MovableClock
from tests.ras_server.sockets import started

DAY = 86400
PLUMBER = {"kind": "link", "name": "Plumber"}


@pytest.fixture
async def manager(owner: Client, home: Gateway) -> Gateway:
    """Return the gateway of the home, which may manage access."""
    answer = await owner.request("PUT", f"/v1/gateways/{home.id}/manager")
    assert (answer.http, answer.data) == (200, {"manages": True})
    return home


def terms(owner: Client, clock: MovableClock, days: float = 1, **fields: Any) -> dict[str, Any]:
    """Return what a gateway asks for the owner."""
    body = {
        "subject": PLUMBER,
        "rights": ["unlock", "lock"],
        "valid": {"until": int(clock() + days * DAY)},
        "person": owner.user_id,
    }
    return {name: value for name, value in (body | fields).items() if value is not None}


async def give(gateway: Gateway, door: Door, body: dict[str, Any]) -> Answer:
    """Let a gateway give a grant."""
    return await gateway.client.post(f"/v1/devices/{door.device_id}/grants", body)


async def issue(gateway: Gateway, door: Door, **fields: Any) -> Answer:
    """Let a gateway give out a code."""
    return await gateway.client.post(f"/v1/devices/{door.device_id}/codes", {"class": 1} | fields)


async def test_not_by_itself(owner: Client, home: Gateway, door: Door, clock: MovableClock) -> None:
    """A gateway manages nothing before its owner lets it, and cannot let itself."""
    path = f"/v1/devices/{door.device_id}"
    itself = await home.client.request("PUT", f"/v1/gateways/{home.id}/manager")
    answers = [
        await give(home, door, terms(owner, clock)),
        await issue(home, door),
        await home.client.get(f"{path}/grants"),
        await home.client.get(f"{path}/codes"),
        await home.client.request("DELETE", f"{path}/codes/c-1"),
    ]

    assert itself.code == 3001
    assert [each.code for each in answers] == [3001] * 5
    assert {each.data["needs"] for each in answers} == {"manager"}
    assert not (await owner.get(f"{path}/grants")).data["items"]
    shown = await owner.get(f"/v1/gateways/{home.id}")
    assert shown.data["manages"] is False


async def test_old_login(owner: Client, home: Gateway, door: Door, clock: MovableClock) -> None:
    """To let a gateway manage needs a login of at most five minutes."""
    assert door
    clock.move(400)

    answer = await owner.request("PUT", f"/v1/gateways/{home.id}/manager")

    assert answer.code == 1005


async def test_somebody_elses(owner: Client, manager: Gateway, door: Door) -> None:
    """Nobody lets the gateway of another, and no gateway manages locks of another."""
    carl = await owner.another().enter("carl@example.org")
    other = Gateway(await carl.gateway())
    await carl.request("PUT", f"/v1/gateways/{other.id}/manager")

    stolen = await carl.request("DELETE", f"/v1/gateways/{manager.id}/manager")
    foreign = await issue(other, door)

    assert stolen.code == 4005
    assert foreign.code == 2001


async def test_grants(owner: Client, manager: Gateway, door: Door, clock: MovableClock) -> None:
    """A manager gives, changes, lists and ends grants; each act is told and audited."""
    async with started(owner, role="user") as (socket, _):
        given = await give(manager, door, terms(owner, clock))
        heard = await told(socket, "access_managed")
    assert given.http == 201, given
    assert given.data["token"]
    path = f"/v1/grants/{given.data['grant_id']}"
    changed = await manager.client.request(
        "PUT", path, terms(owner, clock, 2, uses={"max": 3}, pin="4711", rev=given.data["rev"])
    )
    kept = await manager.client.request(
        "PUT", path, terms(owner, clock, 2, keep_pin=True, rev=changed.data["rev"])
    )
    dropped = await manager.client.request(
        "PUT", path, terms(owner, clock, 2, rev=kept.data["rev"])
    )
    listed = await manager.client.get(f"/v1/devices/{door.device_id}/grants")
    ended = await manager.client.request("DELETE", path, {"person": owner.user_id})

    assert (heard["act"], heard["gateway"]) == ("grant.create", manager.id)
    assert heard["object"] == given.data["grant_id"]
    assert heard["mid"] == given.body["mid"]
    assert changed.data["uses"]["max"] == 3
    assert [each.data["pin"] for each in (changed, kept, dropped)] == [True, True, False]
    assert [each["grant_id"] for each in listed.data["items"]] == [given.data["grant_id"]]
    assert ended.http == 200
    assert (await owner.get(path)).data["revoked"]
    entries = (await owner.get("/v1/audit?before=999999")).data["items"]
    acts = [each["entry"] for each in entries if each["entry"]["action"] == "access.managed"]
    assert [each["detail"]["act"] for each in reversed(acts)] == [
        "grant.create",
        *["grant.change"] * 3,
        "grant.revoke",
    ]
    assert {each["actor"] for each in acts} == {f"gw:{manager.id}"}
    assert {each["detail"]["person"] for each in acts} == {owner.user_id}


async def test_mid_of_another_act(
    owner: Client, manager: Gateway, door: Door, clock: MovableClock
) -> None:
    """Each act has a mid of its own: by it a gateway knows what somebody did with its login."""
    grants = [(await give(manager, door, terms(owner, clock))).data["grant_id"] for _ in range(2)]
    person = {"person": owner.user_id}
    ended = await manager.client.request("DELETE", f"/v1/grants/{grants[0]}", person)
    hidden = await manager.client.request(
        "DELETE", f"/v1/grants/{grants[1]}", person | {"mid": ended.body["mid"]}
    )

    assert ended.http == 200
    assert hidden.code == 4003
    assert not (await owner.get(f"/v1/grants/{grants[1]}")).data["revoked"]


@pytest.mark.parametrize(
    ("fields", "code"),
    [
        pytest.param({"person": None}, 3001, id="for nobody"),
        pytest.param({"person": "u-somebody"}, 3001, id="for somebody else"),
        pytest.param({"valid": {}}, 4001, id="without an end"),
    ],
)
async def test_bounds(
    owner: Client,
    manager: Gateway,
    door: Door,
    clock: MovableClock,
    *,
    fields: dict[str, Any],
    code: int,
) -> None:
    """A manager gives for the owner only, and nothing without an end."""
    assert (await give(manager, door, terms(owner, clock, **fields))).code == code


async def test_end_within_90_days(
    owner: Client, manager: Gateway, door: Door, clock: MovableClock
) -> None:
    """What a manager gives ends within 90 days, also when it is changed."""
    late = await give(manager, door, terms(owner, clock, 91))
    given = await give(manager, door, terms(owner, clock, 89))
    path = f"/v1/grants/{given.data['grant_id']}"
    prolonged = await manager.client.request(
        "PUT", path, terms(owner, clock, 91, rev=given.data["rev"])
    )

    assert late.code == 4001
    assert given.http == 201
    assert prolonged.code == 4001


async def test_grants_of_the_owner(
    owner: Client, manager: Gateway, door: Door, clock: MovableClock
) -> None:
    """A manager changes only what it gave; it may end what others gave."""
    given = await owner.post(
        f"/v1/devices/{door.device_id}/grants", {"subject": PLUMBER, "rights": ["lock"]}
    )
    path = f"/v1/grants/{given.data['grant_id']}"
    changed = await manager.client.request("PUT", path, terms(owner, clock, rev=given.data["rev"]))
    ended = await manager.client.request("DELETE", path, {"person": owner.user_id})

    assert changed.code == 3001
    assert ended.http == 200


async def test_codes(owner: Client, manager: Gateway, door: Door, clock: MovableClock) -> None:
    """A manager gives out short codes by itself, long ones for the owner only."""
    alone = [await issue(manager, door, **{"class": each}) for each in range(5)]
    week = await issue(manager, door, **{"class": 3}, person=owner.user_id)
    far = await issue(manager, door, at=int(clock() + 30 * DAY))
    cancelled = await cancel(manager.client, door, alone[1].data["code_id"])

    assert [each.code for each in alone] == [0, 0, 0, 3001, 3001]
    assert door.lock.type_code(alone[2].data["code"])
    assert week.http == 201
    assert far.code == 4001
    assert cancelled.http == 202
    assert await states(manager.client, door) == ["live", "cancelled", "live", "live"]


async def test_number_of_codes(
    owner: Client, manager: Gateway, door: Door, clock: MovableClock
) -> None:
    """A manager has at most 16 codes out; those that are over do not count."""
    issued = [
        await issue(manager, door, at=int(clock() + number // 2 * 3600)) for number in range(17)
    ]
    clock.move(30 * 3600)
    await owner.log_in("anna@example.org")
    renewed = await owner.post(f"/v1/gateways/{manager.id}/rotate")
    await manager.client.log_in_gateway(renewed.data)
    later = await issue(manager, door)

    assert [each.code for each in issued] == [0] * 16 + [2013]
    assert later.http == 201


@pytest.mark.parametrize("removed", [False, True], ids=["withdrawn", "gateway removed"])
async def test_ends_with_the_right(
    owner: Client, manager: Gateway, door: Door, clock: MovableClock, *, removed: bool
) -> None:
    """All that a manager gave ends with its right to give; what the owner gave stays."""
    await give(manager, door, terms(owner, clock))
    await issue(manager, door)
    own = await owner.post(
        f"/v1/devices/{door.device_id}/grants", {"subject": PLUMBER, "rights": ["lock"]}
    )

    path = f"/v1/gateways/{manager.id}"
    ended = await owner.request("DELETE", path if removed else f"{path}/manager")

    assert ended.http == 200
    listed = (await owner.get(f"/v1/devices/{door.device_id}/grants")).data["items"]
    live = [each["grant_id"] for each in listed if each["revoked"] is None]
    assert live == [own.data["grant_id"]]
    assert "live" not in await states(owner, door)
    if not removed:
        assert (await issue(manager, door)).code == 3001


async def test_what_was_over(
    owner: Client, manager: Gateway, door: Door, clock: MovableClock
) -> None:
    """A right that ends cancels the codes that could be typed, not those that are long over."""
    for each in range(2):
        assert (await issue(manager, door, at=int(clock() + each * 3 * DAY))).http == 201
    clock.move(3 * DAY)
    await owner.log_in("anna@example.org")

    await owner.request("DELETE", f"/v1/gateways/{manager.id}/manager")

    assert await states(owner, door) == ["ended", "cancelled"]


async def test_audit(owner: Client, home: Gateway, door: Door) -> None:
    """A gateway reads what the audit says of its owner's devices, and nothing of his logins."""
    own = (await owner.get("/v1/audit")).data["items"]
    seen = (await home.client.get("/v1/audit")).data["items"]
    one = (await home.client.get(f"/v1/audit?device={door.device_id}")).data["items"]
    none = (await home.client.get("/v1/audit?device=000000000000")).data["items"]

    assert any(each["entry"]["action"].startswith("user.") for each in own)
    assert seen
    assert {each["entry"]["object"] for each in seen} == {f"dev:{door.device_id}"}
    assert one == seen
    assert none == []
