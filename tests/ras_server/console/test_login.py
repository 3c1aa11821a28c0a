"""Logging in to the console: the API's own login, a cookie, forms that only its pages show."""


from tests.ras_server.client import PASSWORD, Client
from tests.ras_server.console.reader import Reader

ANNA = "anna@example.org"


async def test_both_factors(reader: Reader, client: Client) -> None:
    """Password and code lead to the page that was asked for."""
    await client.register(ANNA)

    asked = await reader.get("/console/account")
    assert (asked.http, asked.path) == (200, "/console/login?next=/console/account")
    await reader.send("/login", account=ANNA, password=PASSWORD)
    shown = await reader.send("/code", code=reader.outbox.code(ANNA))

    assert shown.path == "/console/account"
    assert ANNA in shown.text
