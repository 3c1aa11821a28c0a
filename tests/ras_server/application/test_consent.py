"""A second person: who needs one, who may be one, and how long and how often his yes counts."""

from collections.abc import Callable
from dataclasses import replace
from itertools import count

from hypothesis import given, strategies as st
import pytest

from igrs_codec.bsld.frame import ALL_RIGHTS, Right
from ras_server.application.approvals import (
    ANSWER_WITHIN,
    MOST,
    USE_WITHIN,
    Ask,
    Asks,
)
from ras_server.application.decision import (
    OPEN_HOUSE,
    Consent,
    House,
    Standing,
    Wish,
    decide,
    may_consent,
    ticket_terms,
)
from ras_server.application.evidence import Question
from ras_server.application.geofence import Place, Policy
from ras_server.application.schedule import Schedule
from ras_server.errors import Code, RasError

NOW = 1795000000
OWNER = Standing(uid=1, rights=ALL_RIGHTS)
FREE = Standing(uid=2, rights=Right.UNLOCK | Right.LOCK, grant_id="gr-1")
BOUND = replace(FREE, second_person=True)
UNLOCK = Wish(command="unlock", expires=NOW + 10)
AGREED, REFUSED = replace(UNLOCK, consent=Consent.YES), replace(UNLOCK, consent=Consent.NO)
PIN = b"p" * 32
NIGHT = Schedule(times=((0, 300),), tz="Europe/Berlin")
QUESTION = Question("user:u-1", "u-1", "A1B2C3D4E5F6", "unlock", hold=False)


@pytest.mark.parametrize(
    ("standing", "wish", "code", "wants"),
    [
        pytest.param(BOUND, UNLOCK, Code.CONFIRMATION_NEEDED, "second_person", id="nobody yet"),
        pytest.param(BOUND, AGREED, Code.OK, "", id="yes"),
        pytest.param(BOUND, REFUSED, Code.NOT_PERMITTED, "second_person", id="no"),
        pytest.param(FREE, REFUSED, Code.OK, "", id="a no is for who needs a yes"),
        pytest.param(BOUND, Wish(command="lock"), Code.OK, "", id="locking needs nobody"),
        pytest.param(BOUND, Wish(command="status"), Code.OK, "", id="asking needs nobody"),
        pytest.param(
            replace(BOUND, revoked=True), AGREED, Code.EXPIRED, "", id="a yes mends no grant"
        ),
        pytest.param(
            BOUND,
            replace(AGREED, command="open"),
            Code.NOT_PERMITTED,
            "",
            id="a yes gives no right",
        ),
        pytest.param(
            replace(BOUND, schedule=NIGHT), AGREED, Code.OUTSIDE_SCHEDULE, "", id="nor other hours"
        ),
        pytest.param(
            replace(BOUND, pin=PIN), AGREED, Code.CONFIRMATION_NEEDED, "pin", id="nor a pin"
        ),
        pytest.param(replace(BOUND, uses_left=0), AGREED, Code.USES_SPENT, "", id="nor a use"),
        pytest.param(
            BOUND, replace(AGREED, expires=NOW), Code.EXPIRED, "", id="nor time for a command"
        ),
        pytest.param(
            replace(BOUND, uses_left=0), UNLOCK, Code.USES_SPENT, "", id="nobody is asked in vain"
        ),
        pytest.param(
            BOUND, replace(UNLOCK, expires=NOW), Code.EXPIRED, "", id="nor for what is too late"
        ),
    ],
)
def test_second_person(standing: Standing, wish: Wish, code: Code, wants: str) -> None:
    """Somebody else's yes is one more condition, and the last one that is looked at."""
    decision = decide((standing,), wish, NOW)

    assert (decision.code, decision.wants) == (code, wants)


def test_other_grant() -> None:
    """A grant that needs nobody else opens without a yes, and in spite of a no."""
    assert decide((BOUND, FREE), REFUSED, NOW).standing is FREE


