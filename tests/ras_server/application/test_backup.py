"""Backup and restore of a running server, with a real lock that goes on meanwhile."""

from pathlib import Path

import pytest

from ras_server.application.changejournal import FILE
from ras_server.archive import ArchiveError
from ras_server.keys import DATABASE
from tests.ras_server.application.parts import Gateway
from tests.ras_server.application.safe import ANNA, PASSPHRASE, Home
from tests.ras_server.application.test_operations import grant, online, operate, unlock
from tests.ras_server.client import PASSWORD, verifier
from tests.ras_server.processes import ras, serving, speaking


async def test_round_trip(living: Home) -> None:
    """People and gateways log in as before, the door opens; all tokens and tickets have ended."""
    door = living.door
    path = f"/v1/devices/{door.device_id}/tickets"
    issued = await living.gateway.client.post(
        path, {"gateway_id": living.gateway.id, "rights": ["lock", "unlock"], "ttl": 86400}
    )
    await living.save()
    old = living.owner.token
    async with living.again():
        assert (await living.owner.another(old).get("/v1/users/me")).code == 1007
        assert await living.opens()
        renewed = await living.gateway.client.post(
            path, {"gateway_id": living.gateway.id, "rights": ["lock", "unlock"], "ttl": 86400}
        )
        audit = await living.owner.get("/v1/audit/head")
        checked = await living.owner.post("/v1/audit/verify", {"to": audit.data["n"]})

    assert issued.data["tickets"][0]["epoch"] == 1
    assert renewed.data["tickets"][0]["epoch"] == 2
    assert checked.data["ok"]


@pytest.mark.parametrize("times", [1, 2])
async def test_rekeyed_since(living: Home, times: int) -> None:
    """A lock that got another key after the backup is found again with the journal's."""
    await living.save()
    for _ in range(times):
        await living.rekey()
        await living.owner.log_in(ANNA)  # a fresh login for the next one
    async with living.again():
        assert await living.opens()


async def test_registered_since(place: Home) -> None:
    """A lock that was registered after the backup still has its owner."""
    await place.save()
    answer = await place.gateway.register(place.door)
    assert answer.data["result"]["code"] == 0
    async with place.again():
        assert await place.opens()


async def test_removed_since(living: Home) -> None:
    """A lock that was removed after the backup belongs to nobody, and is registered anew."""
    await living.save()
    await living.owner.post(f"/v1/devices/{living.door.device_id}/remove", {"mode": "wipe"})
    await living.deliver()
    async with living.again():
        shown = await living.owner.get("/v1/devices")
        living.door.lock.press_button(1)
        again = await living.gateway.register(living.door)

        assert shown.data["items"] == []
        assert again.data["result"]["code"] == 0
        assert await living.opens()


async def test_handed_over_since(living: Home) -> None:
    """A lock that was handed over after the backup belongs to its new owner, who opens it."""
    ben = living.owner.another()
    await ben.enter("ben@example.org")
    theirs = Gateway(await ben.gateway())
    credentials = (await theirs.client.post(f"/v1/gateways/{theirs.id}/rotate")).data
    await living.save()
    account = {"type": "email", "value": "ben@example.org"}
    path = f"/v1/devices/{living.door.device_id}/transfer"
    offered = await living.owner.post(path, {"account": account})
    assert offered.http == 201, offered
    taken = await ben.post(f"/v1/transfers/{offered.data['transfer_id']}/accept")
    assert taken.code == 0, taken
    async with living.again():
        shown = await living.owner.get("/v1/devices")
        mine = await living.owner.get("/v1/audit")
        ben = living.owner.another()
        await ben.log_in("ben@example.org")
        living.owner = ben
        living.gateway = Gateway(await ben.another().log_in_gateway(credentials))
        await living.gateway.see(living.door)

        assert shown.data["items"] == []
        assert mine.code == 0
        assert await living.opens()


async def test_revoked_since(living: Home) -> None:
    """A grant that was revoked after the backup stays revoked; another one goes on."""
    guests = {name: living.owner.another() for name in ("ben@example.org", "eve@example.org")}
    grants = {}
    for name, guest in guests.items():
        await guest.enter(name)
        grants[name] = await grant(living.owner, living.door, name)
    await living.save()
    revoked = await living.owner.request(
        "DELETE", f"/v1/grants/{grants['eve@example.org'].data['grant_id']}"
    )
    assert revoked.code == 0
    codes = {}
    async with living.again():
        for name in guests:
            guest = living.owner.another()
            await guest.log_in(name)
            async with online(living.gateway, living.door):
                codes[name] = (await operate(guest, living.door, unlock(living.safe.clock))).code
            living.safe.clock.move(61)

    assert codes == {"ben@example.org": 0, "eve@example.org": 3003}


