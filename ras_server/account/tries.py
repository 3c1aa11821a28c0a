"""The soft lock: wrong tries cost time, but nobody is locked out (project profile, 3).

Wrong tries are counted for a day: for what was tried, and more gently for the address they came
from, which many people can share. A right try does not clear the count, so that nobody guesses
between the logins of somebody else. The counts are in the database and outlive a restart.
"""

import hmac
from typing import Final

from aiohttp import web

from ..errors import Code, RasError
from ..keys import DATABASE, VAULT, now
from ..rate import network
from ..store import tries as store
from ..store.tries import Tries

DAY: Final = 24 * 3600  # seconds

CREDENTIAL: Final = ((2, 0), (8, 3), (24, 5), (99, 10), (100, DAY))
"""For the password or the code of one account: the pause in seconds up to so many wrong tries."""

ADDRESS: Final = ((30, 0), (100, 1), (1000, 5), (DAY, 30))
"""For an address."""

type Pauses = tuple[tuple[int, int], ...]


def credential(kind: str, name: str) -> str:
    """Return the key of one password or code."""
    return f"{kind} {name}"


def address(request: web.Request, kind: str) -> str:
    """Return the key of the address a request comes from; each kind of try has its own."""
    return f"address {kind} {network(request)}"


def require(app: web.Application, *keys: str) -> None:
    """Raise 1006 while one of the keys has to wait."""
    at = now(app)
    found = [store.get(app[DATABASE], _hash(app, key)) for key in keys]
    wait = max((_until(each) - at for each in found if each is not None), default=0)
    if wait > 0:
        raise RasError(Code.TOO_MANY_TRIES, "Too many wrong tries, wait", retry_after=wait)


def wrong(app: web.Application, *keys: str) -> None:
    """Count a wrong try for each key."""
    at = now(app)
    for key in keys:
        hashed = _hash(app, key)
        before = store.get(app[DATABASE], hashed)
        if before is None or at - before.first >= DAY:
            before = Tries(wrong=0, first=at, until=0)
        number = before.wrong + 1
        pause = _pause(ADDRESS if key.startswith("address ") else CREDENTIAL, number)
        count = Tries(wrong=number, first=before.first, until=at + pause)
        store.put(app[DATABASE], hashed, count)


def forgive(app: web.Application, key: str) -> None:
    """Forget the wrong tries of a key."""
    store.remove(app[DATABASE], _hash(app, key))


def _pause(pauses: Pauses, wrong_tries: int) -> int:
    return next((pause for up_to, pause in pauses if wrong_tries <= up_to), pauses[-1][1])


def _until(tries: Tries) -> int:
    """Return when the next try may come: at the latest a day after the first."""
    return min(tries.until, tries.first + DAY)


def _hash(app: web.Application, key: str) -> bytes:
    return hmac.digest(app[VAULT].derive("wrong tries"), key.encode(), "sha256")
