"""What a user takes along, and what stays when he goes."""

from aiohttp import web

from ras_server.keys import DATABASE
from ras_server.store.export import PARTS
from tests.ras_server.client import ANNA, BORIS, Client
from tests.ras_server.conftest import MovableClock

EXPORT = "/v1/users/me/export"


async def test_export(client: Client) -> None:
    """A user gets everything that is stored about him, and nothing about others."""
    await client.register(ANNA)
    await client.log_in(ANNA, trust=True)
    await client.gateway("House")
    await client.post("/v1/users/me/totp")
    other = await client.another().enter(BORIS)
    await other.gateway("Shed")
    answer = await client.get(EXPORT)

    assert answer.data.keys() == PARTS.keys()
    assert [each["account"] for each in answer.data["user"]] == [ANNA]
    assert [each["name"] for each in answer.data["gateways"]] == ["House"]
    assert len(answer.data["sessions"]) == 2
    assert len(answer.data["trusted_clients"]) == 1
    assert [each["active"] for each in answer.data["totp"]] == [0]
    assert any("user.login" in each["entry"] for each in answer.data["audit"])
    for foreign in BORIS, "Shed", other.user_id:
        assert foreign not in str(answer.data)


async def test_export_without_secrets(client: Client, app: web.Application) -> None:
    """No secret leaves with the export, and no hash of one."""
    await client.register(ANNA)
    trust = (await client.log_in(ANNA, trust=True)).data["trust_token"]
    made = await client.post("/v1/gateways", {"name": "H", "kind": "phone", "version": "1"})
    given = (await client.post("/v1/users/me/totp")).data
    text = str((await client.get(EXPORT)).data)
    secrets = [trust, made.data["gateway_secret"], given["secret"], *given["recovery_codes"]]
    blobs = [
        value
        for table in ("user", "token", "trust", "gateway", "totp", "recovery_code")
        for row in app[DATABASE].all(f"SELECT * FROM {table}")  # noqa: S608 - names of this test
        for value in row
        if isinstance(value, bytes)
    ]

    assert len(blobs) > 5
    for secret in [client.token, *secrets, *(blob.hex() for blob in blobs)]:
        assert str(secret) not in text


async def test_export_needs_fresh_login(client: Client, clock: MovableClock) -> None:
    """Everything about a person is given only shortly after a login."""
    await client.enter(ANNA)
    clock.move(301)

    assert (await client.get(EXPORT)).code == 1005


async def test_not_again_and_again(client: Client, clock: MovableClock) -> None:
    """Each export reads the whole audit: after some in a row the next one waits its minute."""
    await client.enter(ANNA)
    codes = [(await client.get(EXPORT)).code for _ in range(6)]
    clock.move(60)

    assert codes == [0] * 5 + [5003]
    assert (await client.get(EXPORT)).code == 0


async def test_removed_user_leaves_nothing(client: Client, app: web.Application) -> None:
    """After the removal no table but the audit knows the user, and there he is an identifier."""
    await client.register(ANNA)
    await client.log_in(ANNA, trust=True)
    await client.gateway()
    given = (await client.post("/v1/users/me/totp")).data
    removed = await client.request("DELETE", "/v1/users/me")
    names = [
        row["name"]
        for row in app[DATABASE].all("SELECT name FROM sqlite_schema WHERE type = 'table'")
    ]
    left = {
        name
        for name in names
        for row in app[DATABASE].all(f'SELECT * FROM "{name}"')  # noqa: S608 - of the schema
        if any(client.user_id in str(value) for value in row)
    }
    everything = str(
        [
            tuple(row)
            for name in names
            if name not in {"verification", "answer"}  # gone an hour, and a day later
            for row in app[DATABASE].all(f'SELECT * FROM "{name}"')  # noqa: S608 - of the schema
        ]
    )

    assert removed.code == 0
    assert left <= {"audit", "answer"}
    assert ANNA not in everything
    assert given["secret"] not in everything
