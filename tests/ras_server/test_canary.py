"""No secret of an account is found where it must not be: log, database, answers of errors."""

from itertools import chain
import logging
from pathlib import Path

from aiohttp import web
import pytest

from ras_server.application.audit import AUDIT
from ras_server.keys import DATABASE
from ras_server.settings import Settings
from tests.ras_server.canary import ANNA, use_everything
from tests.ras_server.client import BORIS, Client
from tests.ras_server.conftest import MASTER_KEY
from tests.ras_server.processes import ras, serving, speaking


def stored(folder: Path) -> bytes:
    """Return all bytes of the database and its log."""
    return b"".join(each.read_bytes() for each in sorted(folder.glob("ras.db*")))


async def test_canary(
    client: Client, app: web.Application, settings: Settings, caplog: pytest.LogCaptureFixture
) -> None:
    """Planted secrets are in no log, in no error, in no audit entry, and not in the database."""
    logging.getLogger("aiohttp.access").propagate = False
    with caplog.at_level(logging.DEBUG):
        secrets, refusals = await use_everything(client)
        await app[DATABASE].settle()
    logging.getLogger("aiohttp.access").propagate = True
    codes = {code for _, code in client.outbox}
    errors = "".join(str(refusal.body) for refusal in refusals)
    audit = "".join(row["entry"] for row in app[DATABASE].all("SELECT entry FROM audit ORDER BY n"))
    bytes_stored = stored(settings.folder)

    assert app[AUDIT].head.n > 5
    for secret in secrets:
        assert secret not in caplog.text
        assert secret not in errors
        assert secret not in audit
        assert secret.encode() not in bytes_stored
    for account in ANNA, BORIS, *codes:
        assert account not in caplog.text
        assert account not in errors
        assert account not in audit
    assert ANNA.encode() in bytes_stored  # the search works
    assert MASTER_KEY not in bytes_stored
    assert MASTER_KEY.hex().encode() not in bytes_stored


async def test_canary_of_a_process(tmp_path: Path) -> None:
    """Neither the log nor the console of a server with file delivery holds a secret."""
    folder = tmp_path / "ras"
    codes = tmp_path / "codes"
    await ras("init", "--folder", folder, "--delivery", f"file:{codes}")
    async with serving(folder, "--log-level", "DEBUG") as server:
        async with speaking(server, codes) as client:
            secrets, _ = await use_everything(client)
            bad = f"{client.url}/v1/users/me"
            token = "canary-of-a-broken-header"
            async with client.session.get(bad, headers={"Authorization": token}) as response:
                assert response.status == 401
            delivered = {code for _, code in client.outbox}
        await server.stop()
        assert server.process.stdout is not None
        console = (await server.process.stdout.read()).decode()
    log = (folder / "log").read_text(encoding="utf-8")

    assert "POST /v1/auth/second-factor 200" in log
    for secret in chain(secrets, delivered, (ANNA, BORIS, token)):
        assert secret not in log
        assert secret not in console
