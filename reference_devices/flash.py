"""Flash memory of a lock: two alternating records and append-only pages (protocol 10).

Layout (project profile), pages of 4096 bytes, FF when erased:

pages 0, 1      ownership record {sequence u32, length u32, data, CRC-32}; the page with
                the newest valid record is never erased
pages 2, 3, 4   log: slots of 16 bytes (14 and CRC-16), at least 510 kept
pages 5, 6      time: slots of 8 bytes (6 and CRC-16)

The first slot of an append-only page holds its sequence number. Damaged slots are
skipped. A page is erased only after the next one in the ring is full.
"""

from binascii import crc32, crc_hqx
from itertools import batched
import os
from pathlib import Path
from struct import Struct
from typing import Final, Protocol

from igrs_codec.bsld.lock_state import Ownership

PAGE_SIZE: Final = 4096
PAGES: Final = 7

_RECORD_PAGES: Final = (0, 1)
_LOG_PAGES: Final = (2, 3, 4)
_LOG_SLOT: Final = 16
_TIME_PAGES: Final = (5, 6)
_TIME_SLOT: Final = 8
_HEAD: Final = Struct(">II")
_CRC32: Final = Struct(">I")
_CRC16: Final = Struct(">H")
_CRC16_START: Final = 0xFFFF
_BLANK: Final = b"\xff"


class PowerCutError(Exception):
    """The power failed during a write."""


class Medium(Protocol):
    """Pages of PAGE_SIZE bytes with the two primitive writes of a flash memory."""

    def read(self, page: int) -> bytes:
        """Return a whole page."""
        ...

    def erase(self, page: int) -> None:
        """Set a whole page to FF, durably."""
        ...

    def program(self, page: int, offset: int, data: bytes) -> None:
        """Write into erased bytes, durably."""
        ...


class FileMedium:
    """A flash memory in a file of its own; each write is on disk when it returns."""

    def __init__(self, path: Path) -> None:
        self._path = path

    @classmethod
    def create(cls, path: Path, image: bytes) -> FileMedium:
        """Make the file with its first content, wholly or not at all."""
        new = path.with_name(path.name + ".new")
        _write(new, image, os.O_CREAT | os.O_TRUNC)
        new.replace(path)
        folder = os.open(path.parent, os.O_RDONLY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)
        return cls(path)

    def read(self, page: int) -> bytes:
        """Return a whole page; a file cut short reads as erased."""
        with self._path.open("rb") as file:
            file.seek(page * PAGE_SIZE)
            return file.read(PAGE_SIZE).ljust(PAGE_SIZE, _BLANK)

    def erase(self, page: int) -> None:
        """Set a whole page to FF, durably."""
        self.program(page, 0, _BLANK * PAGE_SIZE)

    def program(self, page: int, offset: int, data: bytes) -> None:
        """Write bytes, durably."""
        _write(self._path, data, at=page * PAGE_SIZE + offset)


def _write(path: Path, data: bytes, flags: int = 0, *, at: int = 0) -> None:
    file = os.open(path, os.O_WRONLY | flags, 0o600)
    try:
        written = 0
        while written < len(data):
            written += os.pwrite(file, data[written:], at + written)
        os.fsync(file)
    finally:
        os.close(file)


class MemoryMedium:
    """A flash memory in RAM that counts its writes and can lose power in one of them.

    `writes` counts primitive writes. The write number `cut_at` (from 1) does only
    `torn` of its bytes (0.0 none, 1.0 all) and raises PowerCutError.
    """

    def __init__(self) -> None:
        self._pages = [bytearray(_BLANK * PAGE_SIZE) for _ in range(PAGES)]
        self.writes = 0
        self.cut_at: int | None = None
        self.torn = 0.0

    def read(self, page: int) -> bytes:
        """Return a whole page."""
        return bytes(self._pages[page])

    def erase(self, page: int) -> None:
        """Set a whole page to FF."""
        self._write(page, 0, _BLANK * PAGE_SIZE)

    def program(self, page: int, offset: int, data: bytes) -> None:
        """Write bytes, which must be erased."""
        if any(byte != _BLANK[0] for byte in self._pages[page][offset : offset + len(data)]):
            raise ValueError("programming bytes that are not erased")
        self._write(page, offset, data)

    def damage(self, page: int, offset: int = 0) -> None:
        """Spoil one byte, as age does."""
        self._pages[page][offset] ^= 0x01

    def _write(self, page: int, offset: int, data: bytes) -> None:
        self.writes += 1
        cut = self.writes == self.cut_at
        done = int(len(data) * self.torn) if cut else len(data)
        self._pages[page][offset : offset + done] = data[:done]
        if cut:
            raise PowerCutError


