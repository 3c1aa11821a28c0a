"""Where a person is, against the place of a lock (project profile, 7.4).

A position is the caller's claim: a geofence keeps honest people from mistakes, it is no proof.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from math import asin, cos, radians, sin, sqrt
from typing import Final

_EARTH_RADIUS: Final = 6_371_009  # metres
CLOCK_TOLERANCE: Final = 60
"""Seconds that the clock of a caller may be ahead."""


class Policy(StrEnum):
    """What an unlock from elsewhere is answered."""

    OFF = "off"
    CONFIRM = "confirm"
    DENY = "deny"


class Place(StrEnum):
    """Where a person is; nothing more of a position is ever stored or written to the audit."""

    INSIDE = "inside"
    OUTSIDE = "outside"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True, kw_only=True)
class Fence:
    """A circle, and how sure a position has to be.

    Degrees and metres. A position is too old after `max_age_s`, too vague above `max_accuracy_m`; a
    person is inside after `dwell_s` without a break.
    """

    lat: float
    lon: float
    radius_m: int
    policy: Policy
    dwell_s: int = 0
    max_age_s: int = 120
    max_accuracy_m: int = 100


@dataclass(frozen=True, slots=True, kw_only=True)
class Position:
    """Where somebody says he was: degrees, metres, Unix seconds."""

    lat: float
    lon: float
    accuracy_m: float
    at: int


def distance(lat: float, lon: float, to_lat: float, to_lon: float) -> float:
    """Return the metres between two points, along the great circle."""
    phi, to_phi = radians(lat), radians(to_lat)
    half = (
        sin((to_phi - phi) / 2) ** 2 + cos(phi) * cos(to_phi) * sin(radians(to_lon - lon) / 2) ** 2
    )
    return 2 * _EARTH_RADIUS * asin(min(1.0, sqrt(half)))


def place(fence: Fence, positions: Sequence[Position], now: int) -> Place:
    """Return where a person is whose positions, the oldest first, are known.

    What is missing, too old, too vague or from the future is unknown. The stay begins with the
    oldest position inside that no doubtful one, and no gap longer than `max_age_s`, separates from
    the newest.
    """
    if not positions:
        return Place.UNKNOWN
    newest = positions[-1]
    if not now - fence.max_age_s <= newest.at <= now + CLOCK_TOLERANCE:
        return Place.UNKNOWN
    if (found := _around(fence, newest)) is not Place.INSIDE:
        return found
    since = newest.at
    for position in reversed(positions):
        if since - position.at > fence.max_age_s or _around(fence, position) is not Place.INSIDE:
            break
        since = min(since, position.at)
    return Place.INSIDE if now - since >= fence.dwell_s else Place.OUTSIDE


def _around(fence: Fence, position: Position) -> Place:
    if position.accuracy_m > fence.max_accuracy_m:
        return Place.UNKNOWN
    away = distance(fence.lat, fence.lon, position.lat, position.lon)
    return Place.INSIDE if away <= fence.radius_m + position.accuracy_m else Place.OUTSIDE
