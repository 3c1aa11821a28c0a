"""The one decision: who may do what, in the order of the checks."""

from dataclasses import replace

import pytest

from igrs_codec.bsld.frame import ALL_RIGHTS, Right
from ras_server.application.decision import (
    OPEN_HOUSE,
    Decision,
    House,
    Standing,
    Terms,
    Wish,
    decide,
    still,
    ticket_terms,
)
from ras_server.application.evidence import pin_pause
from ras_server.application.geofence import Place, Policy
from ras_server.application.schedule import Schedule
from ras_server.errors import Code

NOW = 1795000000
OWNER = Standing(uid=1, rights=ALL_RIGHTS)
GUEST = Standing(uid=2, rights=Right.UNLOCK | Right.LOCK, grant_id="gr-1")
UNLOCK = Wish(command="unlock", expires=NOW + 10)
LOCK = Wish(command="lock")
# NOW is Wednesday 2026-11-18, 11:06:40 UTC, 12:06:40 in Berlin.
HOURS = Schedule(weekdays=(1, 2, 3, 4, 5), times=((480, 1050),), tz="Europe/Berlin")
NIGHT = Schedule(times=((0, 300),), tz="Europe/Berlin")
PIN, WRONG = b"p" * 32, b"w" * 32
WITH_PIN = replace(GUEST, pin=PIN)
RIGHT_PIN = replace(UNLOCK, pins={"gr-1": PIN})
WRONG_PIN = replace(UNLOCK, pins={"gr-1": WRONG})
AWAY = replace(UNLOCK, place=Place.OUTSIDE)
DENY, CONFIRM = House(policy=Policy.DENY), House(policy=Policy.CONFIRM)
LOCKDOWN = House(lockdown=True)


@pytest.mark.parametrize(
    ("standings", "wish", "code"),
    [
        pytest.param((), UNLOCK, Code.DEVICE_UNKNOWN, id="stranger"),
        pytest.param((OWNER,), UNLOCK, Code.OK, id="owner"),
        pytest.param((GUEST,), UNLOCK, Code.OK, id="guest"),
        pytest.param((replace(GUEST, revoked=True),), UNLOCK, Code.EXPIRED, id="revoked"),
        pytest.param((replace(GUEST, start=NOW + 1),), UNLOCK, Code.EXPIRED, id="too early"),
        pytest.param((replace(GUEST, start=NOW),), UNLOCK, Code.OK, id="from is inclusive"),
        pytest.param((replace(GUEST, end=NOW),), UNLOCK, Code.EXPIRED, id="until is exclusive"),
        pytest.param((replace(GUEST, end=NOW + 1),), UNLOCK, Code.OK, id="last second"),
        pytest.param(
            (GUEST,),
            Wish(command="open", expires=NOW + 10),
            Code.NOT_PERMITTED,
            id="right missing",
        ),
        pytest.param(
            (GUEST,),
            Wish(command="unlock", expires=NOW + 10, relock=True),
            Code.NOT_PERMITTED,
            id="hold missing",
        ),
        pytest.param((OWNER,), Wish(command="unlock"), Code.EXPIRED, id="no end"),
        pytest.param((OWNER,), Wish(command="unlock", expires=NOW), Code.EXPIRED, id="ended"),
        pytest.param((OWNER,), Wish(command="open", expires=NOW + 60), Code.OK, id="a minute"),
        pytest.param((OWNER,), Wish(command="open", expires=NOW + 61), Code.EXPIRED, id="too far"),
        pytest.param((OWNER,), Wish(command="lock"), Code.OK, id="lock needs no end"),
        pytest.param(
            (replace(GUEST, end=NOW),),
            Wish(command="open", expires=NOW),
            Code.EXPIRED,
            id="the grant is looked at before the right",
        ),
        pytest.param((replace(GUEST, revoked=True), GUEST), UNLOCK, Code.OK, id="second grant"),
        pytest.param((GUEST, replace(GUEST, revoked=True)), UNLOCK, Code.OK, id="first grant"),
    ],
)
def test_decide(standings: tuple[Standing, ...], wish: Wish, code: Code) -> None:
    """The first refusal counts; one standing that allows the wish is enough."""
    decision = decide(standings, wish, NOW)

    assert decision.code is code
    assert (decision.standing is None) is (not standings)


