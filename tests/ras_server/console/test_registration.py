"""Opening an account, and setting a new password, in the console."""

import pytest

from tests.ras_server.client import ANNA, Client
from tests.ras_server.console.reader import Reader

PASSWORD = "a password of some length"


async def register(reader: Reader, **fields: str) -> None:
    """Open an account with the code that arrives."""
    await reader.get("/console/register")
    await reader.send("/register", account=ANNA)
    typed = {"code": reader.outbox.code(ANNA), "display_name": "Anna", "password": PASSWORD}
    await reader.send("/password", **typed | fields)


async def test_register(reader: Reader, client: Client) -> None:
    """Who opens an account here logs in here and everywhere."""
    await register(reader)

    assert "The account is open." in reader.shown.text
    assert (await reader.log_in(ANNA, PASSWORD)).path == "/console/"
    await client.log_in(ANNA, PASSWORD)
    assert (await client.get("/v1/users/me")).data["display_name"] == "Anna"


@pytest.mark.parametrize(
    ("fields", "http", "told"),
    [
        ({"password": "short"}, 400, "has less than 12 characters"),
        ({"password": "not everywhere \u0007"}, 400, "cannot be typed everywhere"),
        ({"code": "x"}, 403, "The code is wrong"),
        ({"display_name": ""}, 400, "display_name"),
    ],
)
async def test_corrected(reader: Reader, fields: dict[str, str], http: int, told: str) -> None:
    """What is wrong in the form is told, and is corrected with the same code."""
    await register(reader, **fields)
    assert (reader.shown.http, told in reader.shown.text) == (http, True)

    typed = {"code": reader.outbox.code(ANNA), "display_name": "Anna", "password": PASSWORD}
    await reader.send("/password", **typed)

    assert "The account is open." in reader.shown.text


async def test_no_account(reader: Reader) -> None:
    """A name that is neither phone number nor e-mail address is told so."""
    await reader.get("/console/register")

    shown = await reader.send("/register", account="anna")

    assert shown.http == 400
    assert "neither a phone number" in shown.text
    assert not reader.outbox


async def test_registered_before(reader: Reader, client: Client) -> None:
    """That an account exists is told to nobody but who can read its codes."""
    await client.register(ANNA)
    await reader.get("/console/register")

    shown = await reader.send("/register", account=ANNA)
    assert "a code is on its way" in shown.text

    await register(reader)
    assert reader.shown.http == 409
    assert "This account exists already." in reader.shown.text


async def test_reset(reader: Reader, client: Client) -> None:
    """A forgotten password is replaced, and every login of before has ended."""
    await client.enter(ANNA)
    await reader.get("/console/reset")
    await reader.send("/reset", account=ANNA)

    await reader.send("/password", code=reader.outbox.code(ANNA), password=PASSWORD)

    assert "The new password is set." in reader.shown.text
    assert (await client.get("/v1/users/me")).code == 1007
    assert (await reader.log_in(ANNA, PASSWORD)).path == "/console/"
