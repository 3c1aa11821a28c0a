"""What a gateway believes of the adverts of a lock."""

from itertools import pairwise
from random import Random

import pytest

from igrs_codec.bsld import advert
from igrs_codec.bsld.frame import Bolt
from igrs_codec.bsld.tracker import Tracker, Verdict, Want, clock_agrees
from tests.codec.adverts import K_ADV, K_ADV_2, LOCKED, NO_CLOCK, UNLOCKED, data
from tests.codec.parts import DEVICE, NOW


@pytest.fixture
def tracker() -> Tracker:
    """Return a tracker with the key of generation 1."""
    return Tracker(DEVICE, {1: K_ADV})


def see(tracker: Tracker, sent: bytes, now: float = NOW, *, confirmed: bool = True) -> Verdict:
    """Show an advert to a tracker and return its verdict."""
    return tracker.observe(sent, now, clock_confirmed=confirmed).verdict


def test_heartbeat(tracker: Tracker) -> None:
    """An equal advert is accepted again; after 300 s without one the lock is gone."""
    assert not tracker.available(NOW)
    assert see(tracker, data()) is Verdict.ACCEPTED
    assert see(tracker, data(), NOW + 60) is Verdict.ACCEPTED

    assert tracker.available(NOW + 360)
    assert not tracker.available(NOW + 361)


def test_order(tracker: Tracker) -> None:
    """Neither an older counter nor an older bucket of the same counter comes after."""
    later = data(UNLOCKED, 2, NOW + 64)
    assert see(tracker, later, NOW + 64) is Verdict.ACCEPTED

    assert see(tracker, data(LOCKED, 1), NOW + 64) is Verdict.OLD
    assert see(tracker, data(LOCKED, 2, NOW), NOW + 64) is Verdict.OLD
    assert tracker.bolt is Bolt.UNLOCKED


def test_memory_ends(tracker: Tracker) -> None:
    """After 300 s the counter is forgotten: a lock that was reset comes back."""
    assert see(tracker, data(LOCKED, 500)) is Verdict.ACCEPTED

    assert see(tracker, data(LOCKED, 3, NOW + 301), NOW + 301) is Verdict.ACCEPTED


def test_answers_and_adverts_have_one_order(tracker: Tracker) -> None:
    """A session answer is older than a later advert, and the other way round."""
    assert tracker.answered(1, UNLOCKED, 90, 5, time=NOW, now=NOW)
    assert see(tracker, data(LOCKED, 4)) is Verdict.OLD
    assert see(tracker, data(LOCKED, 6)) is Verdict.ACCEPTED

    assert not tracker.answered(1, UNLOCKED, 90, 5, time=NOW, now=NOW + 1)
    assert tracker.bolt is Bolt.LOCKED


def test_answers_without_clock(tracker: Tracker) -> None:
    """While the clock is unset an answer has the bucket of the last accepted state."""
    assert tracker.answered(1, NO_CLOCK, 90, 5, time=7, now=NOW)
    assert tracker.shown is not None
    assert tracker.shown.bucket == 0
    see(tracker, data(LOCKED, 6))

    assert tracker.answered(1, NO_CLOCK, 90, 6, time=7, now=NOW)
    assert tracker.shown.bucket == advert.bucket_of(NOW)


def test_own_clock_set_back(tracker: Tracker) -> None:
    """What was accepted at a time that is yet to come proves nothing: the lock is asked."""
    assert tracker.answered(1, LOCKED, 90, 1, time=NOW, now=NOW + 86400)

    see(tracker, b"\x11" + bytes(9), NOW)

    assert not tracker.available(NOW)
    assert tracker.wants(NOW) is Want.STATE


def test_doubt(tracker: Tracker) -> None:
    """After an operation without answer the bolt is unknown until something new is accepted."""
    see(tracker, data())
    tracker.doubt()
    assert tracker.bolt is Bolt.UNKNOWN

    see(tracker, data(counter=0))
    assert tracker.in_doubt
    see(tracker, data(time=NOW + 64), NOW + 64)
    assert (tracker.bolt, tracker.in_doubt) == (Bolt.LOCKED, False)