@pytest.mark.parametrize(
    ("standing", "wish", "house", "code"),
    [
        pytest.param(replace(GUEST, schedule=HOURS), UNLOCK, OPEN_HOUSE, Code.OK, id="in hours"),
        pytest.param(
            replace(GUEST, schedule=NIGHT), UNLOCK, OPEN_HOUSE, Code.OUTSIDE_SCHEDULE, id="at night"
        ),
        pytest.param(replace(GUEST, schedule=NIGHT), LOCK, OPEN_HOUSE, Code.OK, id="lock at night"),
        pytest.param(GUEST, UNLOCK, LOCKDOWN, Code.NOT_PERMITTED, id="lockdown"),
        pytest.param(GUEST, LOCK, LOCKDOWN, Code.OK, id="lock in a lockdown"),
        pytest.param(OWNER, UNLOCK, LOCKDOWN, Code.OK, id="owner in a lockdown"),
        pytest.param(GUEST, AWAY, DENY, Code.GEOFENCE, id="away"),
        pytest.param(GUEST, UNLOCK, DENY, Code.GEOFENCE, id="nobody knows where"),
        pytest.param(GUEST, replace(UNLOCK, place=Place.INSIDE), DENY, Code.OK, id="there"),
        pytest.param(GUEST, replace(LOCK, place=Place.OUTSIDE), DENY, Code.OK, id="lock from away"),
        pytest.param(OWNER, AWAY, DENY, Code.GEOFENCE, id="owner away"),
        pytest.param(OWNER, replace(UNLOCK, at_home=True), DENY, Code.OK, id="the home itself"),
        pytest.param(GUEST, AWAY, CONFIRM, Code.CONFIRMATION_NEEDED, id="asked again"),
        pytest.param(GUEST, replace(AWAY, confirmed=True), CONFIRM, Code.OK, id="confirmed"),
        pytest.param(
            GUEST, replace(AWAY, confirmed=True), DENY, Code.GEOFENCE, id="confirmed for nothing"
        ),
        pytest.param(
            replace(GUEST, policy=Policy.OFF), AWAY, DENY, Code.OK, id="the grant says off"
        ),
        pytest.param(
            replace(GUEST, policy=Policy.DENY), AWAY, OPEN_HOUSE, Code.GEOFENCE, id="it says deny"
        ),
        pytest.param(WITH_PIN, UNLOCK, OPEN_HOUSE, Code.CONFIRMATION_NEEDED, id="no pin"),
        pytest.param(WITH_PIN, RIGHT_PIN, OPEN_HOUSE, Code.OK, id="right pin"),
        pytest.param(WITH_PIN, WRONG_PIN, OPEN_HOUSE, Code.PIN_WRONG, id="wrong pin"),
        pytest.param(WITH_PIN, LOCK, OPEN_HOUSE, Code.OK, id="lock without pin"),
        pytest.param(
            replace(WITH_PIN, pin_waits=True),
            RIGHT_PIN,
            OPEN_HOUSE,
            Code.TOO_MANY_TRIES,
            id="a right pin while waiting is not looked at",
        ),
        pytest.param(replace(GUEST, uses_left=1), UNLOCK, OPEN_HOUSE, Code.OK, id="last use"),
        pytest.param(replace(GUEST, uses_left=0), UNLOCK, OPEN_HOUSE, Code.USES_SPENT, id="spent"),
        pytest.param(replace(GUEST, uses_left=0), LOCK, OPEN_HOUSE, Code.OK, id="lock when spent"),
        pytest.param(
            replace(WITH_PIN, schedule=NIGHT, uses_left=0),
            WRONG_PIN,
            DENY,
            Code.OUTSIDE_SCHEDULE,
            id="the schedule before the place",
        ),
        pytest.param(WITH_PIN, WRONG_PIN, DENY, Code.GEOFENCE, id="the place before the pin"),
        pytest.param(
            replace(WITH_PIN, uses_left=0),
            replace(WRONG_PIN, expires=NOW),
            OPEN_HOUSE,
            Code.PIN_WRONG,
            id="the pin before the end",
        ),
        pytest.param(
            replace(GUEST, uses_left=0),
            replace(UNLOCK, expires=NOW),
            OPEN_HOUSE,
            Code.EXPIRED,
            id="the end before the uses",
        ),
    ],
)
def test_limits(standing: Standing, wish: Wish, house: House, code: Code) -> None:
    """Each limit refuses what lets somebody in, in the order of the section; locking is free."""
    assert decide((standing,), wish, NOW, house).code is code


def test_refusal_of_several() -> None:
    """Of several grants the refusal that came furthest is told, and each wrong PIN counts."""
    standings = (replace(GUEST, revoked=True), WITH_PIN, replace(WITH_PIN, grant_id="gr-2"))
    wish = replace(UNLOCK, pins={"gr-1": WRONG, "gr-2": WRONG})

    decision = decide(standings, wish, NOW)

    assert decision == Decision(Code.PIN_WRONG, standings[1], ("gr-1", "gr-2"), "pin")


def test_right_pin_of_another_grant() -> None:
    """A PIN that is right for one grant is no wrong one for the other."""
    other = replace(WITH_PIN, grant_id="gr-2")
    wish = replace(UNLOCK, pins={"gr-1": WRONG, "gr-2": PIN})

    assert decide((WITH_PIN, other), wish, NOW) == Decision(Code.OK, other)


