"""An archive under a passphrase: a tar stream in AES-256-GCM chunks (project profile, 12).

Head: magic (8 bytes), Argon2id time cost, memory in KiB and lanes (each u32), salt (16), nonce
prefix (7). Then chunks of at most 64 KiB with a tag of 16 bytes each. The nonce of a chunk is
prefix, number (u32) and 1 for the last one, else 0; the head is authenticated with each. So nothing
can be changed, left out, exchanged or cut off unnoticed.
"""

from collections.abc import Callable
import io
import os
from pathlib import Path
from struct import Struct
import tarfile
from typing import IO, BinaryIO, Final, override

from argon2.low_level import Type, hash_secret_raw
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from .errors import OperatorError

MINIMUM: Final = 12  # characters of a passphrase
CHUNK: Final = 64 * 1024  # bytes
_MAGIC: Final = b"RASBAK1\n"
_HEAD: Final = Struct(">8sIII16s7s")
_TAG: Final = 16  # bytes
_COST: Final = (3, 64 * 1024, 4)
_MOST: Final = (10, 1024 * 1024, 16)
_NONCE: Final = Struct(">7sI?")


class ArchiveError(OperatorError):
    """An archive cannot be written or read; the message says what to do."""


class _Chunks:
    """What sealing and opening have in common: the cipher and the number of the next chunk."""

    def __init__(self, passphrase: str, head: bytes) -> None:
        _, time, memory, lanes, salt, self._prefix = _HEAD.unpack(head)
        key = hash_secret_raw(
            passphrase.encode(), salt, time, memory, lanes, hash_len=32, type=Type.ID
        )
        self._cipher = AESGCM(key)
        self._head = head
        self._number = 0

    def _nonce(self, *, last: bool) -> bytes:
        nonce = _NONCE.pack(self._prefix, self._number, last)
        self._number += 1
        return nonce

    def seal(self, chunk: bytes, *, last: bool) -> bytes:
        return self._cipher.encrypt(self._nonce(last=last), chunk, self._head)

    def open(self, chunk: bytes, *, last: bool) -> bytes:
        try:
            return self._cipher.decrypt(self._nonce(last=last), chunk, self._head)
        except InvalidTag:
            raise ArchiveError(
                "The passphrase is wrong, or the archive was changed or cut off"
            ) from None


class _Writer(io.RawIOBase):
    """Seals what is written; the last chunk is written when it is closed."""

    def __init__(
        self, file: BinaryIO, passphrase: str, random: Callable[[int], bytes] = os.urandom
    ) -> None:
        super().__init__()
        head = _HEAD.pack(_MAGIC, *_COST, random(16), random(7))
        self._chunks = _Chunks(passphrase, head)
        self._file = file
        self._rest = bytearray()
        file.write(head)

    @override
    def writable(self) -> bool:
        return True

    @override
    def write(self, data: bytes, /) -> int:  # type: ignore[override]  # tarfile gives bytes
        self._rest += data
        while len(self._rest) > CHUNK:
            self._file.write(self._chunks.seal(bytes(self._rest[:CHUNK]), last=False))
            del self._rest[:CHUNK]
        return len(data)

    @override
    def close(self) -> None:
        if not self.closed:
            self._file.write(self._chunks.seal(bytes(self._rest), last=True))
        super().close()


class _Reader(io.RawIOBase):
    """Opens what is read, and knows the end from the last chunk alone."""

    def __init__(self, file: BinaryIO, passphrase: str) -> None:
        super().__init__()
        head = file.read(_HEAD.size)
        if len(head) < _HEAD.size or not head.startswith(_MAGIC):
            raise ArchiveError("This is no archive of `ras backup`")
        if any(cost > most for cost, most in zip(_HEAD.unpack(head)[1:4], _MOST, strict=True)):
            raise ArchiveError("This archive asks for more work than any of `ras backup`")
        self._chunks = _Chunks(passphrase, head)
        self._file = file
        self._next = file.read(CHUNK + _TAG)
        self._rest = b""

    @override
    def readable(self) -> bool:
        return True

    @override
    def read(self, size: int = -1, /) -> bytes:
        while self._next and (size < 0 or len(self._rest) < size):
            chunk, self._next = self._next, self._file.read(CHUNK + _TAG)
            self._rest += self._chunks.open(chunk, last=not self._next)
        size = len(self._rest) if size < 0 else size
        data, self._rest = self._rest[:size], self._rest[size:]
        return data


def pack(target: BinaryIO, files: dict[str, Path], passphrase: str) -> None:
    """Write files under their names."""
    with (
        _Writer(target, passphrase) as sealed,
        tarfile.open(fileobj=sealed, mode="w|", format=tarfile.PAX_FORMAT) as tar,
    ):
        for name, path in files.items():
            tar.add(path, name, recursive=False, filter=_nameless)


def _nameless(member: tarfile.TarInfo) -> tarfile.TarInfo:
    """Leave out who made the file."""
    member.uid = member.gid = 0
    member.uname = member.gname = ""
    member.mode = 0o600
    return member


def unpack(source: BinaryIO, folder: Path, names: frozenset[str], passphrase: str) -> set[str]:
    """Write those of the named files that are in the archive into a folder; return their names.

    Nothing of an archive that was changed or cut off stays unnoticed: ArchiveError.
    """
    found = set[str]()
    reader = _Reader(source, passphrase)
    try:
        with tarfile.open(fileobj=reader, mode="r|") as tar:
            for member in tar:
                content = tar.extractfile(member) if member.isreg() else None
                if member.name not in names or content is None:
                    raise ArchiveError(f"The archive holds {member.name!r}, which is no part of it")
                _copy(content, folder / member.name)
                found.add(member.name)
        while reader.read(CHUNK):
            pass
    except tarfile.TarError as err:
        raise ArchiveError(f"The archive cannot be read: {err}") from None
    return found


def _copy(source: IO[bytes], path: Path) -> None:
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        while data := source.read(CHUNK):
            file.write(data)
        file.flush()
        os.fsync(descriptor)
