"""Backup of a running server, and its restore (project profile, section 12).

The archive holds the database, the journals, the checkpoints of the audit and the settings, under a
passphrase. Neither key file is in it: without the master key nothing sealed in it opens.
"""

from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager, suppress
from dataclasses import dataclass
import os
from pathlib import Path
import shutil
import tempfile
from typing import Any, Final

import orjson

from .account.scram import Verifier
from .application import changejournal, checkpoints, keyjournal
from .application.audit import AuditLog
from .application.audit_check import authentic, verify
from .application.changejournal import ChangeJournal
from .application.checkpoints import Checkpoint, Checkpoints, load_key
from .application.keyjournal import KeyJournal
from .application.recovery import Recovery
from .archive import ArchiveError, pack, unpack
from .keys import Random
from .serve import owned
from .settings import DATABASE_FILE, SETTINGS_FILE, Settings, create_file
from .store import server
from .store.db import Database
from .vault import Vault
from .version import VERSION

MANIFEST: Final = "manifest.json"
_FORMAT: Final = 1
_JOURNALS: Final = (keyjournal.FILE, changejournal.FILE)
_BESIDE: Final = (*_JOURNALS, checkpoints.FILE, SETTINGS_FILE)
_NAMES: Final = frozenset({MANIFEST, DATABASE_FILE, *_BESIDE})
_OLD: Final = (DATABASE_FILE, f"{DATABASE_FILE}-wal", f"{DATABASE_FILE}-shm", checkpoints.FILE)


@dataclass(frozen=True, slots=True, kw_only=True)
class Restored:
    """What a restore did: entries of the audit it goes back to, changes and keys it followed."""

    entries: int
    changes: int
    keys: int


@contextmanager
def workplace(settings: Settings) -> Iterator[Path]:
    """Have a folder (0700) beside the database inside the context."""
    folder = Path(tempfile.mkdtemp(prefix=".backup-", dir=settings.folder))
    try:
        yield folder
    finally:
        shutil.rmtree(folder)


def write(settings: Settings, place: Path, target: Path, passphrase: str, now: int) -> None:
    """Write an archive of the copy of the database in a place, and of what stands beside it."""
    vault = Vault.from_file(settings.master_key)
    keys = [each.hex() for each in (vault.key_id, *vault.older)]
    manifest = {"format": _FORMAT, "version": VERSION, "created": now, "master_keys": keys}
    create_file(place / MANIFEST, orjson.dumps(manifest).decode(), 0o600)
    files = {name: place / name for name in (MANIFEST, DATABASE_FILE)}
    files |= {name: path for name in _BESIDE if (path := settings.folder / name).exists()}
    try:
        descriptor = os.open(target, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except OSError as err:
        raise ArchiveError(f"{target}: {err.strerror}") from None
    try:
        with os.fdopen(descriptor, "wb") as file:
            pack(file, files, passphrase)
            file.flush()
            os.fsync(descriptor)
    except BaseException:
        target.unlink()
        raise


async def restore(
    settings: Settings,
    archive: Path,
    passphrase: str,
    *,
    clock: Callable[[], float],
    random: Random,
) -> Restored:
    """Put the database of an archive in the place of the present one, which is kept beside it.

    What the journals of the folder know counts, and what only those of the archive know: these
    are older, or of another machine. No server may run meanwhile.
    """
    async with owned(settings):
        with workplace(settings) as place:
            try:
                with archive.open("rb") as file:
                    found = unpack(file, place, _NAMES, passphrase)
            except OSError as err:
                raise ArchiveError(f"{archive}: {err.strerror}") from None
            if not {MANIFEST, DATABASE_FILE} <= found:
                raise ArchiveError("The archive holds no database")
            vault = _vault(settings, orjson.loads((place / MANIFEST).read_bytes()))
            changes, keys = place / changejournal.FILE, KeyJournal(place / keyjournal.FILE)
            ChangeJournal.merge(changes, settings.folder / changejournal.FILE)
            keys.merge(KeyJournal(settings.folder / keyjournal.FILE))
            now = int(clock())
            async with _opened(place) as database:
                entries = await _whole(database, settings, place)
                recovery = Recovery(
                    database,
                    now=now,
                    random=random,
                    no_password=lambda user_id: Verifier.unknown(vault, user_id).sealed(
                        vault, user_id
                    ),
                )
                recovery.run(ChangeJournal.since(changes, database), list(keys.entries()))
                done = Restored(entries=entries, changes=recovery.changes, keys=recovery.keys)
                detail = {"changes": done.changes, "keys": done.keys}
                audit = AuditLog(database, clock, settings.node)
                audit.listeners.append(ChangeJournal(changes, database).listen)
                audit.append(changejournal.RESTORE, "ras:admin", "ras:db", detail=detail)
            _put(place, settings.folder, now)
    return done


def _vault(settings: Settings, manifest: dict[str, Any]) -> Vault:
    """Return the ring of master keys, if it opens what is in the archive."""
    if manifest.get("format") != _FORMAT:
        raise ArchiveError("The archive is of a newer version of this program")
    vault = Vault.from_file(settings.master_key)
    known = {each.hex() for each in (vault.key_id, *vault.older)}
    if missing := set(manifest["master_keys"]) - known:
        raise ArchiveError(
            f"The archive needs the master key {', '.join(sorted(missing))}: add the line of the"
            f" key file that was in use then to {settings.master_key}"
        )
    return vault


@asynccontextmanager
async def _opened(place: Path) -> AsyncIterator[Database]:
    """Open the database of an archive inside the context, brought up to this program."""
    with Database(place / DATABASE_FILE) as database:
        yield database
        await database.flush()


async def _whole(database: Database, settings: Settings, place: Path) -> int:
    """Return the number of entries of the audit; ArchiveError if anything does not fit."""
    problem = database.one("PRAGMA integrity_check(1)")
    if problem is None or problem[0] != "ok" or database.one("PRAGMA foreign_key_check"):
        raise ArchiveError("The database of the archive is damaged")
    path, server_id = place / checkpoints.FILE, server.identity(database, "")
    signed: list[Checkpoint] = []
    unsigned = None
    if path.exists():
        key = load_key(settings.folder / checkpoints.KEY_FILE, may_create=False)
        signed, unsigned = authentic(Checkpoints.lines(path), key.public_key(), server_id)
    verdict = await verify(database, checkpoints=signed)
    if (finding := verdict.finding or unsigned) is not None:
        raise ArchiveError(f"The audit of the archive is not whole: entry {finding.n}")
    return verdict.to


def _put(place: Path, folder: Path, now: int) -> None:
    """Put the restored files in their places; what was there is kept under another name."""
    for name in _OLD:
        with suppress(FileNotFoundError):
            (folder / name).rename(folder / f"{name}.before-{now}")
    for name in (*_JOURNALS, checkpoints.FILE, SETTINGS_FILE, DATABASE_FILE):
        replaces = name in {*_JOURNALS, DATABASE_FILE} or not (folder / name).exists()
        if (place / name).exists() and replaces:
            (place / name).rename(folder / name)
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
