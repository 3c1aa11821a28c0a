"""Gateways (clause 6.4): what a user does with his, and what a gateway may do itself."""

import pytest

from ras_server.account import gateways
from tests.ras_server.client import ANNA, BORIS, Client
from tests.ras_server.conftest import MovableClock


async def test_gateways(client: Client) -> None:
    """A user sees his own gateways, and never a secret again."""
    await client.enter(ANNA)
    made = [await client.gateway(f"House {number}") for number in range(3)]
    stranger = await client.another().enter(BORIS)
    first = await client.get("/v1/gateways?limit=2")
    second = await client.get(f"/v1/gateways?limit=2&cursor={first.data['next']}")
    listed = first.data["items"] + second.data["items"]

    assert {each["gateway_id"] for each in listed} == {each.gateway_id for each in made}
    assert second.data["next"] is None
    assert "secret" not in str(listed)
    assert (await stranger.get("/v1/gateways")).data["items"] == []
    assert (await stranger.get(f"/v1/gateways/{made[0].gateway_id}")).code == 4005


async def test_gateways_are_bounded(client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody fills the server with gateways; who removes one may make another."""
    monkeypatch.setattr(gateways, "MOST", 2)
    await client.enter(ANNA)
    made = [await client.gateway() for _ in range(2)]
    body = {"name": "Third", "kind": "phone", "version": "1"}

    refused = await client.post("/v1/gateways", body)
    await client.request("DELETE", f"/v1/gateways/{made[0].gateway_id}")

    assert (refused.http, refused.code) == (409, 2013)
    assert (await client.post("/v1/gateways", body)).http == 201


async def test_change_gateway(client: Client) -> None:
    """A gateway is renamed with its newest revision."""
    await client.enter(ANNA)
    gateway = await client.gateway()
    path = f"/v1/gateways/{gateway.gateway_id}"
    changed = await client.request("PATCH", path, {"rev": 1, "name": "Cabin"})
    late = await client.request("PATCH", path, {"rev": 1, "name": "Tent"})

    assert (changed.data["name"], changed.data["rev"]) == ("Cabin", 2)
    assert late.code == 4007


async def test_rotate(client: Client, clock: MovableClock) -> None:
    """The old secret of a gateway works for five more minutes."""
    await client.enter(ANNA)
    made = await client.post("/v1/gateways", {"name": "H", "kind": "phone", "version": "1"})
    gateway = await client.another().log_in_gateway(made.data)
    rotated = await gateway.post(f"/v1/gateways/{gateway.gateway_id}/rotate")
    clock.move(290)
    early = await client.post("/v1/auth/gateway", made.data)
    clock.move(10)
    late = await client.post("/v1/auth/gateway", made.data)
    new = await client.post("/v1/auth/gateway", rotated.data)

    assert [each.code for each in (early, late, new)] == [0, 1004, 0]


async def test_gateway_token(client: Client) -> None:
    """A gateway may do what a gateway does, and nothing else; it has no refresh token."""
    await client.enter(ANNA)
    gateway, other = await client.gateway(), await client.gateway()
    path = f"/v1/gateways/{gateway.gateway_id}"

    assert (await gateway.post(f"{path}/rotate")).code == 0
    for method, forbidden in (
        ("GET", "/v1/users/me"),
        ("GET", "/v1/gateways"),
        ("DELETE", path),
        ("POST", "/v1/gateways"),
        ("POST", f"/v1/gateways/{other.gateway_id}/rotate"),
    ):
        answer = await gateway.request(method, forbidden)
        assert (answer.http, answer.code) == (403, 3001), forbidden


async def test_gateway_secret_is_guarded(client: Client, clock: MovableClock) -> None:
    """Who guesses secrets has to wait; the people behind the same address do not."""
    clock.stop()
    await client.enter(ANNA)
    gateway = await client.gateway()
    body = {"gateway_id": gateway.gateway_id, "gateway_secret": "x"}
    codes = [(await client.post("/v1/auth/gateway", body)).code for _ in range(32)]

    assert codes == [1004] * 31 + [1006]
    assert (await client.prove(ANNA))[1].code == 0


@pytest.mark.parametrize("rotated", [False, True], ids=["create", "rotate"])
async def test_gateway_needs_fresh_login(
    client: Client, clock: MovableClock, *, rotated: bool
) -> None:
    """A token that is stolen makes no lasting gateway; a gateway rotates its own secret."""
    await client.enter(ANNA)
    gateway = await client.gateway()
    path = f"/v1/gateways/{gateway.gateway_id}/rotate" if rotated else "/v1/gateways"
    body = {"name": "H", "kind": "phone", "version": "1"}
    clock.move(301)

    stale = await client.post(path, body)

    assert (stale.http, stale.code) == (401, 1005)
    assert (await gateway.post(f"/v1/gateways/{gateway.gateway_id}/rotate")).code == 0
    await client.log_in(ANNA)
    assert (await client.post(path, body)).code == 0


async def test_remove_gateway(client: Client, clock: MovableClock) -> None:
    """A removed gateway gets in no more; removing it needs a fresh login."""
    await client.enter(ANNA)
    made = await client.post("/v1/gateways", {"name": "H", "kind": "phone", "version": "1"})
    path = f"/v1/gateways/{made.data['gateway_id']}"
    clock.move(301)
    stale = await client.request("DELETE", path)
    await client.log_in(ANNA)
    removed = await client.request("DELETE", path)

    assert (stale.http, stale.code) == (401, 1005)
    assert removed.code == 0
    assert (await client.post("/v1/auth/gateway", made.data)).code == 1004
    assert (await client.get(path)).code == 4005
