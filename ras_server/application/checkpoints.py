"""Signed checkpoints of the audit: a witness beside the database (project profile, section 8).

Every minute in which the chain has grown, its head is signed with Ed25519 and appended to a file,
one JSON object per line. The key is a file of its own beside the master key, in no database and in
no backup. A past that is rewritten together with its hashes, or a tail that is cut, no longer
matches what was signed.
"""

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import suppress
from dataclasses import asdict, dataclass
import logging
import os
from pathlib import Path
from typing import Any, Final, Self

from aiohttp import web
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
import orjson

from ..errors import OperatorError
from ..keys import CLOCK, DATABASE, SERVER_ID, SETTINGS
from ..settings import create_file
from ..store import audit as store
from .audit import Head, canonical

FILE: Final = "audit.checkpoints"
KEY_FILE: Final = "audit.key"
INTERVAL: Final = 60  # seconds

_LOGGER = logging.getLogger(__name__)
_PURPOSE: Final = b"ras audit checkpoint\0"


class CheckpointError(OperatorError):
    """The key or the file of the checkpoints cannot be used; the message says what to do."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Checkpoint:
    """A signed head: number and hash (hexadecimal) of an entry, the time of signing, the chain."""

    n: int
    hash: str
    ts: int
    node: str
    server_id: str
    signature: str = ""

    @classmethod
    def from_line(cls, line: bytes) -> Self:
        """Parse a line of the file, or raise ValueError."""
        try:
            return cls(**orjson.loads(line))
        except TypeError as err:
            raise ValueError(str(err)) from None

    @property
    def signed(self) -> bytes:
        """Return the bytes that the signature covers: the purpose and canonical JSON."""
        fields = asdict(self)
        del fields["signature"]
        return _PURPOSE + canonical(fields)

    def is_authentic(self, key: Ed25519PublicKey) -> bool:
        """Return whether the signature is right."""
        try:
            key.verify(bytes.fromhex(self.signature), self.signed)
        except InvalidSignature, TypeError, ValueError:
            return False
        return True


class Checkpoints:
    """The checkpoints of a server: the key, the file, the newest one."""

    def __init__(self, folder: Path, *, node: str, server_id: str) -> None:
        """Read the key; a server that never signed anything gets a new one (mode 0400)."""
        self.path = folder / FILE
        self._node = node
        self._server_id = server_id
        self._key = load_key(folder / KEY_FILE, may_create=not self.path.exists())
        self.last: Checkpoint | None = None
        _mend(self.path)
        for line in self.lines(self.path):
            with suppress(ValueError):
                self.last = Checkpoint.from_line(line)

    @property
    def public(self) -> Ed25519PublicKey:
        """Return the key that checks the signatures."""
        return self._key.public_key()

    def to_json(self) -> dict[str, Any]:
        """Return the newest checkpoint and the public key (32 bytes, hexadecimal)."""
        return {
            "key": self.public.public_bytes_raw().hex(),
            "checkpoint": None if self.last is None else asdict(self.last),
        }

    def sign(self, head: Head, now: int) -> Checkpoint:
        """Return a checkpoint of a head."""
        unsigned = Checkpoint(
            n=head.n, hash=head.hash.hex(), ts=now, node=self._node, server_id=self._server_id
        )
        fields = asdict(unsigned)
        return Checkpoint(**fields | {"signature": self._key.sign(unsigned.signed).hex()})

    def keep(self, checkpoint: Checkpoint) -> None:
        """Append a checkpoint to the file, and return when it is on the disk."""
        descriptor = os.open(self.path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
        try:
            os.write(descriptor, orjson.dumps(checkpoint, option=orjson.OPT_APPEND_NEWLINE))
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
        self.last = checkpoint

    @staticmethod
    def lines(path: Path) -> Iterator[bytes]:
        """Yield the lines of a file of checkpoints; none if it is missing."""
        with suppress(FileNotFoundError), path.open("rb") as file:
            yield from file


def _mend(path: Path) -> None:
    """Take away the part of a line that a loss of power left at the end."""
    with suppress(FileNotFoundError), path.open("r+b") as file:
        text = file.read()
        file.truncate(text.rfind(b"\n") + 1)


def load_key(path: Path, *, may_create: bool) -> Ed25519PrivateKey:
    """Return the key of a file; make a new one (0400) if it is missing and that may be."""
    try:
        return Ed25519PrivateKey.from_private_bytes(bytes.fromhex(path.read_text("ascii")))
    except FileNotFoundError:
        pass
    except (OSError, ValueError) as err:
        raise CheckpointError(f"{path} holds no key of the audit: {err}") from None
    if not may_create:
        raise CheckpointError(
            f"{path} is missing: put it back. If it is lost, move {path.with_name(FILE)} away:"
            " a new key begins a new one, and the old one can no longer be checked"
        )
    key = Ed25519PrivateKey.generate()
    create_file(path, key.private_bytes_raw().hex() + "\n", 0o400)
    return key


CHECKPOINTS: Final = web.AppKey("checkpoints", Checkpoints)


async def context(app: web.Application) -> AsyncIterator[None]:
    """Sign the head of the audit every minute while the server runs, and at its end."""
    app[CHECKPOINTS] = checkpoints = Checkpoints(
        app[SETTINGS].folder, node=app[SETTINGS].node, server_id=app[SERVER_ID]
    )
    if (last := checkpoints.last) is not None:
        row = store.get(app[DATABASE], last.n)
        if row is None or row.hash.hex() != last.hash:
            _LOGGER.critical("The audit lacks what was signed: run `ras audit verify`")

    async def run() -> None:
        while True:
            await asyncio.sleep(INTERVAL)
            await take(app)

    task = asyncio.create_task(run())
    yield
    task.cancel()
    with suppress(asyncio.CancelledError):
        await task
    if app[DATABASE].failure is None:
        await take(app)


async def take(app: web.Application) -> None:
    """Sign the head, once it is on the disk, unless the last checkpoint covers it."""
    newest, checkpoints = store.last(app[DATABASE]), app[CHECKPOINTS]
    if newest and (checkpoints.last is None or checkpoints.last.n != newest.n):
        await app[DATABASE].flush()
        now = int(app[CLOCK]())
        checkpoint = checkpoints.sign(Head(newest.n, newest.hash, now), now)
        await asyncio.to_thread(checkpoints.keep, checkpoint)