async def test_reset_since(place: Home) -> None:
    """A password that was reset after the backup does not come back; it is reset once more."""
    await place.save()
    proved = await place.owner.verified(ANNA, "reset")
    await place.owner.post("/v1/users/reset", proved | {"scram": verifier("another password")})
    await place.safe.restore()
    async with place.safe.serving() as client:
        _, old = await client.prove(ANNA, PASSWORD)
        _, new = await client.prove(ANNA, "another password")
        proved = await client.verified(ANNA, "reset")
        await client.post("/v1/users/reset", proved | {"scram": verifier("a third password")})
        _, third = await client.prove(ANNA, "a third password")

    assert (old.code, new.code, third.code) == (1004, 1004, 0)


@pytest.mark.parametrize("change", ["remove", "rotate"])
async def test_gateway_since(place: Home, change: str) -> None:
    """The secret of a gateway that was removed or renewed after the backup does not come back."""
    await place.save()
    path = f"/v1/gateways/{place.gateway.id}"
    if change == "rotate":
        changed = await place.gateway.client.post(f"{path}/rotate")
    else:
        changed = await place.owner.request("DELETE", path)
    assert changed.code == 0
    await place.safe.restore()
    async with place.safe.serving() as client:
        tried = await client.post("/v1/auth/gateway", place.credentials)

    assert tried.code == 1004


async def test_no_change_is_journaled_twice(living: Home) -> None:
    """What stands in the backup already is not followed again, nor what was rolled back."""
    await living.save()
    done = await living.safe.restore()

    assert (done.changes, done.keys) == (0, 0)
    assert (living.safe.settings.folder / FILE).exists()  # the claim of the lock


async def test_old_files_are_kept(living: Home) -> None:
    """The database that was there before is kept under another name."""
    await living.save()
    await living.safe.restore()
    names = {path.name for path in living.safe.settings.folder.iterdir()}

    assert any(name.startswith("ras.db.before-") for name in names)
    assert not any(name.startswith(".backup-") for name in names)


async def test_other_master_key(place: Home) -> None:
    """Without the master key of its time an archive is refused, and nothing is touched."""
    await place.save()
    await place.safe.server.close()
    place.safe.settings.master_key.write_text("11" * 32)
    before = place.safe.settings.database.read_bytes()

    with pytest.raises(ArchiveError, match="needs the master key"):
        await place.safe.restore()

    assert place.safe.settings.database.read_bytes() == before


async def test_tampered_audit(place: Home) -> None:
    """An archive whose audit was changed before it was packed is refused."""
    database = place.safe.app[DATABASE]
    database.execute("DROP TRIGGER audit_update")
    database.execute("UPDATE audit SET entry = replace(entry, 'user.login', 'user.logon')")
    await place.save()

    with pytest.raises(ArchiveError, match="not whole: entry 2"):
        await place.safe.restore()


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Return where the server of a process lives."""
    return tmp_path / "ras"


async def test_commands(folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """`ras backup` saves a running server, `ras restore` waits for its end and brings it back."""
    monkeypatch.setenv("RAS_PASSPHRASE", PASSPHRASE)
    file = tmp_path / "archive"
    await ras("init", "--folder", folder, "--delivery", f"file:{tmp_path / 'codes'}")
    async with serving(folder) as server, speaking(server, tmp_path / "codes") as client:
        await client.enter(ANNA)
        saved = await ras("backup", file, "--folder", folder)
        twice = await ras("backup", file, "--folder", folder)
        await client.another().enter("late@example.org")
        refused = await ras("restore", file, "--folder", folder)
        await server.stop()
    for name in "ras.toml", "ras.db":
        (folder / name).unlink()
    restored = await ras("restore", file, "--folder", folder)
    listed = await ras("user", "list", "--folder", folder)
    verified = await ras("audit", "verify", "--folder", folder)

    assert (saved.code, restored.code, verified.code) == (0, 0, 0), (saved, restored, verified)
    assert file.stat().st_mode & 0o777 == 0o600
    assert (twice.code, refused.code) == (1, 1)
    assert "File exists" in twice.err
    assert "in use" in refused.err
    assert ANNA in listed.out
    assert "late@example.org" not in listed.out
    assert PASSPHRASE not in saved.out + saved.err + restored.out + restored.err
    for secret in ANNA.encode(), (folder / "master.key").read_bytes().strip():
        assert secret not in file.read_bytes()


@pytest.mark.parametrize(
    ("passphrase", "says"),
    [
        pytest.param("", "give the passphrase", id="none"),
        pytest.param("short", "at least 12 characters", id="short"),
    ],
)
async def test_no_passphrase(
    folder: Path, monkeypatch: pytest.MonkeyPatch, passphrase: str, says: str
) -> None:
    """A passphrase that is missing or can be guessed is refused, and not told."""
    monkeypatch.setenv("RAS_PASSPHRASE", passphrase)
    await ras("init", "--folder", folder)
    result = await ras("backup", folder / "x", "--folder", folder)

    assert result.code == 1
    assert says in result.err
    assert "short" not in result.err
    assert not (folder / "x").exists()
