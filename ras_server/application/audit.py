"""The audit: an append-only chain of hashes over all decisions (project profile, section 8).

hash(n) = SHA-256(hash(n-1) | C(entry n)), hash(0) = 32 zero bytes, C = canonical JSON. Personal
data stands in it as identifiers only.
"""

from collections.abc import Callable
from hashlib import sha256
from typing import Any, Final, NamedTuple
from unicodedata import is_normalized, normalize

from aiohttp import web
import orjson

from ..store import audit as store
from ..store.audit_index import AuditIndex
from ..store.db import Database

START: Final = bytes(32)
"""hash(0)."""


class Head(NamedTuple):
    """The newest entry: number, hash (32 bytes) and Unix time."""

    n: int
    hash: bytes
    ts: int

    def to_json(self) -> dict[str, Any]:
        """Return the JSON object of the head."""
        return {"n": self.n, "hash": self.hash.hex(), "ts": self.ts}


def canonical(entry: dict[str, Any]) -> bytes:
    """Return the canonical JSON of an entry, or raise ValueError.

    UTF-8, keys sorted by code point at every level, no white space, integers only, strings in NFC,
    no escapes but quote and backslash; control characters are refused.
    """
    try:
        text = orjson.dumps(entry, option=orjson.OPT_SORT_KEYS)
    except orjson.JSONEncodeError as err:
        raise ValueError(f"{err} in the audit") from None
    plain = text.isascii() and b"\\" not in text and b"\x7f" not in text
    if plain and float not in map(type, entry.get("detail", {}).values()):
        return text  # identifiers hold nothing that is not canonical as it stands
    return orjson.dumps(_clean(entry), option=orjson.OPT_SORT_KEYS)


def _clean(value: Any) -> Any:
    match value:
        case str():
            if not value.isprintable() and any(character < " " for character in value):
                raise ValueError("A control character in the audit")
            return value if is_normalized("NFC", value) else normalize("NFC", value)
        case dict():
            return {_clean(key): _clean(each) for key, each in value.items()}
        case list() | tuple():
            return [_clean(each) for each in value]
        case bool() | None:
            return value
        case int():
            return int(value)
        case _:
            raise ValueError(f"{type(value).__name__} in the audit")


def chained(previous: bytes, entry: bytes) -> bytes:
    """Return the hash of a canonical entry after the hash before it."""
    return sha256(previous + entry).digest()


class AuditLog:
    """The chain of this node."""

    def __init__(
        self, db: Database, clock: Callable[[], float], node: str, *, durable: bool = False
    ) -> None:
        """Continue the chain of a database; `durable` entries are flushed before an answer."""
        self._db = db
        self._clock = clock
        self._node = node
        self._durable = durable
        self.head = Head(0, START, 0)
        """The newest entry that was not taken back."""
        self._read_head()
        db.on_rollback(self._read_head)
        self.index = AuditIndex(db)
        self.listeners: list[Callable[[dict[str, Any]], None]] = []
        """Are told of each entry; one made inside a transaction may still be rolled back."""

    def append(
        self,
        action: str,
        actor: str,
        object_: str,
        *,
        result: int = 0,
        detail: dict[str, Any] | None = None,
    ) -> int:
        """Append an entry, and return its number; actor and object are typed addresses.

        An entry made inside a transaction that is rolled back leaves with it.
        """
        head = self.head
        n, ts = head.n + 1, int(self._clock())
        fields = {
            "action": action,
            "actor": actor,
            "detail": detail or {},
            "n": n,
            "node": self._node,
            "object": object_,
            "result": result,
            "ts": ts,
        }
        entry = canonical(fields)
        hashed = chained(head.hash, entry)
        store.add(self._db, n, entry.decode(), hashed, durable=self._durable)
        self.head = Head(n, hashed, ts)
        self.index.add(n, fields)
        for listen in self.listeners:
            listen(fields)
        return n

    def _read_head(self) -> None:
        if (row := store.last(self._db)) is None:
            self.head = Head(0, START, 0)
        else:
            self.head = Head(row.n, row.hash, orjson.loads(row.entry)["ts"])


AUDIT: Final = web.AppKey("audit", AuditLog)
