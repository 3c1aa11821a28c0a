"""The shadow: what a lock is believed to be like, on whose word, and since when.

Project profile, sections 4 and 9.2; protocol 11. A session that the server holds and an advert that
it checks are the lock's own word; what a gateway of the household says is its word. One order of
event counter and time holds for the lock's word, whichever way it comes, also after a restart: what
is forged, recorded or late changes nothing.
"""

from enum import StrEnum
from typing import Any, Final

from aiohttp import web
import orjson

from igrs_codec.bsld.advert import BUCKET_SECONDS, AdvertState, bucket_of, decode, generation
from igrs_codec.bsld.tracker import MEMORY, is_old
from igrs_codec.errors import IgrsError

from .locks import LOCKS, Lock, Locks
from .notices import STATUS, followers, tell
from .ownership import Phase
from .relay import state_json


class Source(StrEnum):
    """Who says what a shadow shows."""

    SESSION = "session"
    """The lock, in a session with the server."""
    ADVERT = "advert"
    """The lock, in an advert that the server has checked."""
    GATEWAY = "gateway"
    """A gateway of the household; the server cannot check it."""
    NONE = "none"
    """Nobody: the lock was asked to move its bolt, and did not answer."""


_AUTHENTIC: Final = frozenset({Source.SESSION, Source.ADVERT})


def hear(app: web.Application, lock: Lock, service_data: bytes, *, gateway_id: str) -> None:
    """Take an advert (10 bytes) that a gateway hands on."""
    locks = app[LOCKS]
    advert = authentic(locks, lock, service_data)
    if advert is None or advert.bucket == 0:  # without a clock it can be of any time
        return
    at = advert.bucket * BUCKET_SECONDS + BUCKET_SECONDS - 1
    show(app, lock, state_json(advert), source=Source.ADVERT, at=at, via=f"gw:{gateway_id}")


def authentic(locks: Locks, lock: Lock, service_data: bytes) -> AdvertState | None:
    """Return what an advert says if it was made by the lock lately, with any key it can have."""
    try:
        gen = generation(service_data)
        for key in lock.record.keys:
            if key.gen != gen or key.phase == Phase.STORED or key.k_d is None:
                continue
            k_adv = locks.key(lock, key).advert
            if (state := decode(k_adv, lock.bytes, service_data, locks.now)) is not None:
                return state
    except IgrsError:  # it is no advert, or that of an unowned lock
        return None
    return None


def doubt(app: web.Application, lock: Lock, *, via: str | None) -> None:
    """Show the bolt as unknown: an operation that may have been done was not answered."""
    state, now = {"bolt": "unknown"}, app[LOCKS].now
    show(app, lock, state, source=Source.NONE, at=now, via=via)


def show(
    app: web.Application,
    lock: Lock,
    state: dict[str, Any],
    *,
    source: Source,
    at: int,
    via: str | None,
    told_as: str | None = None,
) -> None:
    """Keep a state of a lock, unless it is older, and tell everybody who may know it.

    `at` is the lock's time, in Unix seconds; `told_as` is the source in the message if that is
    another one.
    """
    if lock.forgotten:
        return
    now, before = app[LOCKS].now, orjson.loads(lock.device.shadow)
    at = now if state.get("clock") is False else min(at, now)
    if _is_late(before, state, source=source, at=at, now=now):
        return
    after = before | state | {"at": at, "source": source}
    heartbeat = source is Source.ADVERT and before.items() >= state.items()
    if heartbeat and before.get("source") in _AUTHENTIC and at - before["at"] < MEMORY:
        return
    app[LOCKS].set_shadow(lock, after)
    if not heartbeat:
        body = {"state": state, "source": told_as or source, "at": at}
        tell(app, lock, followers(app, lock), STATUS, body, via=via)


def _is_late(
    before: dict[str, Any], state: dict[str, Any], *, source: Source, at: int, now: int
) -> bool:
    """Return whether something newer is known."""
    said: int = before.get("at", 0)
    if source not in _AUTHENTIC or "event" not in before:
        return at < said
    since = 0 if source is Source.SESSION else _since(before)  # what is answered now is of now
    return is_old((state["event"], bucket_of(at)), (before["event"], since), now - said)


def _since(before: dict[str, Any]) -> int:
    """Return the bucket from which on an advert with an equal event counter counts.

    A claim of a gateway takes no part in the order. After an operation without an answer nothing
    counts that the lock can have sent before it.
    """
    match before.get("source"):
        case Source.SESSION | Source.ADVERT:
            return bucket_of(before["at"])
        case Source.NONE:
            return bucket_of(before["at"]) + 1
        case _:
            return 0
