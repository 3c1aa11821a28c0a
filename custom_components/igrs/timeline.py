"""What an operation goes through, stage by stage: for who asks why it took long, or failed.

Whoever carries an operation notes its stages here; nobody has to know whether somebody listens.
"""

from collections.abc import Generator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from enum import StrEnum
import time
from typing import Final, NamedTuple

from .asker import Asker
from .errors import LockError, Reason
from .igrs_codec.bsld.frame import Operation


class Stage(StrEnum):
    """What an operation has behind it."""

    DECIDED = "decided"  # the RAS gave, or refused, a ticket
    CARRIED = "carried"  # the RAS had it done through the gateway that it chose
    TURN = "turn"  # nothing else was under way with this lock any more
    CONNECTED = "connected"
    GREETED = "greeted"  # the lock's HELLO came
    DELIVERED = "delivered"  # a queued frame of the RAS was carried first
    HELPED = "helped"  # the RAS gave a ticket or the time that was needed
    ANSWERED = "answered"
    MOVED = "moved"  # the bolt arrived


class Passed(NamedTuple):
    """A stage and when it was passed, in seconds of the monotonic clock."""

    stage: Stage
    at: float


@dataclass(slots=True, kw_only=True)
class Timeline:
    """One operation; at is Unix time, began and ended are seconds of the monotonic clock."""

    operation: Operation
    asker: Asker
    at: float = field(default_factory=time.time)
    began: float = field(default_factory=time.monotonic)
    ended: float | None = None
    stages: list[Passed] = field(default_factory=list)
    error: LockError | None = None


_current: Final[ContextVar[Timeline | None]] = ContextVar("timeline", default=None)


@contextmanager
def recorded(operation: Operation, asker: Asker) -> Generator[Timeline]:
    """Take down the stages of an operation, and how it ended."""
    timeline = Timeline(operation=operation, asker=asker)
    token = _current.set(timeline)
    try:
        yield timeline
    except LockError as err:
        timeline.error = err
        raise
    except BaseException:  # nobody waited for the end
        timeline.error = LockError(Reason.OUTCOME_UNKNOWN)
        raise
    finally:
        timeline.ended = time.monotonic()
        _current.reset(token)


def begin_apart() -> None:
    """Let the task that begins here note nothing of the operation that it was begun by."""
    _current.set(None)


def note(stage: Stage) -> None:
    """Note a stage of the operation that is under way here, if one is."""
    if (timeline := _current.get()) is not None:
        timeline.stages.append(Passed(stage, time.monotonic()))
