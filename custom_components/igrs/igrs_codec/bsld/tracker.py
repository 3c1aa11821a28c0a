"""What a gateway believes of one lock, from adverts and session answers.

Project profile (protocol 11): nine rules in a fixed order decide over each advert; one
order of event counter and bucket holds for both sources. The tracker says what is worth
a connection or a question (wants), the caller does it when it can.
"""

from collections import deque
from collections.abc import Mapping
from enum import StrEnum
from typing import Final, NamedTuple

from ..errors import AdvertError
from .advert import AdvertState, bucket_of, decode, generation
from .frame import Bolt, LockState, is_older
from .packet import MAX_GENERATION

MEMORY: Final = 300  # seconds: counter memory, and "gone" without an accepted state
ASK_INTERVAL: Final = 300  # seconds between two questions of one kind
CLOCK_TOLERANCE: Final = 60  # seconds between the own clock and a confirming one
HELLO_CLOCK_TRUST: Final = 6 * 3600  # seconds that a HELLO with clock outweighs bucket 0

_FLOOD_SECONDS: Final = 60
_FLOOD_REFUSALS: Final = 60
_FLOOD_CHECKS: Final = 10  # per second
_FIRST_BACKOFF: Final = 600  # seconds
_LAST_BACKOFF: Final = 6 * 3600
_NEWER: Final = range(1, 8)  # difference of generations, modulo 15


class Verdict(StrEnum):
    """What became of an advert."""

    FOREIGN = "foreign"
    UNOWNED = "unowned"
    UNKNOWN_GENERATION = "unknown_generation"
    LIMITED = "limited"
    REFUSED = "refused"
    CLOCK_UNSET = "clock_unset"
    UNCONFIRMED = "unconfirmed"
    OLD = "old"
    ACCEPTED = "accepted"


class Want(StrEnum):
    """What the caller should do for a lock."""

    KEYS = "keys"
    """Ask the RAS for the keys of a new generation."""
    TIME = "time"
    """Connect and set the lock's clock."""
    STATE = "state"
    """Connect for the state."""


class Sighting(NamedTuple):
    """The verdict, and whether an alarm about forged adverts begins with it."""

    verdict: Verdict
    spoofing: bool = False


class Shown(NamedTuple):
    """The state to show: seconds since 1970 in at; battery 0..100; counter u16."""

    state: LockState
    battery: int
    counter: int
    bucket: int
    gen: int
    at: float


def clock_agrees(reference: float, now: float) -> bool:
    """Return whether an authentic time confirms the own clock."""
    return abs(reference - now) <= CLOCK_TOLERANCE


def is_old(new: tuple[int, int], last: tuple[int, int], age: float) -> bool:
    """Return whether a state is older than the last accepted one (rule 8).

    new and last are event counter and bucket; age is that of the last one, in seconds.
    """
    if age > MEMORY:
        return False
    return is_older(new[0], last[0]) or (new[0] == last[0] and new[1] < last[1])


