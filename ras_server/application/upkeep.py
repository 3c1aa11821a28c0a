"""What becomes due with time, looked for every ten minutes: re-keys, ends of grants."""

from typing import Final

from aiohttp import web

from ..errors import RasError
from ..keys import DATABASE, SETTINGS
from ..store import devices, grants, operations, transfers
from .agenda import SCHEDULE
from .granting import without_ended
from .lifecycle import start_rekey
from .locks import HOUR, LOCKS
from .notices import ask_delivery
from .progress import KEPT

_SYSTEM: Final = "ras:upkeep"
_DAY: Final = 86400  # seconds
_MOST: Final = 100
"""Locks that are looked after in one turn."""


def look_after(app: web.Application) -> None:
    """Do what has become due; nothing while the server's clock is in doubt."""
    locks, database = app[LOCKS], app[DATABASE]
    try:
        now = locks.now
    except RasError:
        return
    operations.forget(database, now - KEPT)
    transfers.forget(database, now)
    devices.forget_time_frames(database, now - HOUR)
    for device_id in grants.outlived(database, now, _MOST):
        if (lock := locks.get(device_id)) is not None:
            locks.save(lock, without_ended(app, lock, lock.record))
            ask_delivery(app, lock)
    if days := app[SETTINGS].rekey_days:
        for device_id in devices.rotting(database, now - days * _DAY, _MOST):
            if (lock := locks.get(device_id)) is not None:
                start_rekey(app, lock, SCHEDULE, _SYSTEM)
