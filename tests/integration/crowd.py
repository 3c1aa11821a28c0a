"""What is on air around one lock: its own adverts, forged, replayed and foreign ones."""

from collections.abc import Iterator
from dataclasses import replace
from enum import StrEnum
import random
from typing import Final, NamedTuple

from igrs_codec.bsld.advert import encode, unowned
from igrs_codec.bsld.frame import Bolt, Door, LockState

INTERVAL: Final = 0.02
"""Seconds from one advert to the next."""
_CHANGE: Final = 10.0
"""Seconds from one movement of the bolt to the next."""


class Kind(StrEnum):
    """Who sent an advert, and what for."""

    GENUINE = "genuine"
    FORGED = "forged"
    FLIPPED = "one bit changed"
    REPLAYED = "replayed"
    FOREIGN = "of another maker"
    UNOWNED = "of generation 0"
    UNKNOWN = "of an unknown key"


_SHARE: Final = {
    Kind.GENUINE: 20,
    Kind.FORGED: 25,
    Kind.FLIPPED: 15,
    Kind.REPLAYED: 20,
    Kind.FOREIGN: 10,
    Kind.UNOWNED: 5,
    Kind.UNKNOWN: 5,
}


class Advert(NamedTuple):
    """Service data (mostly 10 bytes), when they are heard (Unix time), and where the bolt is."""

    kind: Kind
    data: bytes
    at: float
    bolt: Bolt


def crowd(
    k_adv: bytes, device: bytes, *, counter: int, began: float, count: int, seed: int = 1
) -> Iterator[Advert]:
    """Yield so many adverts; the lock begins with this event counter, locked, and moves on."""
    chance = random.Random(seed)  # noqa: S311 - no secret
    state = LockState(bolt=Bolt.LOCKED, door=Door.CLOSED)
    heard: list[bytes] = []
    moves_at = began + _CHANGE
    for number in range(count):
        at = began + number * INTERVAL
        if at >= moves_at:
            moves_at += _CHANGE
            counter += 1
            moved = Bolt.UNLOCKED if state.bolt is Bolt.LOCKED else Bolt.LOCKED
            state = replace(state, bolt=moved)
        own = encode(k_adv, device, 1, state=state, battery=90, counter=counter, time=int(at))
        (kind,) = chance.choices([*_SHARE], [*_SHARE.values()])
        match kind:
            case Kind.GENUINE:
                data = own
                heard.append(own)
            case Kind.FORGED:
                data = b"\x11" + chance.randbytes(9)
            case Kind.FLIPPED:
                data = (int.from_bytes(own) ^ 1 << chance.randrange(72)).to_bytes(10)
            case Kind.REPLAYED:
                data = chance.choice(heard or [own])
            case Kind.FOREIGN:
                data = b"\x2f" + chance.randbytes(chance.randrange(20))
            case Kind.UNOWNED:
                random_ = chance.randbytes(5)
                data = unowned(window_open=True, clock_unset=False, model=1, random=random_)
            case Kind.UNKNOWN:
                data = b"\x17" + chance.randbytes(9)
        yield Advert(kind, data, at, state.bolt)
