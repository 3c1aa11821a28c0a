"""The hours of a grant: wall-clock time, weekdays, and the change of the clock."""

from datetime import datetime
from zoneinfo import ZoneInfo

from hypothesis import given, settings, strategies as st
import pytest

from ras_server.application.schedule import Schedule, dumps, from_fields, loads, window_end

BERLIN = "Europe/Berlin"
WORK = Schedule(weekdays=(1, 2, 3, 4, 5), times=((480, 1050),), tz=BERLIN)
ALWAYS = Schedule(tz=BERLIN)


def at(text: str, fold: int = 0, tz: str = BERLIN) -> int:
    """Return the Unix time of a wall clock."""
    return int(datetime.fromisoformat(text).replace(tzinfo=ZoneInfo(tz), fold=fold).timestamp())


@pytest.mark.parametrize(
    ("schedule", "now", "end"),
    [
        pytest.param(WORK, "2026-11-20T07:59:59", None, id="too early"),
        pytest.param(WORK, "2026-11-20T08:00:00", "2026-11-20T17:30:00", id="first second"),
        pytest.param(WORK, "2026-11-20T17:29:59", "2026-11-20T17:30:00", id="last second"),
        pytest.param(WORK, "2026-11-20T17:30:00", None, id="the end is exclusive"),
        pytest.param(WORK, "2026-11-21T12:00:00", None, id="Saturday"),
        pytest.param(ALWAYS, "2026-11-20T12:00:00", "2026-11-21T00:00:00", id="the whole day"),
        pytest.param(
            Schedule(times=((0, 360), (1320, 1440)), tz=BERLIN),
            "2026-11-20T23:15:30",
            "2026-11-21T00:00:00",
            id="over midnight, before",
        ),
        pytest.param(
            Schedule(times=((0, 360), (1320, 1440)), tz=BERLIN),
            "2026-11-21T03:00:00",
            "2026-11-21T06:00:00",
            id="over midnight, after",
        ),
        pytest.param(
            Schedule(times=((60, 300),), tz=BERLIN),
            "2026-03-29T01:30:00",
            "2026-03-29T05:00:00",
            id="the clock goes forward",
        ),
        pytest.param(
            Schedule(times=((60, 300),), tz=BERLIN),
            "2026-10-25T01:30:00",
            "2026-10-25T04:00:00",
            id="the clock goes back: an hour early rather than late",
        ),
    ],
)
def test_window_end(schedule: Schedule, now: str, end: str | None) -> None:
    """A window holds by the wall clock of its zone, from inclusive to exclusive."""
    assert window_end(schedule, at(now)) == (None if end is None else at(end))


def test_zone() -> None:
    """The same moment is inside in one zone, and outside in another."""
    noon = at("2026-11-20T12:00:00")
    times = ((660, 780),)

    assert window_end(Schedule(times=times, tz=BERLIN), noon) is not None
    assert window_end(Schedule(times=times, tz="America/New_York"), noon) is None


def test_repeated_hour() -> None:
    """An hour that comes twice is inside twice."""
    schedule = Schedule(times=((120, 180),), tz=BERLIN)

    assert window_end(schedule, at("2026-10-25T02:30:00", fold=0)) is not None
    assert window_end(schedule, at("2026-10-25T02:30:00", fold=1)) is not None


@settings(max_examples=200, deadline=None)
@given(
    now=st.integers(at("2026-01-01T00:00:00"), at("2027-01-01T00:00:00")),
    start=st.integers(0, 1438),
    length=st.integers(1, 1440),
    tz=st.sampled_from([BERLIN, "America/St_Johns", "Australia/Lord_Howe", "UTC"]),
)
def test_never_outlived(now: int, start: int, length: int, tz: str) -> None:
    """Every minute before the end of a window is inside of it."""
    schedule = Schedule(times=((start, min(1440, start + length)),), tz=tz)

    end = window_end(schedule, now)

    if end is not None:
        assert end > now
        for moment in range(now, end, 60):
            assert window_end(schedule, moment) is not None


def test_stored() -> None:
    """A schedule comes back from where it is stored, and no schedule stays none."""
    assert loads(dumps(WORK)) == WORK
    assert loads(dumps(None)) is None
    assert from_fields({"tz": BERLIN}) is None
    assert from_fields({"weekdays": [5, 1, 1]}) == Schedule(weekdays=(1, 5), tz="UTC")
