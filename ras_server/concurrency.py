"""How many requests of one caller are answered at the same time (project profile, section 2.2).

A request that waits (for a lock, for a message) costs little, but not nothing: no caller may have
more of them than a busy home needs. A push connection is one of them, as long as it lives.
"""

from typing import Final

from aiohttp import web

from .errors import Code, RasError

NAMED: Final = 128
"""For a caller who has logged in."""

ANONYMOUS: Final = 64
"""For an address without login: a whole office may sit behind one."""

_RETRY_AFTER: Final = 1  # seconds


class Concurrency:
    """The requests that are under way, as a number for each caller who has any."""

    __slots__ = ("_under_way",)

    def __init__(self) -> None:
        """Begin without any."""
        self._under_way: dict[str, int] = {}

    def begin(self, caller: str, most: int) -> None:
        """Count a request until `end`, or raise 5003 if the caller has so many under way."""
        number = self._under_way.get(caller, 0)
        if number >= most:
            raise RasError(
                Code.RATE_LIMITED, "Too many requests at the same time", retry_after=_RETRY_AFTER
            )
        self._under_way[caller] = number + 1

    def end(self, caller: str) -> None:
        """Count a request no longer."""
        if (number := self._under_way[caller]) > 1:
            self._under_way[caller] = number - 1
        else:
            del self._under_way[caller]

    def __len__(self) -> int:
        """Return the number of callers who have requests under way."""
        return len(self._under_way)


CONCURRENCY: Final = web.AppKey("concurrency", Concurrency)
