"""The check of the audit: the first entry that does not fit, and what is wrong (section 8)."""

import asyncio
from collections.abc import Iterable, Sequence
from enum import StrEnum
from hmac import compare_digest
from typing import Any, NamedTuple

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
import orjson

from ..store import audit as store
from ..store.audit import AuditRow
from ..store.db import Database
from .audit import START, canonical, chained
from .checkpoints import Checkpoint


class Wrong(StrEnum):
    """What is wrong with an entry."""

    ALTERED = "altered"
    """Its text or its hash was changed, or an entry was put in its place."""
    MISSING = "missing"
    """It is not there."""
    REPEATED = "repeated"
    """In its place stands an earlier entry once more."""
    REORDERED = "reordered"
    """In its place stands a later entry."""
    REWRITTEN = "rewritten"
    """The chain fits in itself, but from here to the checkpoint it is not the one signed."""
    UNSIGNED = "unsigned"
    """The checkpoint of this entry is not signed with the key of the audit."""


class Finding(NamedTuple):
    """The first entry that is wrong, and how."""

    n: int
    wrong: Wrong


class Verdict(NamedTuple):
    """The result of a check: what was found, the last entry looked at, checkpoints that fitted."""

    finding: Finding | None
    to: int
    checkpoints: int = 0

    def to_json(self) -> dict[str, Any]:
        """Return the answer of section 8; `kind`, `to` and `checkpoints` are additions."""
        found = self.finding
        return {
            "ok": found is None,
            "first_bad": None if found is None else found.n,
            "kind": None if found is None else found.wrong,
            "to": self.to,
            "checkpoints": self.checkpoints,
        }


class _Chain:
    """The walk along the chain: the place reached, and the checkpoints still ahead."""

    def __init__(self, after: int, previous: bytes, checkpoints: Sequence[Checkpoint]) -> None:
        self.n = after
        self.hash = previous
        self.fitted = 0
        self._ahead = list(reversed(checkpoints))
        self._sure = after

    def take(self, row: AuditRow) -> Finding | None:
        """Go one entry on, or return what is wrong with it."""
        n = self.n + 1
        if row.n != n:
            return Finding(n, Wrong.MISSING)
        if (wrong := _misfit(self.hash, row)) is not None:
            return Finding(n, wrong)
        self.n, self.hash = n, row.hash
        return self.compare()

    def compare(self) -> Finding | None:
        """Compare the entry reached with the checkpoints of it."""
        while self._ahead and self._ahead[-1].n <= self.n:
            checkpoint = self._ahead.pop()
            if checkpoint.n == self.n:
                if checkpoint.hash != self.hash.hex():
                    return Finding(min(self._sure + 1, self.n), Wrong.REWRITTEN)
                self.fitted += 1
                self._sure = self.n
        return None

    def end(self, to: int | None) -> Finding | None:
        """Return what is missing at the end."""
        expected = max((each.n for each in self._ahead), default=0) if to is None else to
        return Finding(self.n + 1, Wrong.MISSING) if self.n < expected else None


def _misfit(previous: bytes, row: AuditRow) -> Wrong | None:
    entry = row.entry.encode()
    try:
        parsed = orjson.loads(entry)
        if canonical(parsed) != entry:
            return Wrong.ALTERED
        claimed = int(parsed["n"])
    except ValueError, TypeError, KeyError, AttributeError:  # no JSON, or not that of an entry
        return Wrong.ALTERED
    if claimed != row.n:
        return Wrong.REPEATED if claimed < row.n else Wrong.REORDERED
    return None if compare_digest(row.hash, chained(previous, entry)) else Wrong.ALTERED


async def verify(
    db: Database,
    *,
    after: int = 0,
    previous: bytes = START,
    to: int | None = None,
    checkpoints: Sequence[Checkpoint] = (),
) -> Verdict:
    """Check the chain behind entry `after`, whose hash the caller trusts, until entry `to`.

    Authentic checkpoints have to fit too. Others get a turn after each chunk.
    """
    if after:
        known = store.get(db, after)
        if known is None:
            return Verdict(Finding(after, Wrong.MISSING), after)
        if not compare_digest(known.hash, previous):
            return Verdict(Finding(after, Wrong.ALTERED), after)
    chain = _Chain(after, previous, sorted(checkpoints, key=lambda each: each.n))
    for rows in store.chunks(db, after + 1, to):
        for row in rows:
            if (finding := chain.take(row)) is not None:
                return Verdict(finding, chain.n, chain.fitted)
        await asyncio.sleep(0)
    return Verdict(chain.end(to), chain.n, chain.fitted)


def authentic(
    lines: Iterable[bytes], key: Ed25519PublicKey, server_id: str
) -> tuple[list[Checkpoint], Finding | None]:
    """Return the checkpoints of a file, and the first one that this server did not sign."""
    found: list[Checkpoint] = []
    for line in lines:
        try:
            checkpoint = Checkpoint.from_line(line)
        except ValueError:
            return found, Finding(found[-1].n if found else 0, Wrong.UNSIGNED)
        if checkpoint.server_id != server_id or not checkpoint.is_authentic(key):
            return found, Finding(checkpoint.n, Wrong.UNSIGNED)
        found.append(checkpoint)
    return found, None
