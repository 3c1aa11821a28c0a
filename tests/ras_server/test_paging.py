"""Lists come in pages, which a cursor leads through."""

import pytest

from tests.ras_server.client import ANNA, Client
from tests.ras_server.conftest import MovableClock


@pytest.mark.parametrize(
    ("query", "code"),
    [
        ("limit=0", 4001),
        ("limit=201", 4001),
        ("limit=0001000", 4001),
        ("limit=x", 4001),
        ("cursor=AAAA", 4005),
        ("cursor=%C3%A4", 4005),
    ],
)
async def test_wrong_page(client: Client, query: str, code: int) -> None:
    """A page that does not exist is refused."""
    await client.enter(ANNA)

    assert (await client.get(f"/v1/gateways?{query}")).code == code


async def test_cursor_expires(client: Client, clock: MovableClock) -> None:
    """A cursor lives an hour, and only on its own list."""
    await client.enter(ANNA)
    for _ in range(2):
        await client.gateway()
    cursor = (await client.get("/v1/gateways?limit=1")).data["next"]

    assert (await client.get(f"/v1/gateways?cursor={cursor}")).code == 0
    assert (await client.get(f"/v1/users/me/sessions?cursor={cursor}")).code == 4005
    clock.move(3600)
    await client.log_in(ANNA)
    assert (await client.get(f"/v1/gateways?cursor={cursor}")).code == 4005