def test_doubt_and_a_replay(tracker: Tracker) -> None:
    """What was shown before an operation is no evidence of the bolt after it; an answer is."""
    see(tracker, data())
    tracker.doubt()

    assert see(tracker, data(), NOW + 20) is Verdict.OLD
    assert tracker.in_doubt
    assert tracker.answered(1, LOCKED, 90, 1, time=NOW, now=NOW + 20)
    assert tracker.bolt is Bolt.LOCKED


def test_nothing_known(tracker: Tracker) -> None:
    """Before anything was accepted the bolt is unknown and nothing is due."""
    assert (tracker.bolt, tracker.shown, tracker.wants(NOW)) == (Bolt.UNKNOWN, None, None)


def test_foreign_and_unowned(tracker: Tracker) -> None:
    """Plain adverts never touch the state."""
    see(tracker, data())
    plain = advert.unowned(window_open=True, clock_unset=False, model=1, random=bytes(5))

    assert see(tracker, b"\x21" + bytes(9)) is Verdict.FOREIGN
    assert see(tracker, b"") is Verdict.FOREIGN
    assert see(tracker, plain) is Verdict.UNOWNED
    assert tracker.bolt is Bolt.LOCKED


def test_keys_of_a_new_generation(tracker: Tracker) -> None:
    """Keys are asked for at most every 300 s, and a newer generation retires the older."""
    assert see(tracker, data(gen=2)) is Verdict.UNKNOWN_GENERATION
    assert tracker.wants(NOW) is Want.KEYS
    tracker.asked(Want.KEYS, NOW)
    assert tracker.wants(NOW + 299) is None
    assert tracker.wants(NOW + 300) is Want.KEYS

    tracker.set_keys({1: K_ADV, 2: K_ADV_2})
    assert tracker.wants(NOW + 300) is None
    assert see(tracker, data(gen=2)) is Verdict.ACCEPTED
    assert set(tracker.keys) == {2}
    assert see(tracker, data(counter=9)) is Verdict.UNKNOWN_GENERATION


def test_generation_wraps() -> None:
    """Generation 1 comes after 15."""
    tracker = Tracker(DEVICE, {15: K_ADV_2, 1: K_ADV})
    see(tracker, data())

    assert set(tracker.keys) == {1}


def test_clock_unset(tracker: Tracker) -> None:
    """Bucket 0 changes nothing but asks for the time, at most every 300 s."""
    see(tracker, data())
    assert see(tracker, data(NO_CLOCK, 7, None)) is Verdict.CLOCK_UNSET
    assert (tracker.bolt, tracker.wants(NOW)) == (Bolt.LOCKED, Want.TIME)

    tracker.asked(Want.TIME, NOW)
    assert tracker.wants(NOW + 299) is None
    assert tracker.wants(NOW + 300) is Want.TIME
    assert see(tracker, data(counter=8)) is Verdict.ACCEPTED
    assert tracker.wants(NOW + 301) is None


def test_a_hello_with_clock_outweighs_bucket_0(tracker: Tracker) -> None:
    """For six hours after it such adverts are taken for replays."""
    see(tracker, data(NO_CLOCK, 7, None))
    tracker.hello_seen(clock_set=False, now=NOW)
    assert tracker.wants(NOW) is Want.TIME
    tracker.hello_seen(clock_set=True, now=NOW)
    assert tracker.wants(NOW) is None

    see(tracker, data(NO_CLOCK, 7, None), NOW + 6 * 3600 - 1)
    assert tracker.wants(NOW + 6 * 3600 - 1) is not Want.TIME
    see(tracker, data(NO_CLOCK, 7, None), NOW + 6 * 3600)
    assert tracker.wants(NOW + 6 * 3600) is Want.TIME


def test_unconfirmed_clock(tracker: Tracker) -> None:
    """With a doubtful own clock adverts only ask for a connection."""
    assert see(tracker, data(), confirmed=False) is Verdict.UNCONFIRMED
    assert (tracker.shown, tracker.wants(NOW)) == (None, Want.STATE)

    tracker.asked(Want.STATE, NOW)
    assert tracker.wants(NOW + 299) is None
    assert tracker.answered(1, LOCKED, 90, 1, time=NOW, now=NOW)
    assert tracker.wants(NOW + 300) is None