def test_pin_does_not_fit_another_grant() -> None:
    """The PIN of one grant opens nothing for another."""
    assert decide((WITH_PIN,), replace(UNLOCK, pins={"gr-2": PIN}), NOW).code is Code.PIN_WRONG


def test_wants() -> None:
    """What has to be shown is told: first the confirmation, then the PIN; of the rest nothing."""
    assert decide((WITH_PIN,), AWAY, NOW, CONFIRM).wants == "confirm"
    assert decide((WITH_PIN,), replace(AWAY, confirmed=True), NOW, CONFIRM).wants == "pin"
    assert decide((replace(GUEST, uses_left=0),), UNLOCK, NOW).wants == ""
    assert decide((WITH_PIN,), RIGHT_PIN, NOW).wants == ""


@pytest.mark.parametrize(
    ("standing", "wish", "house", "code"),
    [
        pytest.param(GUEST, UNLOCK, OPEN_HOUSE, Code.OK, id="as before"),
        pytest.param(replace(GUEST, revoked=True), UNLOCK, OPEN_HOUSE, Code.EXPIRED, id="revoked"),
        pytest.param(replace(GUEST, end=NOW), LOCK, OPEN_HOUSE, Code.EXPIRED, id="ended"),
        pytest.param(
            replace(GUEST, rights=Right.LOCK), UNLOCK, OPEN_HOUSE, Code.NOT_PERMITTED, id="right"
        ),
        pytest.param(GUEST, UNLOCK, LOCKDOWN, Code.NOT_PERMITTED, id="lockdown"),
        pytest.param(GUEST, LOCK, LOCKDOWN, Code.OK, id="lockdown and lock"),
        pytest.param(
            replace(GUEST, schedule=NIGHT), UNLOCK, OPEN_HOUSE, Code.OUTSIDE_SCHEDULE, id="hours"
        ),
        pytest.param(replace(WITH_PIN, uses_left=0), UNLOCK, DENY, Code.OK, id="shown before"),
    ],
)
def test_still(standing: Standing, wish: Wish, house: House, code: Code) -> None:
    """At the first packet it is looked again at what may have changed, not at what was shown."""
    assert still(standing, wish, NOW, house) is code


@pytest.mark.parametrize(
    ("standing", "house", "at_home", "terms"),
    [
        pytest.param(OWNER, OPEN_HOUSE, True, (Code.OK, ALL_RIGHTS, None), id="owner"),
        pytest.param(
            replace(GUEST, end=NOW + 500),
            OPEN_HOUSE,
            False,
            (Code.OK, GUEST.rights, NOW + 500),
            id="ends with the grant",
        ),
        pytest.param(
            replace(GUEST, schedule=HOURS, end=NOW + 90000),
            OPEN_HOUSE,
            False,
            (Code.OK, GUEST.rights, 1795019400),
            id="ends with the hours",
        ),
        pytest.param(
            replace(GUEST, schedule=NIGHT),
            OPEN_HOUSE,
            False,
            (Code.OUTSIDE_SCHEDULE, Right(0), None),
            id="outside of the hours",
        ),
        pytest.param(
            replace(GUEST, revoked=True),
            OPEN_HOUSE,
            False,
            (Code.EXPIRED, Right(0), None),
            id="revoked",
        ),
        pytest.param(
            GUEST, LOCKDOWN, False, (Code.OK, Right.LOCK, None), id="a lockdown leaves locking"
        ),
        *(
            pytest.param(
                standing, house, False, (Code.NOT_PERMITTED, Right(0), None), id=f"relay: {name}"
            )
            for name, standing, house in (
                ("pin", WITH_PIN, OPEN_HOUSE),
                ("uses", replace(GUEST, uses_left=3), OPEN_HOUSE),
                ("second person", replace(GUEST, second_person=True), OPEN_HOUSE),
                ("place", GUEST, DENY),
                ("own place", replace(GUEST, policy=Policy.CONFIRM), OPEN_HOUSE),
                ("owner on the way", OWNER, CONFIRM),
            )
        ),
        pytest.param(GUEST, DENY, True, (Code.OK, GUEST.rights, None), id="home within its fence"),
    ],
)
def test_ticket_terms(
    *,
    standing: Standing,
    house: House,
    at_home: bool,
    terms: tuple[Code, Right, int | None],
) -> None:
    """A ticket says no more than the decision could; what only the server sees has none."""
    assert ticket_terms(standing, NOW, house, at_home=at_home) == Terms(*terms)


@pytest.mark.parametrize(
    ("wrong", "pause"), [(1, 0), (4, 0), (5, 60), (6, 120), (10, 1920), (11, 3600), (99, 3600)]
)
def test_pin_pause(wrong: int, pause: int) -> None:
    """Five wrong PINs are free, then the pause doubles from a minute to an hour."""
    assert pin_pause(wrong) == pause
