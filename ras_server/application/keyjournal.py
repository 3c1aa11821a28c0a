"""The key journal: every new device key, in a file beside the database (protocol 10).

A key stands in it before the frame leaves that makes a lock use it. So a lock that was re-keyed
after the last backup, or whose removal was never confirmed, can still be reached.
"""

import os
from pathlib import Path
from typing import Final

import orjson

FILE: Final = "keys.journal"


class KeyJournal:
    """Appends sealed keys to a file, one JSON object per line."""

    def __init__(self, path: Path) -> None:
        """Use a file, which is created with the first key (mode 0600)."""
        self._path = path

    def append(self, *, device_id: str, gen: int, key_id: str, sealed: bytes, ts: int) -> None:
        """Write a sealed key, and return when it is on the disk."""
        line = orjson.dumps(
            {"device_id": device_id, "gen": gen, "key_id": key_id, "k_d": sealed.hex(), "ts": ts},
            option=orjson.OPT_APPEND_NEWLINE,
        )
        descriptor = os.open(self._path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
        try:
            os.write(descriptor, line)
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
