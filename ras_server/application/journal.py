"""The files beside the database that are appended to, one JSON object per line."""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
import errno
import os
from pathlib import Path
from typing import Final

_APPEND: Final = os.O_RDWR | os.O_CREAT | os.O_APPEND
_NEW: Final = os.O_WRONLY | os.O_CREAT | os.O_TRUNC


def append(path: Path, line: bytes) -> None:
    """Write a line, and return when it is on the disk, or raise OSError.

    One that broke off before it, because the power failed or the disk was full, takes nothing of
    this one with it.
    """
    with _opened(path, _APPEND) as descriptor:
        size = os.fstat(descriptor).st_size
        if size and os.pread(descriptor, 1, size - 1) != b"\n":
            line = b"\n" + line
        _write(descriptor, line)


def rewrite(path: Path, lines: Iterable[bytes]) -> None:
    """Put a file of these lines in the place of another, and return when it is on the disk."""
    new = path.with_suffix(".new")
    with _opened(new, _NEW) as descriptor:
        _write(descriptor, b"".join(lines))
    new.replace(path)
    with _opened(path.parent, os.O_RDONLY):
        pass


def _write(descriptor: int, data: bytes) -> None:
    """Write all of it, or raise OSError."""
    if os.write(descriptor, data) < len(data):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


@contextmanager
def _opened(path: Path, flags: int) -> Iterator[int]:
    """Open a file or folder (0600) inside the context; it is on the disk afterwards."""
    descriptor = os.open(path, flags, 0o600)
    try:
        yield descriptor
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
