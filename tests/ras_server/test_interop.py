"""Independent programs as clients: GNU SASL, and oathtool as the app for codes.

They are Debian packages (`gsasl`, `oathtool`); without them these tests are skipped.
"""

import asyncio
from base64 import b32decode, b64encode
import secrets
import shutil
from typing import Any

import pytest

from ras_server.account import otp
from ras_server.account.scram import MECHANISM, MINIMUM_ITERATIONS
from tests.ras_server.client import ANNA, PASSWORD, Answer, Client
from tests.ras_server.conftest import MovableClock

UMLAUT = "Grüße und \u2168"

needs_gsasl = pytest.mark.skipif(
    shutil.which("gsasl") is None, reason="gsasl is missing: apt install gsasl"
)
needs_oathtool = pytest.mark.skipif(
    shutil.which("oathtool") is None, reason="oathtool is missing: apt install oathtool"
)


async def run(*arguments: str) -> str:
    """Return what a program prints."""
    process = await asyncio.create_subprocess_exec(
        *arguments, stdout=asyncio.subprocess.PIPE, env={"LC_ALL": "C.UTF-8", "PATH": "/usr/bin"}
    )
    out, _ = await process.communicate()
    assert process.returncode == 0
    return out.decode()


async def verifier(password: str) -> dict[str, Any]:
    """Return the field `scram` as GNU SASL computes it."""
    salt = b64encode(secrets.token_bytes(16)).decode()
    out = await run(
        *("gsasl", "--mkpasswd", f"--mechanism={MECHANISM}", f"--password={password}"),
        *(f"--iteration-count={MINIMUM_ITERATIONS}", f"--salt={salt}"),
    )
    iterations, salt, stored, server = out.strip().removeprefix(f"{{{MECHANISM}}}").split(",")
    return {
        "mechanism": MECHANISM,
        "salt": salt,
        "iterations": int(iterations),
        "stored_key": stored,
        "server_key": server,
    }


async def prove(client: Client, account: str, password: str) -> tuple[int | None, Answer]:
    """Log in with GNU SASL; return how it ended, and the server's last answer."""
    program = await asyncio.create_subprocess_exec(
        *("gsasl", "--client", "--quiet", "--no-cb", f"--mechanism={MECHANISM}"),
        *(f"--authentication-id={account}", f"--password={password}", "--application-data"),
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        env={"LC_ALL": "C.UTF-8", "PATH": "/usr/bin"},
    )
    said, heard = program.stdout, program.stdin
    assert said is not None
    assert heard is not None

    async def line() -> str:
        return (await said.readline()).decode().strip()

    async with asyncio.timeout(20):
        assert await line() == MECHANISM
        first = await line()
        started = await client.post(
            "/v1/auth/sasl/start", {"mechanism": MECHANISM, "initial": first}
        )
        heard.write(f"{started.data['data']}\n".encode())
        final = await line()
        stepped = await client.post(
            "/v1/auth/sasl/step", {"sasl_id": started.data["sasl_id"], "data": final}
        )
        end = f"{stepped.data['data']}\n\n" if stepped.code == 0 else ""
        await program.communicate(end.encode())
    return program.returncode, stepped


@needs_gsasl
@pytest.mark.parametrize("password", [PASSWORD, UMLAUT], ids=["plain", "SASLprep"])
async def test_gsasl(client: Client, password: str) -> None:
    """GNU SASL logs in with a verifier of its own, and finds that the server knows it."""
    proved = await client.verified(ANNA)
    fields = {"display_name": "Anna", "scram": await verifier(password)}
    registered = await client.post("/v1/users/register", proved | fields)
    ended, stepped = await prove(client, ANNA, password)

    assert registered.code == 0
    assert stepped.data["next"] == "second_factor"
    assert ended == 0


@needs_gsasl
async def test_gsasl_and_our_verifier(client: Client) -> None:
    """GNU SASL logs in a user who registered with another library."""
    await client.register(ANNA, UMLAUT)
    ended, stepped = await prove(client, ANNA, UMLAUT)

    assert (ended, stepped.code) == (0, 0)


@needs_gsasl
async def test_gsasl_with_wrong_password(client: Client) -> None:
    """With a wrong password GNU SASL is refused."""
    await client.register(ANNA)
    ended, stepped = await prove(client, ANNA, "wrong password")

    assert stepped.code == 1004
    assert ended != 0


@needs_oathtool
async def test_oathtool(client: Client, clock: MovableClock) -> None:
    """The codes of oathtool turn the second factor on, and log in."""
    clock.stop()
    await client.enter(ANNA)
    secret = (await client.post("/v1/users/me/totp")).data["secret"]

    async def shown() -> str:
        at = f"@{int(clock())}"
        return (await run("oathtool", "--totp", "--base32", f"--now={at}", secret)).strip()

    confirmed = await client.post("/v1/users/me/totp/confirm", {"code": await shown()})
    clock.move(otp.STEP)
    sasl_id, _ = await client.prove(ANNA)
    done = await client.post(
        "/v1/auth/second-factor", {"sasl_id": sasl_id, "method": "totp", "code": await shown()}
    )

    assert confirmed.code == 0
    assert done.code == 0


@needs_oathtool
async def test_many_codes_of_oathtool() -> None:
    """A hundred codes in a row are those of oathtool."""
    secret = secrets.token_bytes(otp.SECRET_SIZE)
    text = otp.encode_secret(secret)
    shown = await run("oathtool", "--totp", "--base32", "--now=@1800000000", "--window=99", text)

    step = 1_800_000_000 // otp.STEP
    assert b32decode(text) == secret
    assert shown.split() == [otp.hotp(secret, step + n) for n in range(100)]
