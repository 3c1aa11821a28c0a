"""Control messages: what the RAS wants done at a lock now (project profile, API 8, mi 1)."""

from collections.abc import Awaitable, Callable
from contextlib import suppress

from .answers import Json
from .const import LOGGER
from .coordinator import IgrsCoordinator
from .errors import CODES, LockError
from .ras_errors import Code, RasError

type Answer = Callable[[Json], Awaitable[object]]


async def async_carry_out(
    lock: IgrsCoordinator | None, asked: Json, answer: Answer, *, now: float
) -> None:
    """Do what a control message asks: accept at once, answer only a failure.

    lock is None if it is not one of ours; now is the time (Unix s) by the clock of the RAS, which
    says how long the message is good. The result of an exchange reaches the RAS inside the
    exchange.
    """
    accepted = False

    async def accept() -> None:
        nonlocal accepted
        accepted = True
        await answer({"status": 0, "code": 0, "accepted": True})

    try:
        code = Code.DEVICE_UNKNOWN if lock is None else await _async_do(lock, asked, accept, now)
    except LockError as err:
        code = CODES.get(err.reason, Code.DEVICE_TIMEOUT)
    except RasError as err:
        LOGGER.debug("A remote operation failed: %s", err)
        code = Code.OK if accepted else Code.FAILED  # the RAS knows
    if code is not Code.OK:
        with suppress(RasError):
            await answer({"status": 1, "code": code})


async def _async_do(
    lock: IgrsCoordinator, asked: Json, accept: Callable[[], Awaitable[None]], now: float
) -> Code:
    """Return OK, or why a message is not taken; raise LockError or RasError."""
    match asked:
        case {"expires": int(expires)} if expires < now:
            return Code.EXPIRED
        case {"exchange": str(exchange_id)}:
            await lock.async_relay(exchange_id, accept)
        case {"cmd": "deliver"}:
            await accept()
            await lock.supply.async_deliver()
        case {"cmd": "time"}:
            await accept()
            await lock.supply.async_set_time()
        case _:
            return Code.NOT_SUPPORTED
    return Code.OK
