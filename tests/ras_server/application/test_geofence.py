"""Where a person is: the circle, its doubts, and the stay."""

from dataclasses import replace

import pytest

from ras_server.application.evidence import Confirmations, Positions, Question
from ras_server.application.geofence import Fence, Place, Policy, Position, distance, place

NOW = 1795000000
HOME = Fence(lat=52.5163, lon=13.3777, radius_m=100, policy=Policy.DENY)
THERE = Position(lat=52.5163, lon=13.3777, accuracy_m=10, at=NOW)
ELSEWHERE = replace(THERE, lat=52.53)


def test_distance() -> None:
    """The distance is that of the great circle, also over the date line and the poles."""
    assert distance(52.5163, 13.3777, 48.8584, 2.2945) == pytest.approx(878_000, rel=0.005)
    assert distance(0, 179.9, 0, -179.9) == pytest.approx(22_239, rel=0.001)
    assert distance(90, 0, 90, 180) == pytest.approx(0, abs=1e-6)
    assert distance(90, 0, -90, 0) == pytest.approx(20_015_115, rel=0.001)


@pytest.mark.parametrize(
    ("position", "expected"),
    [
        pytest.param(THERE, Place.INSIDE, id="there"),
        pytest.param(ELSEWHERE, Place.OUTSIDE, id="elsewhere"),
        pytest.param(replace(THERE, at=NOW - 120), Place.INSIDE, id="just fresh"),
        pytest.param(replace(THERE, at=NOW - 121), Place.UNKNOWN, id="too old"),
        pytest.param(replace(THERE, at=NOW + 61), Place.UNKNOWN, id="from the future"),
        pytest.param(replace(THERE, accuracy_m=101), Place.UNKNOWN, id="too vague"),
        # 0.0015 degrees of latitude are 167 m: outside of 100 m, within 100 m + 70 m.
        pytest.param(replace(THERE, lat=52.5178), Place.OUTSIDE, id="not quite"),
        pytest.param(
            replace(THERE, lat=52.5178, accuracy_m=70), Place.INSIDE, id="outside counts from both"
        ),
    ],
)
def test_place(position: Position, expected: Place) -> None:
    """What is missing, old, vague or from the future is unknown."""
    assert place(HOME, [position], NOW) is expected
    assert place(HOME, [], NOW) is Place.UNKNOWN


@pytest.mark.parametrize(
    ("ages", "expected"),
    [
        pytest.param([0], Place.OUTSIDE, id="just arrived"),
        pytest.param([60, 0], Place.INSIDE, id="a minute"),
        pytest.param([59, 0], Place.OUTSIDE, id="not quite"),
        pytest.param([60], Place.INSIDE, id="one report is enough if nothing speaks against it"),
        pytest.param([300, 0], Place.OUTSIDE, id="a gap"),
    ],
)
def test_dwell(ages: list[int], expected: Place) -> None:
    """A stay begins with the first of the positions that follow each other without a gap."""
    fence = replace(HOME, dwell_s=60)

    assert place(fence, [replace(THERE, at=NOW - age) for age in ages], NOW) is expected


def test_passing_by() -> None:
    """Who was elsewhere in between begins anew."""
    fence = replace(HOME, dwell_s=60)
    positions = [
        replace(THERE, at=NOW - 90),
        replace(ELSEWHERE, at=NOW - 50),
        replace(THERE, at=NOW - 10),
    ]

    assert place(fence, positions, NOW) is Place.OUTSIDE


def test_positions_are_forgotten() -> None:
    """Positions are dropped after their day, and with the person; an old report changes nothing."""
    positions = Positions()
    new = {"lat": 1.0, "lon": 2.0, "accuracy_m": 3.0, "at": NOW}
    positions.note("u-1", new, NOW)
    positions.note("u-1", new | {"at": NOW - 5}, NOW)
    positions.note("u-2", new, NOW)

    assert [each.at for each in positions.of("u-1")] == [NOW]
    positions.forget_person("u-2")
    assert positions.of("u-2") == ()
    positions.forget(NOW + 1)
    assert positions.of("u-1") == ()


def test_position_from_the_future() -> None:
    """A wrong clock leaves nothing behind: no true position would count after it, nor it end."""
    positions = Positions()
    shown = {"lat": 1.0, "lon": 2.0, "accuracy_m": 3.0, "at": NOW}
    positions.note("u-1", shown | {"at": NOW + 86400}, NOW)
    positions.note("u-1", shown, NOW)

    assert [each.at for each in positions.of("u-1")] == [NOW]


def test_confirmation() -> None:
    """A confirmation is for its question, once, within a minute."""
    ids = iter(("cf-1", "cf-2", "cf-3", "cf-4"))
    confirmations = Confirmations(lambda _: next(ids))
    question = Question("user:u-1", "u-1", "A1B2C3D4E5F6", "unlock", hold=False)
    first, second, third = (confirmations.ask(question, NOW) for _ in range(3))
    other = confirmations.ask(question, NOW)

    assert not confirmations.take(other, question._replace(hold=True), NOW)
    assert not confirmations.take(first, question._replace(command="open"), NOW)
    assert not confirmations.take(first, question, NOW)
    assert not confirmations.take(second, question, NOW + 60)
    assert confirmations.take(third, question, NOW + 59)
    assert not confirmations.take(third, question, NOW + 59)
    assert not confirmations.take(None, question, NOW)
