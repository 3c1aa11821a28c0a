"""What is asked of a lock here: decided for the person, carried, remembered and measured.

The RAS decides for a person of Home Assistant who was connected with one of its own: when it
hands out his tickets, or each time if it wants to be asked (project profile, API 5 and 6).
Nothing is written to the lock before that.
"""

import asyncio
from collections.abc import Callable
from contextlib import suppress
import time
from typing import Final

from .access import Deed
from .answers import Tickets
from .asker import Asker
from .carrier import TICKET_RIGHTS, TICKET_TTL, Carrier, Done
from .errors import REFUSALS, LockError, Reason, refusal
from .history import History
from .igrs_codec.bsld.frame import Operation, Right
from .igrs_codec.bsld.tracker import Tracker
from .learner import Learner
from .ras import GatewayClient
from .ras_errors import Code, RasError, RasRefusedError
from .storage import Measured, Memory
from .timeline import Stage, note

DECISION_TIMEOUT: Final = 3  # seconds; then the tickets that are kept have to do
KEPT: Final = 100  # operations that are measured

_RIGHTS: Final = {
    Operation.LOCK: Right.LOCK,
    Operation.UNLOCK: Right.UNLOCK,
    Operation.OPEN: Right.OPEN,
}
# What the RAS answers when a person is to have no ticket (any more).
_NO_TICKET: Final = frozenset(
    {
        Code.DEVICE_UNKNOWN,
        Code.DEVICE_OF_OTHER,
        Code.NO_PERMISSION,
        Code.OUTSIDE_SCHEDULE,
        Code.EXPIRED,
    }
)


class Operations:
    """The operations of one lock."""

    def __init__(
        self,
        *,
        ras: GatewayClient,
        file: Memory,
        device_id: str,
        gateway_name: str,
        carrier: Carrier,
        tracker: Tracker,
        history: History,
        learner: Learner,
        online: Callable[[], bool],
        keep: Callable[[Tickets, str | None], None],
    ) -> None:
        """Prepare; online says whether the RAS is there, keep takes new tickets."""
        self._ras = ras
        self._file = file
        self._device_id = device_id
        self._gateway_name = gateway_name
        self._memory = file.lock(device_id)
        self._carrier = carrier
        self._tracker = tracker
        self._history = history
        self._learner = learner
        self._online = online
        self._keep = keep
        self._asked = 0  # operations until now
        self._decided = 0  # the newest of them that was given to the lock, or to the RAS
        self._away: set[int] = set()  # those that the RAS has carried

    async def async_do(self, operation: Operation, asker: Asker, pin: str | None) -> None:
        """Lock, unlock or open for who asks, and wait until it is done; or raise LockError.

        pin is what the person gave for the RAS (4 to 12 digits).
        """
        began = time.monotonic()
        person, gateway = asker.person, None
        self._asked = turn = self._asked + 1
        try:
            alone = person is None or await self._async_has_ticket(operation, person)
            self._take_turn(turn)
            if person is None or alone:
                gateway = self._gateway_name
                done = await self._carrier.async_operate(operation, person)
            else:
                self._away.add(turn)
                done = await self._async_through_ras(operation, person, pin)
        except LockError as err:
            if err.reason in REFUSALS:
                self._history.refused(asker, err.reason)
            else:
                self._measure(operation, began, done=False)
            if err.reason is Reason.OUTCOME_UNKNOWN:  # also where the RAS had it done
                self._tracker.doubt()
            raise
        finally:
            self._away.discard(turn)
        self._measure(operation, began, done=True)
        self._history.did(
            Deed(
                number=done.number,
                operation=operation,
                asker=asker,
                gateway=gateway,
                seconds=time.monotonic() - began,
                credential=done.credential or None,
            )
        )
        if gateway is None:  # the lock has told the RAS, not us
            with suppress(LockError):
                await self._learner.async_learn()

    @property
    def overtaken(self) -> bool:
        """Whether the RAS still has something carried that is older than what was done here."""
        return any(turn < self._decided for turn in self._away)

    def _take_turn(self, turn: int) -> None:
        """Go on, unless what was asked later was decided sooner: it is not to be undone."""
        if turn < self._decided:
            raise LockError(Reason.NOT_EXECUTED)
        self._decided = turn

    async def _async_has_ticket(self, operation: Operation, person: str) -> bool:
        """Return whether the person may use a ticket; if not, the RAS wants to be asked itself."""
        tickets = self._memory.of(person)
        if asked := self._online():
            try:
                async with asyncio.timeout(DECISION_TIMEOUT):
                    new = await self._ras.tickets(
                        self._device_id, TICKET_RIGHTS, TICKET_TTL, person=person
                    )
            except RasRefusedError as err:
                if err.code in _NO_TICKET:
                    tickets.clear()
                    self._file.save()
                else:
                    asked = False
            except RasError, TimeoutError:
                asked = False
            else:
                self._keep(new, person)
                self._remember_pin(person, needed=False)  # with one there is no ticket
            note(Stage.DECIDED)
        live = [ticket for ticket in tickets.values() if ticket.expires > time.time()]
        if any(_RIGHTS[operation] in ticket.rights for ticket in live):
            return True
        if not asked:
            raise LockError(Reason.NO_PERMISSION if live else Reason.TICKET_EXPIRED)
        return False

    async def _async_through_ras(self, operation: Operation, person: str, pin: str | None) -> Done:
        """Have the RAS decide and do it, through the gateway that reaches the lock best."""
        try:
            outcome = await self._ras.operate(self._device_id, operation.name.lower(), person, pin)
        except RasRefusedError as err:
            reason = refusal(err)
            if reason.reason is Reason.NEEDS_PIN:
                self._remember_pin(person, needed=True)
            raise reason from err
        except RasError as err:
            raise LockError(Reason.OUTCOME_UNKNOWN) from err
        note(Stage.CARRIED)
        if outcome is None:
            raise LockError(Reason.OUTCOME_UNKNOWN)
        if outcome.record is None:
            raise refusal(outcome.code)
        if pin is None and operation is not Operation.LOCK:
            self._remember_pin(person, needed=False)
        return Done(outcome.record, "")

    def _remember_pin(self, person: str, *, needed: bool) -> None:
        """Remember whether the RAS wants a PIN of a person: a form can ask for it then."""
        if needed != (person in self._memory.pins):
            self._memory.pins ^= {person}
            self._file.save()

    def _measure(self, operation: Operation, began: float, *, done: bool) -> None:
        measured = Measured(done, time.monotonic() - began, operation is Operation.UNLOCK)
        self._memory.operations = [*self._memory.operations, measured][-KEPT:]
        self._file.save()