@pytest.mark.parametrize(
    ("standings", "house", "allowed"),
    [
        pytest.param((OWNER,), OPEN_HOUSE, True, id="owner"),
        pytest.param((FREE,), OPEN_HOUSE, True, id="who could do it alone"),
        pytest.param((), OPEN_HOUSE, False, id="stranger"),
        pytest.param((BOUND,), OPEN_HOUSE, False, id="who needs one himself"),
        pytest.param((replace(FREE, revoked=True),), OPEN_HOUSE, False, id="revoked"),
        pytest.param((replace(FREE, end=NOW),), OPEN_HOUSE, False, id="ended"),
        pytest.param(
            (replace(FREE, rights=Right.LOCK),), OPEN_HOUSE, False, id="without the right"
        ),
        pytest.param((replace(FREE, schedule=NIGHT),), OPEN_HOUSE, False, id="not at this time"),
        pytest.param((replace(FREE, pin=PIN),), OPEN_HOUSE, False, id="who has to show a pin"),
        pytest.param((replace(FREE, uses_left=3),), OPEN_HOUSE, False, id="so many times"),
        pytest.param((FREE,), House(lockdown=True), False, id="lockdown"),
        pytest.param((OWNER,), House(lockdown=True), True, id="owner in a lockdown"),
        pytest.param((OWNER,), House(lost=True), False, id="the lock is lost"),
        pytest.param((OWNER,), House(policy=Policy.DENY), True, id="from wherever he is"),
        pytest.param((BOUND, FREE), OPEN_HOUSE, True, id="by another grant"),
    ],
)
def test_may_consent(*, standings: tuple[Standing, ...], house: House, allowed: bool) -> None:
    """Yes says who could do the same alone now, with nothing to show."""
    assert may_consent(standings, UNLOCK, NOW, house) is allowed


def test_may_not_consent_to_more() -> None:
    """Who may unlock does not agree to leaving it unlocked, nor to opening."""
    assert not may_consent((FREE,), Wish(command="unlock", relock=True), NOW)
    assert not may_consent((FREE,), Wish(command="open"), NOW)


STANDINGS = st.builds(
    Standing,
    uid=st.just(2),
    rights=st.sampled_from([Right.LOCK, Right.UNLOCK | Right.LOCK, ALL_RIGHTS]),
    grant_id=st.sampled_from(["", "gr-1"]),
    start=st.none() | st.integers(NOW - 5, NOW + 5),
    end=st.none() | st.integers(NOW - 5, NOW + 5),
    revoked=st.booleans(),
    schedule=st.none() | st.just(NIGHT),
    policy=st.none() | st.sampled_from(Policy),
    pin=st.none() | st.just(PIN),
    pin_waits=st.booleans(),
    uses_left=st.none() | st.integers(0, 2),
    second_person=st.booleans(),
)
WISHES = st.builds(
    Wish,
    command=st.sampled_from(["lock", "unlock", "open", "log", "status"]),
    expires=st.none() | st.integers(NOW - 1, NOW + 62),
    relock=st.booleans(),
    at_home=st.booleans(),
    place=st.sampled_from(Place),
    confirmed=st.booleans(),
    pins=st.none() | st.just({"gr-1": PIN}),
    consent=st.none() | st.sampled_from(Consent),
)
HOUSES = st.builds(
    House, lockdown=st.booleans(), policy=st.sampled_from(Policy), lost=st.booleans()
)


@given(standing=STANDINGS, wish=WISHES, house=HOUSES)
def test_consent_only_narrows(*, standing: Standing, wish: Wish, house: House) -> None:
    """With a second person nothing is allowed that is not allowed without, and only on a yes."""
    bound = decide((replace(standing, second_person=True),), wish, NOW, house).code
    free = decide((replace(standing, second_person=False),), wish, NOW, house).code
    opening = wish.command in {"unlock", "open"}

    if free is not Code.OK or not opening or wish.consent is Consent.YES:
        assert bound is free
    else:
        assert bound in {Code.CONFIRMATION_NEEDED, Code.NOT_PERMITTED}


@given(standing=STANDINGS, wish=WISHES, house=HOUSES)
def test_who_consents_could_do_it(*, standing: Standing, wish: Wish, house: House) -> None:
    """Whoever may say yes to something may do it himself, at the door and with nothing to show."""
    wish = replace(wish, command="unlock")
    alone = replace(
        wish, expires=NOW + 10, place=Place.INSIDE, confirmed=False, pins=None, consent=None
    )

    may = may_consent((standing,), wish, NOW, house)

    assert may is (
        decide((standing,), alone, NOW, house).code is Code.OK
        and standing.pin is None
        and standing.uses_left is None
    )


@given(standing=STANDINGS, house=HOUSES, at_home=st.booleans())
def test_no_ticket(*, standing: Standing, house: House, at_home: bool) -> None:
    """There is no ticket for what a second person has to agree to."""
    bound = replace(standing, second_person=True)

    assert not ticket_terms(bound, NOW, house, at_home=at_home).rights


@pytest.fixture
def asks() -> Asks:
    """Return what stands: nothing."""
    numbers = count()
    return Asks(lambda prefix: f"{prefix}-{next(numbers)}")


