"""The soft lock: five wrong tries, then a pause that doubles (project profile, 3)."""

from dataclasses import dataclass
from typing import Final

from aiohttp import web

from ..errors import Code, RasError

FREE_TRIES: Final = 5
FIRST_PAUSE: Final = 60  # seconds
LONGEST_PAUSE: Final = 3600  # seconds
_FORGIVEN_AFTER: Final = 2 * LONGEST_PAUSE  # seconds without a wrong try
_FORGET_ABOVE: Final = 10_000  # keys


@dataclass(slots=True)
class _Count:
    wrong: int
    until: int
    last: int


class Tries:
    """Wrong tries per key: an account, an address."""

    def __init__(self) -> None:
        """Begin without any."""
        self._counts: dict[str, _Count] = {}

    def require(self, *keys: str, now: int) -> None:
        """Raise 1006 while one of the keys has to wait."""
        until = max((count.until for key in keys if (count := self._counts.get(key))), default=0)
        if until > now:
            raise RasError(
                Code.TOO_MANY_TRIES, "Too many wrong tries, wait", retry_after=until - now
            )

    def wrong(self, *keys: str, now: int) -> None:
        """Count a wrong try for each key."""
        if len(self._counts) > _FORGET_ABOVE:
            self._counts = {
                key: count
                for key, count in self._counts.items()
                if now - count.last < _FORGIVEN_AFTER
            }
        for key in keys:
            count = self._counts.get(key)
            if count is None or now - count.last >= _FORGIVEN_AFTER:
                count = self._counts[key] = _Count(0, 0, now)
            count.wrong += 1
            count.last = now
            if count.wrong >= FREE_TRIES:
                doubled = min(count.wrong - FREE_TRIES, 6)  # 60 s * 2 ** 6 is above the longest
                count.until = now + min(FIRST_PAUSE << doubled, LONGEST_PAUSE)

    def right(self, key: str) -> None:
        """Forget the wrong tries of a key."""
        self._counts.pop(key, None)


TRIES: Final = web.AppKey("tries", Tries)
