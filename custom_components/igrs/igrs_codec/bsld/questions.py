"""What a request wants from the RAS before it can go on: a ticket, or the time.

Project profile (protocol 12). Nothing is asked for twice because of one request.
"""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from ..driver import Failure, HelloSeen, NeedTicket, NeedTime, TicketTrouble
from .flight import Request
from .frame import Status
from .greeting import Greeting
from .session import Answered
from .ticket import Ticket
from .values import AuthAnswer

CLOCK_TOLERANCE: Final = 30  # seconds

_VERDICTS: Final[Mapping[Status, TicketTrouble | Failure]] = MappingProxyType(
    {
        Status.EXPIRED: TicketTrouble.EXPIRED,
        Status.WRONG_EPOCH: TicketTrouble.EPOCH,
        Status.DENIED: Failure.DENIED,
        Status.NO_USER: Failure.DENIED,
        Status.CLOCK_UNSET: Failure.CLOCK_UNSET,
    }
)


def verdict(answer: AuthAnswer) -> TicketTrouble | Failure | None:
    """Return what an AUTH answer means for the request: None is to go on waiting."""
    reduced = answer.status is Status.CLOCK_UNSET and answer.rights
    if answer.status is Status.OK or reduced:
        return None
    return _VERDICTS.get(answer.status, Failure.TICKET_REFUSED)


def live_ticket(
    tickets: Mapping[int, Ticket], job: Request, seen: HelloSeen, now: float
) -> Ticket | TicketTrouble:
    """Return the ticket of the lock's generation, or why it takes a new one."""
    ticket = tickets.get(seen.hello.gen)
    if ticket is None:
        return TicketTrouble.ABSENT
    dead = ticket.expires <= now or ticket.packet == job.refused
    return TicketTrouble.EXPIRED if dead else ticket


def ticket_wanted(job: Request, seen: HelloSeen, trouble: TicketTrouble) -> NeedTicket | None:
    """Ask for a new ticket."""
    if NeedTicket in job.asked:
        return None
    job.asked.add(NeedTicket)
    return NeedTicket(seen.hello.gen, seen.packet, trouble)


def time_wanted(job: Request, seen: HelloSeen) -> NeedTime | None:
    """Ask for the time if the lock's clock is unset."""
    if seen.hello.clock_set or NeedTime in job.asked:
        return None
    job.asked.add(NeedTime)
    return NeedTime(seen.packet, urgent=True)


def correction_wanted(event: Answered, greeting: Greeting, now: float) -> NeedTime | None:
    """Ask for the time after an answer that shows a clock that is set, but wrong; once a link."""
    unset = event.state is not None and event.state.clock_unset
    wrong = not unset and abs(event.time - now) > CLOCK_TOLERANCE
    if greeting.seen is None or greeting.doubted or not wrong:
        return None
    greeting.doubted = True
    return NeedTime(greeting.seen.packet, urgent=False)
