"""The life of an operation, from its acceptance to its end (project profile, section 5)."""

from dataclasses import replace
from enum import StrEnum
from typing import Any, Final

from aiohttp import web
import orjson

from ..errors import Code
from ..keys import DATABASE
from ..store import operations as store
from ..store.operations import Operation
from .audit import AUDIT
from .exchanges import EXCHANGES
from .flows import result
from .locks import LOCKS
from .permits import Permit
from .relay import OPERATIONS
from .shadow import doubt

KEPT: Final = 7 * 86400
"""Seconds that an operation can be asked for; the audit knows it for ever."""
_HELD_BACK: Final = 30
"""Seconds in which a packet that was handed out may still reach a lock."""


class State(StrEnum):
    """How far an operation has come."""

    ACCEPTED = "accepted"
    """It was decided: it is allowed."""
    SENT_TO_GATEWAY = "sent_to_gateway"
    SENT_TO_LOCK = "sent_to_lock"
    """A gateway was given the packets; whether it carried them nobody knows yet."""
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    EXPIRED = "expired"
    """Its time passed before a packet was made: it was not executed, and never will be."""


NEXT: Final = {
    State.ACCEPTED: {State.SENT_TO_GATEWAY, State.SENT_TO_LOCK, State.FAILED, State.EXPIRED},
    State.SENT_TO_GATEWAY: {
        State.SENT_TO_GATEWAY,
        State.SENT_TO_LOCK,
        State.FAILED,
        State.EXPIRED,
    },
    State.SENT_TO_LOCK: {State.SENT_TO_LOCK, State.SUCCEEDED, State.FAILED},
    State.SUCCEEDED: set[State](),
    State.FAILED: set[State](),
    State.EXPIRED: set[State](),
}
"""What may follow; everything else is a mistake of the server."""


class Progress:
    """One operation on its way; each step is stored before it is taken."""

    def __init__(
        self,
        app: web.Application,
        permit: Permit,
        *,
        operation_id: str,
        command: str,
        expires: int,
        mid: str | None,
    ) -> None:
        """Accept an operation."""
        now = app[LOCKS].now
        self._app = app
        self._lock = permit.lock
        self._uid = permit.standing.uid
        self.operation = Operation(
            operation_id=operation_id,
            device_id=permit.lock.id,
            user_id=permit.caller.user_id,
            actor=permit.caller.address,
            mid=mid,
            command=command,
            expires=expires,
            state=State.ACCEPTED,
            created=now,
            changed=now,
        )
        store.save(app[DATABASE], self.operation)

    @property
    def id(self) -> str:
        """Return the operation's identifier."""
        return self.operation.operation_id

    def to_gateway(self, gateway_id: str) -> None:
        """Note which gateway is asked."""
        self._move(State.SENT_TO_GATEWAY, gateway_id=gateway_id)

    def received(self, gateway_id: str) -> None:
        """Note that a gateway has begun: its HELLO is the receipt."""
        self._write("operation.receipt", f"gw:{gateway_id}")

    def to_lock(self, gateway_id: str) -> None:
        """Note that the packets are about to be handed out."""
        with self._app[DATABASE].write():
            self._move(State.SENT_TO_LOCK, gateway_id=gateway_id)
            self._write("operation.sent", f"gw:{gateway_id}")

    def answered(self, outcome: dict[str, Any], gateway_id: str) -> None:
        """Write the outcome at the lock to the audit."""
        detail = {"gateway": gateway_id, "uid": self._uid}
        if "event" in outcome.get("state", {}):
            detail["event"] = outcome["state"]["event"]
        self._write("lock.answer", self.operation.actor, result=outcome["code"], **detail)

    def end(self, outcome: dict[str, Any]) -> None:
        """Store the outcome."""
        code, state = outcome["code"], State.FAILED
        if code == Code.OK:
            state = State.SUCCEEDED
        elif self._is_over(code):
            state = State.EXPIRED
        elif code == Code.DEVICE_TIMEOUT and self._may_be_done:
            doubt(self._app, self._lock, via=f"gw:{self.operation.gateway_id}")
        self._move(state, result=orjson.dumps(outcome).decode())

    @property
    def _may_be_done(self) -> bool:
        """Return whether packets that move the bolt were handed out."""
        moves = not OPERATIONS.keys().isdisjoint(self.operation.command.split("+"))
        return moves and self.operation.state == State.SENT_TO_LOCK

    def _is_over(self, code: int) -> bool:
        """Return whether an operation ended because its time passed, before a packet was made."""
        unsent = self.operation.state != State.SENT_TO_LOCK
        return unsent and code == Code.EXPIRED and self._app[LOCKS].now >= self.operation.expires

    def _move(self, state: State, **changes: Any) -> None:
        if state not in NEXT[State(self.operation.state)]:
            raise RuntimeError(f"An operation goes from {self.operation.state} to {state}")
        self.operation = replace(
            self.operation, state=state, changed=self._app[LOCKS].now, **changes
        )
        store.save(self._app[DATABASE], self.operation)

    def _write(self, action: str, actor: str, result: int = 0, **detail: Any) -> None:
        self._app[AUDIT].append(
            action,
            actor,
            f"dev:{self.operation.device_id}",
            result=result,
            detail=detail | {"operation": self.id},
        )


def operation_json(operation: Operation) -> dict[str, Any]:
    """Return an operation as the interface shows it."""
    return {
        "operation_id": operation.operation_id,
        "device_id": operation.device_id,
        "cmd": operation.command,
        "state": operation.state,
        "gateway_id": operation.gateway_id,
        "expires": operation.expires,
        "created": operation.created,
        "changed": operation.changed,
        "result": None if operation.result is None else orjson.loads(operation.result),
    }


def end_abandoned(app: web.Application) -> None:
    """End the operations of a process that died.

    What was handed out may still reach its lock: until then nothing new is sent there.
    """
    now = int(app[LOCKS].moment)
    for each in store.unfinished(app[DATABASE]):
        state, code = State.FAILED, Code.NOT_READY
        if each.state == State.SENT_TO_LOCK:
            code = Code.DEVICE_TIMEOUT
            app[EXCHANGES].rest(each.device_id, each.changed + _HELD_BACK)
        elif each.expires <= now:
            state, code = State.EXPIRED, Code.EXPIRED
        ended = replace(each, state=state, changed=now, result=orjson.dumps(result(code)).decode())
        store.save(app[DATABASE], ended)
        app[AUDIT].append(
            "operation.abandoned",
            each.actor,
            f"dev:{each.device_id}",
            result=code,
            detail={"operation": each.operation_id},
        )