@pytest.mark.parametrize("change", [{"address": "gw:g-1"}, {"user_id": "u-2"}, {"hold": True}])
def test_bound(asks: Asks, change: dict[str, str]) -> None:
    """A yes is for who asked, for what he asked."""
    asks.keep(asks.begin(QUESTION, "gr-1", NOW).answered(Consent.YES, "u-9", NOW))

    assert asks.of(QUESTION._replace(**change), NOW) is None  # type: ignore[arg-type]  # str, bool
    assert asks.of(QUESTION._replace(device_id="0A1B2C3D4E5F"), NOW) is None
    assert asks.of(QUESTION._replace(command="open"), NOW) is None
    assert asks.of(QUESTION, NOW) is not None


def test_times(asks: Asks) -> None:
    """An answer is waited for five minutes, a no stands as long, a yes a minute after it."""
    ask = asks.begin(QUESTION, "gr-1", NOW)
    late = NOW + ANSWER_WITHIN - 1
    assert asks.of(QUESTION, late) is ask
    assert asks.of(QUESTION, late + 1) is None

    asks.keep(ask.answered(Consent.YES, "u-9", late))
    assert asks.of(QUESTION, late + USE_WITHIN - 1) is not None
    assert asks.of(QUESTION, late + USE_WITHIN) is None

    asks.keep(asks.begin(QUESTION, "gr-1", NOW).answered(Consent.NO, "u-9", NOW + 1))
    assert asks.of(QUESTION, late) is not None
    assert asks.of(QUESTION, late + 1) is None


def test_first_answer_counts(asks: Asks) -> None:
    """What was answered is answered."""
    answered = asks.begin(QUESTION, "gr-1", NOW).answered(Consent.NO, "u-9", NOW)

    with pytest.raises(RasError, match="already") as refused:
        answered.answered(Consent.YES, "u-8", NOW)
    assert refused.value.code is Code.CHANGED


def test_bounded(asks: Asks) -> None:
    """There are so many questions under a grant, whichever way they came; another has its own."""
    for number in range(MOST):
        asks.begin(QUESTION._replace(address=f"gw:g-{number}"), "gr-1", NOW)

    with pytest.raises(RasError) as refused:
        asks.begin(QUESTION, "gr-1", NOW + 1)
    asks.begin(QUESTION._replace(address="user:u-2", user_id="u-2"), "gr-2", NOW + 1)
    asks.begin(QUESTION, "gr-1", NOW + ANSWER_WITHIN)

    assert refused.value.code is Code.RATE_LIMITED
    assert refused.value.retry_after == ANSWER_WITHIN - 1


def test_given_back(asks: Asks) -> None:
    """A yes that led to nothing counts for the rest of its time, unless it was asked anew."""
    ask = asks.begin(QUESTION, "gr-1", NOW).answered(Consent.YES, "u-9", NOW)
    asks.end(ask)
    assert asks.of(QUESTION, NOW) is None

    asks.give_back(ask)
    assert asks.of(QUESTION, NOW + USE_WITHIN - 1) is ask
    assert asks.of(QUESTION, NOW + USE_WITHIN) is None

    asks.end(ask)
    anew = asks.begin(QUESTION, "gr-1", NOW)
    asks.give_back(ask)
    assert asks.of(QUESTION, NOW) is anew


type _Step = Callable[[Asks, int], None]


def _ask(asks: Asks, now: int) -> None:
    if asks.of(QUESTION, now) is None:
        asks.begin(QUESTION, "gr-1", now)


def _answer(consent: Consent) -> _Step:
    def answer(asks: Asks, now: int) -> None:
        ask = asks.of(QUESTION, now)
        if ask is not None and ask.consent is None:
            asks.keep(ask.answered(consent, "u-9", now))

    return answer


@given(
    steps=st.lists(
        st.tuples(
            st.sampled_from(["ask", "yes", "no", "use"]),
            st.sampled_from([0, 1, USE_WITHIN - 1, USE_WITHIN, ANSWER_WITHIN]),
        ),
        max_size=30,
    )
)
def test_each_use_has_its_yes(steps: list[tuple[str, int]]) -> None:
    """However it comes about: no use without a yes of its own that is less than a minute old."""
    asks, now, given_at = Asks(lambda prefix: f"{prefix}-1"), NOW, list[int]()
    acts: dict[str, _Step] = {
        "ask": _ask,
        "yes": _answer(Consent.YES),
        "no": _answer(Consent.NO),
    }
    for name, passed in steps:
        now += passed
        before: Ask | None = asks.of(QUESTION, now)
        if name != "use":
            acts[name](asks, now)
            if name == "yes" and before is not None and before.consent is None:
                given_at.append(now)
        elif before is not None and before.consent is Consent.YES:
            assert given_at, "a use without a yes"
            assert now - given_at.pop() < USE_WITHIN
            given_at.clear()
            asks.end(before)