class Flash:
    """Durable storage of a lock on a medium: the lock role's `Memory`."""

    def __init__(self, medium: Medium) -> None:
        self._medium = medium
        self.mount()

    def mount(self) -> None:
        """Find the places to write at, as a lock does when it gets power."""
        self._log = _Ring(self._medium, _LOG_PAGES, _LOG_SLOT)
        self._time = _Ring(self._medium, _TIME_PAGES, _TIME_SLOT)

    def ownership(self) -> bytes | None:
        """Return the newest valid ownership record, or None if both are unreadable."""
        valid = [record for page in _RECORD_PAGES if (record := self._record(page))]
        return max(valid)[1] if valid else None

    def write_ownership(self, data: bytes) -> None:
        """Replace the ownership record, wholly or not at all."""
        valid = [(*found, page) for page in _RECORD_PAGES if (found := self._record(page))]
        sequence, _, newest = max(valid, default=(0, b"", _RECORD_PAGES[1]))
        page = next(page for page in _RECORD_PAGES if page != newest)
        body = _HEAD.pack(sequence + 1, len(data)) + data
        record = body + _CRC32.pack(crc32(body))
        if len(record) > PAGE_SIZE:
            raise ValueError("an ownership record does not fit into a page")
        self._medium.erase(page)
        self._medium.program(page, 0, record)

    def records(self) -> list[bytes]:
        """Return the bodies (14 bytes) of the log, oldest first."""
        return self._log.read()

    def append_record(self, data: bytes) -> None:
        """Append a body of 14 bytes to the log."""
        self._log.append(data)

    def erase_records(self) -> None:
        """Erase the whole log."""
        self._log.erase()

    def times(self) -> list[bytes]:
        """Return the bodies (6 bytes) of the time pages, oldest first."""
        return self._time.read()

    def append_time(self, data: bytes) -> None:
        """Append a body of 6 bytes to the time pages."""
        self._time.append(data)

    def _record(self, page: int) -> tuple[int, bytes] | None:
        raw = self._medium.read(page)
        sequence, length = _HEAD.unpack_from(raw)
        end = _HEAD.size + length
        if end + _CRC32.size > PAGE_SIZE or _CRC32.unpack_from(raw, end) != (crc32(raw[:end]),):
            return None
        return sequence, raw[_HEAD.size : end]


class _Ring:
    """Append-only slots over a ring of pages."""

    def __init__(self, medium: Medium, pages: tuple[int, ...], slot: int) -> None:
        self._medium = medium
        self._pages = pages
        self._slot = slot
        order = self._order()
        self._sequence, page = order[-1] if order else (0, pages[-1])
        self._index = pages.index(page)
        self._used = self._count(page) if order else self._capacity

    @property
    def _capacity(self) -> int:
        return PAGE_SIZE // self._slot

    def read(self) -> list[bytes]:
        """Return the bodies of all sound slots, oldest first."""
        return [
            body
            for _, page in self._order()
            for raw in self._slots(page)[1:]
            if (body := _sound(raw)) is not None
        ]

    def append(self, data: bytes) -> None:
        """Fill the next slot; a full page gives way to the oldest one of the ring."""
        if len(data) != self._slot - _CRC16.size:
            raise ValueError(f"a body has {self._slot - _CRC16.size} bytes")
        if self._used >= self._capacity:
            self._turn()
        self._program(data)

    def erase(self) -> None:
        """Erase all pages; the sequence goes on while the power lasts."""
        for page in self._pages:
            self._medium.erase(page)
        self._used = self._capacity

    def _turn(self) -> None:
        index = (self._index + 1) % len(self._pages)
        self._medium.erase(self._pages[index])
        self._index, self._used = index, 0
        self._sequence += 1
        self._program(self._sequence.to_bytes(self._slot - _CRC16.size))

    def _program(self, body: bytes) -> None:
        offset = self._used * self._slot
        self._used += 1
        sealed = body + _CRC16.pack(crc_hqx(body, _CRC16_START))
        self._medium.program(self._pages[self._index], offset, sealed)

    def _order(self) -> list[tuple[int, int]]:
        """Return (sequence, page) of the pages in use, oldest first."""
        heads = ((_sound(self._slots(page)[0]), page) for page in self._pages)
        return sorted((int.from_bytes(head), page) for head, page in heads if head is not None)

    def _count(self, page: int) -> int:
        slots = self._slots(page)
        blank = _BLANK * self._slot
        return max(number for number, raw in enumerate(slots, 1) if raw != blank)

    def _slots(self, page: int) -> list[bytes]:
        return [bytes(raw) for raw in batched(self._medium.read(page), self._slot, strict=True)]


def _sound(raw: bytes) -> bytes | None:
    """Return the body of a slot, or None if it is blank or damaged."""
    body, crc = raw[: -_CRC16.size], raw[-_CRC16.size :]
    if raw == _BLANK * len(raw) or crc != _CRC16.pack(crc_hqx(body, _CRC16_START)):
        return None
    return body


def open_flash(path: Path) -> Flash:
    """Open the flash file of a lock; a missing one is made, as the factory does."""
    if not path.exists():
        factory = MemoryMedium()
        new_flash(factory)
        FileMedium.create(path, b"".join(factory.read(page) for page in range(PAGES)))
    return Flash(FileMedium(path))


def new_flash(medium: Medium) -> Flash:
    """Return the flash of a new lock: erased but for the record of an unowned lock."""
    flash = Flash(medium)
    flash.write_ownership(bytes(Ownership()))
    return flash