class Tracker:
    """State, order and freshness of one lock (6-byte device id).

    keys maps a generation to K_adv; it may be empty. now is Unix time in seconds.
    """

    def __init__(self, device: bytes, keys: Mapping[int, bytes]) -> None:
        self.device = device
        self.keys = dict(keys)
        self.shown: Shown | None = None
        self.in_doubt = False
        self._refusals: deque[float] = deque()
        self._spoofing = False
        self._second = 0
        self._checks = 0
        self._needs: set[Want] = set()
        self._asked: dict[Want, float] = {}
        self._quiet_since: float | None = None
        self._heard_at: float | None = None
        self._backoff = 0
        self._hello_clock_at: float | None = None

    @property
    def bolt(self) -> Bolt:
        """The bolt to show: unknown after an operation that was never answered."""
        if self.shown is None or self.in_doubt:
            return Bolt.UNKNOWN
        return self.shown.state.bolt

    def available(self, now: float) -> bool:
        """Return whether something was accepted in the last 300 s."""
        return self.shown is not None and 0 <= now - self.shown.at <= MEMORY

    def knows(self, now: float) -> bool:
        """Return whether the bolt can be shown: else only a question to the lock helps."""
        return self.available(now) and not self.in_doubt

    def set_keys(self, keys: Mapping[int, bytes]) -> None:
        """Take over what the RAS hands out."""
        self.keys = dict(keys)
        self._needs.discard(Want.KEYS)

    def doubt(self) -> None:
        """Show the bolt as unknown until something new is accepted."""
        self.in_doubt = True

    def clock_is_wrong(self) -> None:
        """Want the lock's clock set: an authentic answer showed another time."""
        self._needs.add(Want.TIME)

    def hello_seen(self, *, clock_set: bool, now: float) -> None:
        """Remember a HELLO that showed the clock set: bucket 0 may be a replay."""
        if clock_set:
            self._hello_clock_at = now
            self._needs.discard(Want.TIME)

    def observe(self, service_data: bytes, now: float, *, clock_confirmed: bool) -> Sighting:
        """Judge an advert by the rules of protocol 11, in their order."""
        try:
            gen = generation(service_data)
        except AdvertError:
            return Sighting(Verdict.FOREIGN)
        if gen == 0:
            return Sighting(Verdict.UNOWNED)
        self._heard(now)
        k_adv = self.keys.get(gen)
        if k_adv is None:
            self._needs.add(Want.KEYS)
            return Sighting(Verdict.UNKNOWN_GENERATION)
        if self._limited(now):
            return Sighting(Verdict.LIMITED)
        advert = decode(k_adv, self.device, service_data, int(now))
        if advert is None:
            return Sighting(Verdict.REFUSED, spoofing=self._refused(now))
        return Sighting(self._judge(advert, now, clock_confirmed=clock_confirmed))

    def _judge(self, advert: AdvertState, now: float, *, clock_confirmed: bool) -> Verdict:
        """Rules 6 to 9, for an authentic advert."""
        if advert.bucket == 0:
            if not self._within(self._hello_clock_at, HELLO_CLOCK_TRUST, now):
                self._needs.add(Want.TIME)
            return Verdict.CLOCK_UNSET
        self._needs.discard(Want.TIME)
        if not clock_confirmed:
            self._needs.add(Want.STATE)
            return Verdict.UNCONFIRMED
        if self._says_nothing_new(advert):
            return Verdict.OLD
        if not self._accept(advert, now):
            return Verdict.OLD
        self._backoff = 0
        return Verdict.ACCEPTED

    def _says_nothing_new(self, advert: AdvertState) -> bool:
        """Whether a bolt in doubt stays so: the advert may be of before the operation."""
        last = self.shown
        return (
            self.in_doubt
            and last is not None
            and (advert.counter, advert.bucket) == (last.counter, last.bucket)
        )

    def answered(
        self, gen: int, state: LockState, battery: int, counter: int, *, time: int, now: float
    ) -> bool:
        """Take over the state of an authentic session answer, unless it is older.

        time is the time of the frame. Returns whether it was taken over.
        """
        bucket = bucket_of(time)
        if state.clock_unset:
            bucket = self.shown.bucket if self.shown else 0
        return self._accept(AdvertState(gen, state, battery, counter, bucket), now)

    def wants(self, now: float, *, online: bool = True) -> Want | None:
        """Return what is due now: keys first, then time (if the RAS is there), then state."""
        for want in self._needs_of(online=online):
            if not self._within(self._asked.get(want), ASK_INTERVAL, now):
                return want
        if self._stale(now) and not self._within(self._asked.get(Want.STATE), self._backoff, now):
            return Want.STATE
        return None

    def _needs_of(self, *, online: bool) -> list[Want]:
        """What is needed and can be had, in its order: only the RAS sets a clock."""
        return [want for want in Want if want in self._needs and (online or want is not Want.TIME)]

    def asked(self, want: Want, now: float) -> None:
        """Say that something was done about a want: it rests for a while."""
        self._asked[want] = now
        if want is Want.STATE and self._stale(now):
            self._backoff = min(max(2 * self._backoff, _FIRST_BACKOFF), _LAST_BACKOFF)

    def ask_again(self, want: Want, seconds: float, now: float) -> None:
        """Say that what was done came to nothing: the want rests for so many seconds only."""
        self._asked[want] = now - ASK_INTERVAL + seconds

    def _accept(self, new: AdvertState, now: float) -> bool:
        last = self.shown
        if last is not None and is_old(
            (new.counter, new.bucket), (last.counter, last.bucket), now - last.at
        ):
            return False
        self.shown = Shown(new.state, new.battery, new.counter, new.bucket, new.gen, now)
        self.in_doubt = False
        self._needs.discard(Want.STATE)
        self._quiet_since = now
        for gen in tuple(self.keys):
            if (new.gen - gen) % MAX_GENERATION in _NEWER:
                del self.keys[gen]
        return True

    def _limited(self, now: float) -> bool:
        """Rule 4: under a flood look at ten adverts per second, never at none."""
        while self._refusals and now - self._refusals[0] >= _FLOOD_SECONDS:
            self._refusals.popleft()
        flood = len(self._refusals) > _FLOOD_REFUSALS
        if not flood:
            self._spoofing = False
        if self._second != int(now):
            self._second, self._checks = int(now), 0
        self._checks += 1
        return flood and self._checks > _FLOOD_CHECKS

    def _refused(self, now: float) -> bool:
        self._refusals.append(now)
        begins = len(self._refusals) > _FLOOD_REFUSALS and not self._spoofing
        self._spoofing |= begins
        return begins

    def _heard(self, now: float) -> None:
        self._heard_at = now
        if self._quiet_since is None:
            self._quiet_since = now

    def _stale(self, now: float) -> bool:
        """Whether the lock is heard, but nothing was accepted for 300 s."""
        return (
            self._quiet_since is not None
            and not self._within(self._quiet_since, MEMORY, now)
            and self._within(self._heard_at, MEMORY, now)
        )

    @staticmethod
    def _within(then: float | None, seconds: float, now: float) -> bool:
        return then is not None and 0 <= now - then < seconds
