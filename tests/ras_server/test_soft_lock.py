"""The soft lock: guessing is slow, and the owner gets in all the same."""

from aiohttp import web
import pytest

from ras_server.account import tries
from ras_server.app import create_app
from ras_server.housekeeping import tidy_up
from ras_server.keys import DATABASE
from ras_server.settings import Settings
from ras_server.vault import Vault
from tests.ras_server.client import ANNA, PASSWORD, Client, verifier
from tests.ras_server.conftest import MASTER_KEY, MovableClock

NOBODY = "nobody@example.org"
WRONG = "wrong password"


async def guess(client: Client, clock: MovableClock, account: str, times: int) -> int:
    """Try so many wrong passwords as fast as the server lets; return the seconds it took."""
    begun = clock.ahead
    while times:
        _, answer = await client.prove(account, WRONG)
        if answer.code == 1006:
            clock.move(answer.data["retry_after"])
        else:
            assert answer.code == 1004
            times -= 1
    return round(clock.ahead - begun)


@pytest.mark.parametrize("account", [ANNA, NOBODY], ids=["known", "unknown"])
async def test_pauses(client: Client, clock: MovableClock, account: str) -> None:
    """Two tries are free, the next cost 3, 5 and 10 s; a hundred is all for a day."""
    clock.stop()
    await client.register(ANNA)
    taken = [await guess(client, clock, account, times) for times in (3, 6, 16, 75)]
    _, locked = await client.prove(account)

    assert taken == [0, 6 * 3, 16 * 5, 75 * 10]
    assert (locked.http, locked.code) == (429, 1006)
    assert locked.data["retry_after"] == tries.DAY - sum(taken)
    clock.move(locked.data["retry_after"])
    assert (await client.prove(account, WRONG))[1].code == 1004
    assert (await client.prove(account, WRONG))[1].code == 1004


async def test_trusted_client_gets_in(client: Client, clock: MovableClock) -> None:
    """Whatever others try, the owner logs in from a client he trusts, and that is counted apart."""
    clock.stop()
    await client.register(ANNA)
    trust = (await client.log_in(ANNA, trust=True)).data["trust_token"]
    await guess(client, clock, ANNA, 100)
    _, refused = await client.prove(ANNA)
    _, right = await client.prove(ANNA, trust_token=trust)
    for _ in range(3):
        await client.prove(ANNA, WRONG, trust_token=trust)
    _, waiting = await client.prove(ANNA, trust_token=trust)

    assert refused.code == 1006
    assert (right.code, right.data["next"]) == (0, "done")
    assert (waiting.code, waiting.data["retry_after"]) == (1006, 3)


async def test_reset_gets_in(client: Client, clock: MovableClock) -> None:
    """A reset of the password ends the pause: its code proved the owner."""
    clock.stop()
    await client.register(ANNA)
    await guess(client, clock, ANNA, 100)
    proved = await client.verified(ANNA, "reset")
    await client.post("/v1/users/reset", proved | {"scram": verifier(PASSWORD)})
    clock.move(1)  # the pause for the address

    assert (await client.prove(ANNA))[1].code == 0


async def test_right_password_clears_nothing(client: Client, clock: MovableClock) -> None:
    """The logins of the owner give nobody more tries."""
    clock.stop()
    await client.register(ANNA)
    await guess(client, clock, ANNA, 3)
    clock.move(3)
    assert (await client.prove(ANNA))[1].code == 0
    await client.prove(ANNA, WRONG)

    assert (await client.prove(ANNA))[1].data["retry_after"] == 3


async def test_address_is_soft(client: Client, clock: MovableClock) -> None:
    """Who tries many accounts from one address is slowed down; who shares it waits a second."""
    clock.stop()
    await client.register(ANNA)
    for number in range(31):
        await client.prove(f"victim{number}@example.org", WRONG)
    _, locked = await client.prove(ANNA)
    clock.move(1)

    assert (locked.code, locked.data["retry_after"]) == (1006, 1)
    assert (await client.prove(ANNA))[1].code == 0


async def test_many_addresses_of_a_home(app: web.Application) -> None:
    """The pause for an address never exceeds 30 s, however much is tried."""
    pauses = [tries._pause(tries.ADDRESS, number) for number in (1, 30, 31, 101, 1001, 10**6)]

    assert pauses == [0, 0, 1, 5, 30, 30]


async def test_restart(
    client: Client, settings: Settings, clock: MovableClock, app: web.Application
) -> None:
    """The counts outlive a restart of the server."""
    clock.stop()
    await client.register(ANNA)
    await guess(client, clock, ANNA, 3)
    await app[DATABASE].flush()
    again = create_app(settings, vault=Vault(MASTER_KEY), clock=clock)
    runner = web.AppRunner(again)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    host, port = runner.addresses[0][:2]
    client.url = f"http://{host}:{port}"
    try:
        _, waiting = await client.prove(ANNA)
    finally:
        await runner.cleanup()

    assert (waiting.code, waiting.data["retry_after"]) == (1006, 3)


async def test_names_are_not_stored(client: Client, app: web.Application) -> None:
    """What was tried is in the database as an HMAC: it may be a password in the wrong field."""
    await client.prove("hunter2", WRONG)
    rows = app[DATABASE].all("SELECT key FROM wrong_tries")

    assert {len(row["key"]) for row in rows} == {32}


async def test_forgotten(client: Client, clock: MovableClock, app: web.Application) -> None:
    """After a day wrong tries are dropped."""
    await client.prove(NOBODY, WRONG)
    tidy_up(app)
    kept = len(app[DATABASE].all("SELECT 1 FROM wrong_tries"))
    clock.move(tries.DAY + 1)
    tidy_up(app)

    assert kept == 2
    assert not app[DATABASE].all("SELECT 1 FROM wrong_tries")
