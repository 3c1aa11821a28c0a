"""The hours of a grant: weekdays and times of the wall clock in its zone (project profile, 7.1)."""

from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache
import re
from typing import Any, Final
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import orjson
import probatio

from .. import fields

MINUTES_OF_DAY: Final = 1440

_MOST_WINDOWS: Final = 8
_TIME: Final = re.compile(r"(?:[01][0-9]|2[0-3]):[0-5][0-9]|24:00")


@dataclass(frozen=True, slots=True, kw_only=True)
class Schedule:
    """When a grant holds within a week.

    `weekdays` are 1 (Monday) to 7; `times` are minutes since midnight, from inclusive to exclusive.
    Empty means every day, the whole day. `tz` is the name of a time zone.
    """

    weekdays: tuple[int, ...] = ()
    times: tuple[tuple[int, int], ...] = ()
    tz: str


def window_end(schedule: Schedule, now: int) -> int | None:
    """Return when the window that holds now ends (Unix seconds), or None outside of every window.

    Where the clock is changed before the end, the answer is early rather than late.
    """
    zone = _zone(schedule.tz)
    local = datetime.fromtimestamp(now, zone)
    if schedule.weekdays and local.isoweekday() not in schedule.weekdays:
        return None
    minute = 60 * local.hour + local.minute
    for start, end in schedule.times or ((0, MINUTES_OF_DAY),):
        if start <= minute < end:
            until = now + 60 * (end - minute) - local.second
            ahead = max(0, _offset(until, zone) - _offset(now, zone))
            return max(now + 1, until - ahead)
    return None


def _offset(at: int, zone: ZoneInfo) -> int:
    offset = datetime.fromtimestamp(at, zone).utcoffset()
    return 0 if offset is None else int(offset.total_seconds())


@lru_cache
def _zone(name: str) -> ZoneInfo:
    return ZoneInfo(name)


@fields.described(type="string", minLength=1, description="a time zone, such as Europe/Berlin")
def time_zone(value: object) -> str:
    """Accept the name of a time zone, such as Europe/Berlin."""
    if not isinstance(value, str):
        raise probatio.Invalid("expected a string")
    try:
        _zone(value)
    except ZoneInfoNotFoundError, ValueError, OSError:
        raise probatio.Invalid("expected the name of a time zone") from None
    return value


@fields.described(
    type="array",
    items={"type": "string", "pattern": f"^(?:{_TIME.pattern})$"},
    minItems=2,
    maxItems=2,
    description="from and until, as HH:MM",
)
def _window(value: object) -> tuple[int, int]:
    """Accept a pair such as ["08:00", "17:30"], and return its minutes since midnight."""
    start, end = probatio.Schema(probatio.All([fields.pattern(_TIME, "HH:MM")], _PAIR))(value)
    if _minutes(start) >= _minutes(end):
        raise probatio.Invalid("a window over midnight is written as two")
    return _minutes(start), _minutes(end)


_PAIR: Final = probatio.Length(min=2, max=2)


def _minutes(text: str) -> int:
    hours, _, minutes = text.partition(":")
    return 60 * int(hours) + int(minutes)


WEEKDAYS: Final = probatio.All([fields.integer(1, 7)], probatio.Length(min=1, max=7))
TIMES: Final = probatio.All([_window], probatio.Length(min=1, max=_MOST_WINDOWS))


def from_fields(valid: dict[str, Any]) -> Schedule | None:
    """Return the schedule of a validated field `valid`, or None if it names none."""
    if not valid.get("weekdays") and not valid.get("times"):
        return None
    return Schedule(
        weekdays=tuple(sorted(set(valid.get("weekdays") or ()))),
        times=tuple(sorted(valid.get("times") or ())),
        tz=valid.get("tz") or "UTC",
    )


def to_fields(schedule: Schedule | None) -> dict[str, Any]:
    """Return a schedule as a grant shows it."""
    if schedule is None:
        return {}
    return {
        "weekdays": list(schedule.weekdays) or None,
        "times": [[_text(start), _text(end)] for start, end in schedule.times] or None,
        "tz": schedule.tz,
    }


def _text(minutes: int) -> str:
    return f"{minutes // 60:02}:{minutes % 60:02}"


def dumps(schedule: Schedule | None) -> str | None:
    """Return a schedule as it is stored."""
    return None if schedule is None else orjson.dumps(schedule).decode()


@lru_cache
def loads(text: str | None) -> Schedule | None:
    """Return a stored schedule."""
    if text is None:
        return None
    stored = orjson.loads(text)
    return Schedule(
        weekdays=tuple(stored["weekdays"]),
        times=tuple((start, end) for start, end in stored["times"]),
        tz=stored["tz"],
    )
