"""A short chain of the audit for tests: the two entries of the description, and its check."""

from typing import Any

from ras_server.application.audit_check import Finding, verify
from ras_server.store.db import Database

ENTRY_1 = {
    "action": "access.unlock",
    "actor": "user:u-7f3a",
    "detail": {"gateway": "gw:g-1", "grant": "gr-1", "mid": "01JD8Z0000000000000000000A"},
    "n": 1,
    "node": "n1",
    "object": "dev:A1B2C3D4E5F6",
    "result": 0,
    "ts": 1795000000,
}
ENTRY_2 = {
    "action": "access.unlock",
    "actor": "user:u-9c1e",
    "detail": {"channel": "voice"},
    "n": 2,
    "node": "n1",
    "object": "dev:A1B2C3D4E5F6",
    "result": 3002,
    "ts": 1795000001,
}
HASH_1 = "78d5044cfccd21b4f056d0d0b3e932b002fef4a1ac1d4cbf767af5354af8f233"
HASH_2 = "6e431d91e58b8e14c8b0c529796de167e580ad032ff33fb1cb249ffecc11b7a9"


class Clock:
    """A clock that the test moves."""

    now = 1795000000.0

    def __call__(self) -> float:
        """Return the time."""
        return self.now


async def finding(database: Database, **options: Any) -> Finding | None:
    """Return what the check finds."""
    return (await verify(database, **options)).finding
