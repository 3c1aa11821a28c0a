"""Signed heads of the audit: a past that was rewritten, cut or forged does not fit them."""

from dataclasses import replace
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
import pytest

from ras_server.application.audit import AuditLog, chained
from ras_server.application.audit_check import Finding, Wrong, authentic, verify
from ras_server.application.checkpoints import (
    FILE,
    KEY_FILE,
    Checkpoint,
    CheckpointError,
    Checkpoints,
)
from ras_server.store.db import Database
from tests.ras_server.application.chain import Clock, finding


def rewritten(database: Database, first: int) -> None:
    """Change an entry, and make the chain behind it fit again."""
    previous = database.all("SELECT hash FROM audit WHERE n = ?", (first - 1,))[0]["hash"]
    for row in database.all("SELECT n, entry FROM audit WHERE n >= ? ORDER BY n", (first,)):
        entry = row["entry"].replace("ras:n1", "ras:n2") if row["n"] == first else row["entry"]
        previous = chained(previous, entry.encode())
        database.execute(
            "UPDATE audit SET entry = ?, hash = ? WHERE n = ?", (entry, previous, row["n"])
        )


@pytest.fixture
def checkpoints(database: Database, tmp_path: Path) -> Checkpoints:
    """Return the checkpoints of a server that signed nothing yet."""
    return Checkpoints(tmp_path, node="n1", server_id="ras-1")


def kept(checkpoints: Checkpoints, path: Path | None = None) -> list[Checkpoint]:
    """Return the authentic checkpoints of the file, all of them."""
    lines = checkpoints.lines(path or checkpoints.path)
    found, unsigned = authentic(lines, checkpoints.public, "ras-1")
    assert unsigned is None
    return found


async def test_checkpoints(database: Database, log: AuditLog, checkpoints: Checkpoints) -> None:
    """A chain that was rewritten with all its hashes is not the one that was signed."""
    for _ in range(4):
        log.append("x", "ras:n1", "ras:n1")
        checkpoints.keep(checkpoints.sign(log.head, 1795000000))
    log.append("x", "ras:n1", "ras:n1")
    fitted = await verify(database, checkpoints=kept(checkpoints))
    for trigger in ("audit_update", "audit_delete"):
        database.execute(f"DROP TRIGGER {trigger}")

    assert (fitted.finding, fitted.to, fitted.checkpoints) == (None, 7, 4)
    rewritten(database, 5)
    assert await finding(database) is None
    assert await finding(database, checkpoints=kept(checkpoints)) == Finding(5, Wrong.REWRITTEN)
    database.execute("DELETE FROM audit WHERE n > 2")
    assert await finding(database, checkpoints=kept(checkpoints)) == Finding(3, Wrong.MISSING)


async def test_regrown_tail(database: Database, log: AuditLog, checkpoints: Checkpoints) -> None:
    """A tail that was cut and has grown again, signed again, does not fit what was signed first."""
    for _ in range(3):
        log.append("x", "ras:n1", "ras:n1")
    checkpoints.keep(checkpoints.sign(log.head, 1795000000))
    database.execute("DROP TRIGGER audit_delete")
    database.execute("DELETE FROM audit WHERE n > 3")
    log = AuditLog(database, Clock(), "n1")
    for _ in range(4):
        log.append("y", "ras:n1", "ras:n1")
    checkpoints.keep(checkpoints.sign(log.head, 1795000001))

    assert await finding(database, checkpoints=kept(checkpoints)) == Finding(1, Wrong.REWRITTEN)


def test_forged_checkpoints(log: AuditLog, checkpoints: Checkpoints, tmp_path: Path) -> None:
    """A checkpoint of another key, another server or with another content is told."""
    good = checkpoints.sign(log.head, 1795000000)
    for name in "other", "foreign":
        (tmp_path / name).mkdir()
    other = Checkpoints(tmp_path / "other", node="n1", server_id="ras-1")
    foreign = Checkpoints(tmp_path / "foreign", node="n1", server_id="ras-2")
    for forged in (
        replace(good, n=1),
        replace(good, hash="00" * 32),
        replace(good, ts=1),
        replace(good, signature="xx"),
        other.sign(log.head, 1795000000),
        foreign.sign(log.head, 1795000000),
    ):
        checkpoints.path.unlink(missing_ok=True)
        checkpoints.keep(good)
        checkpoints.keep(forged)
        lines = checkpoints.lines(checkpoints.path)

        found, unsigned = authentic(lines, checkpoints.public, "ras-1")

        assert found == [good]
        assert unsigned == Finding(forged.n, Wrong.UNSIGNED)


def test_torn_checkpoint(log: AuditLog, checkpoints: Checkpoints, tmp_path: Path) -> None:
    """Half a line, left by a loss of power, is taken away; what was signed before stays."""
    good = checkpoints.sign(log.head, 1795000000)
    checkpoints.keep(good)
    with checkpoints.path.open("ab") as file:
        file.write(b'{"n":3,"ha')

    again = Checkpoints(tmp_path, node="n1", server_id="ras-1")

    assert again.last == good
    assert kept(again) == [good]


def test_audit_key(log: AuditLog, checkpoints: Checkpoints, tmp_path: Path) -> None:
    """The key is its user's only, the same at the next start, and never replaced unasked."""
    path = tmp_path / KEY_FILE
    checkpoints.keep(checkpoints.sign(log.head, 1795000000))
    again = Checkpoints(tmp_path, node="n1", server_id="ras-1")
    stored = Ed25519PrivateKey.from_private_bytes(bytes.fromhex(path.read_text()))

    assert path.stat().st_mode & 0o777 == 0o400
    assert again.to_json() == checkpoints.to_json()
    assert checkpoints.to_json()["key"] == stored.public_key().public_bytes_raw().hex()
    path.rename(tmp_path / "lost")
    with pytest.raises(CheckpointError, match="put it back"):
        Checkpoints(tmp_path, node="n1", server_id="ras-1")
    path.write_text("nothing")
    with pytest.raises(CheckpointError, match="holds no key"):
        Checkpoints(tmp_path, node="n1", server_id="ras-1")
    path.unlink()
    (tmp_path / FILE).rename(tmp_path / "old")
    Checkpoints(tmp_path, node="n1", server_id="ras-1")
