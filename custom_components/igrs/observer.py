"""What the way to a lock tells whoever shows the lock."""

from collections.abc import Awaitable
from typing import Protocol

from .answers import Tickets


class Observer(Protocol):
    """Who wants to know what the lock says."""

    def state_answered(self) -> None:
        """Show the tracker's state: it may have changed."""

    def clock_agreed(self) -> None:
        """Believe the own clock: the lock's agrees with it."""

    def clock_wrong(self) -> None:
        """Have the lock's clock set: it is off by more than 30 s."""

    def log_grew(self) -> None:
        """Read the log: there is a new record."""

    def keep(self, tickets: Tickets, person: str | None) -> None:
        """Keep what the RAS handed out for a person, or for the household."""

    def delivered(self, notifications: tuple[bytes, ...]) -> None:
        """Tell the RAS what the lock answered to a queued frame."""

    def reported(self) -> Awaitable[object]:
        """Tell the RAS now what it has not got of that, or raise RasError."""

    def make_room(self) -> Awaitable[None]:
        """Hang up where a connection is only kept for later."""