def test_heard_but_never_accepted(tracker: Tracker) -> None:
    """After 300 s connect once, then every 10 min, doubling to 6 h."""
    noise = b"\x11" + bytes(9)
    attempts = []
    for second in range(0, 200_000, 10):
        see(tracker, noise, NOW + second)
        if tracker.wants(NOW + second) is Want.STATE:
            tracker.asked(Want.STATE, NOW + second)
            attempts.append(second)

    gaps = [b - a for a, b in pairwise(attempts)]
    assert attempts[0] == 300
    assert gaps == [600, 1200, 2400, 4800, 9600, 19200] + [21600] * (len(gaps) - 6)
    see(tracker, data(time=NOW + 200_000), NOW + 200_000)
    assert tracker.wants(NOW + 200_000) is None


def test_a_lock_that_is_not_heard_is_left_alone(tracker: Tracker) -> None:
    """Nobody connects to a lock that is out of range."""
    see(tracker, b"\x11" + bytes(9))

    assert tracker.wants(NOW + 1000) is None


def test_state_of_a_lock_without_clock(tracker: Tracker) -> None:
    """While nobody can set its clock the lock is asked for its state, ever less often."""
    unset = data(NO_CLOCK, 7, None)
    asked = []
    for second in range(0, 4000, 10):
        now = NOW + second
        see(tracker, unset, now)
        if tracker.wants(now, online=False) is Want.STATE:
            tracker.asked(Want.STATE, now)
            asked.append(second)
            assert tracker.answered(1, NO_CLOCK, 90, 7, time=7, now=now)

    assert asked == [300, 900, 2100]
    assert tracker.wants(NOW + 4000) is Want.TIME


def test_state_of_a_lock_without_keys() -> None:
    """A lock whose adverts nobody here can read is asked for its state."""
    tracker = Tracker(DEVICE, {})
    see(tracker, data())
    tracker.asked(Want.KEYS, NOW + 299)
    see(tracker, data(), NOW + 300)

    assert tracker.wants(NOW + 300) is Want.STATE


def test_flood(tracker: Tracker) -> None:
    """Under a flood ten adverts per second are looked at, and one alarm is raised."""
    random = Random(1)  # noqa: S311 - repeatable tests
    alarms, verdicts = 0, []
    for second in range(120):
        for part in range(20):
            sighting = tracker.observe(
                b"\x11" + random.randbytes(9), NOW + second + part / 20, clock_confirmed=True
            )
            alarms += sighting.spoofing
            verdicts.append(sighting.verdict)

    assert alarms == 1
    last = verdicts[-20:]
    assert last.count(Verdict.REFUSED) == 10
    assert last.count(Verdict.LIMITED) == 10


def test_genuine_adverts_in_a_flood(tracker: Tracker) -> None:
    """Three forged ones per second for 30 min: every genuine one counts, one alarm."""
    random = Random(2)  # noqa: S311 - repeatable tests
    alarms = accepted = 0
    for second in range(1800):
        now = NOW + second
        for part in (0.1, 0.2, 0.3):
            sighting = tracker.observe(
                b"\x11" + random.randbytes(9), now + part, clock_confirmed=True
            )
            alarms += sighting.spoofing
        accepted += see(tracker, data(counter=second, time=now), now + 0.5) is Verdict.ACCEPTED

    assert (alarms, accepted) == (1, 1800)


def test_the_alarm_comes_back(tracker: Tracker) -> None:
    """A second flood after a quiet minute is a second alarm."""
    noise = b"\x11" + bytes(9)
    alarms = 0
    for start in (0, 1000):
        for n in range(70):
            sighting = tracker.observe(noise, NOW + start + n / 10, clock_confirmed=True)
            alarms += sighting.spoofing

    assert alarms == 2


def test_clock_agrees() -> None:
    """A minute off is near enough."""
    assert clock_agrees(NOW, NOW + 60)
    assert not clock_agrees(NOW, NOW - 60.5)
