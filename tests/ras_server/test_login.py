"""Login with SCRAM and a second factor."""

from tests.ras_server.client import Client


async def test_login(client: Client) -> None:
    """A registered user logs in with password and code, and may then ask who he is."""
    registered = await client.register("anna@Example.ORG".lower())
    done = await client.log_in("anna@example.org")
    me = await client.get("/v1/users/me")

    assert registered.data["second_factor"] == ["email"]
    assert done.data["expires_in"] == 900
    assert me.data["user_id"] == registered.data["user_id"]
