"""The three witnesses of an operation, joined by its id."""

from typing import Any

from aiohttp import web
import pytest

from ras_server.application.audit import AUDIT
from ras_server.application.witnesses import joined
from tests.ras_server.application.parts import Door, Gateway
from tests.ras_server.application.test_operations import grant, online, operate, unlock
from tests.ras_server.application.test_records import record, upload
from tests.ras_server.client import Client
from tests.ras_server.conftest import MovableClock

OPERATION = "o-0123456789abcdef"


class Said:
    """Writes what the witnesses say."""

    def __init__(self, app: web.Application, door: Door) -> None:
        """Write into the audit of a server about a door."""
        self.app = app
        self.device = f"dev:{door.device_id}"

    def say(self, action: str, actor: str, result: int = 0, **detail: Any) -> None:
        """Write an entry."""
        detail |= {"operation": OPERATION}
        self.app[AUDIT].append(action, actor, self.device, result=result, detail=detail)

    def decision(self, result: int = 0) -> None:
        """Let the server decide about an unlock."""
        self.say("access.unlock", "user:u-anna", result)

    def receipt(self, gateway: str = "g-1") -> None:
        """Let a gateway take it."""
        self.say("operation.receipt", f"gw:{gateway}")

    def answer(self, result: int = 0, **detail: Any) -> None:
        """Let the lock answer through the gateway."""
        self.say("lock.answer", "user:u-anna", result, **{"gateway": "g-1"} | detail)

    def record(self, event: int = 1) -> None:
        """Let the lock's record arrive."""
        self.say("log.record", "gw:g-2", event=event, record=7, uid=1)

    @property
    def verdict(self) -> str:
        """Return the verdict."""
        rows = self.app[AUDIT].index.of_operation(OPERATION)
        return str(joined(OPERATION, rows)["verdict"])


@pytest.fixture
def said(app: web.Application, home: Gateway, door: Door) -> Said:
    """Return what writes the words of the witnesses."""
    return Said(app, door)


async def test_step_by_step(said: Said) -> None:
    """The operation is open until the record of the lock is there."""
    verdicts = []
    for step in said.decision, said.receipt, said.answer, said.record:
        step()
        verdicts.append(said.verdict)

    assert verdicts == ["open", "open", "open", "complete"]


async def test_refused(said: Said) -> None:
    """A refusal needs no other witness, and must not have one."""
    said.decision(3001)
    refused = said.verdict
    said.receipt()

    assert (refused, said.verdict) == ("refused", "contradiction")


async def test_failed(said: Said) -> None:
    """What the lock did not do makes no record."""
    said.decision()
    said.receipt()
    said.answer(2012)

    assert said.verdict == "failed"


async def test_answer_without_receipt(said: Said) -> None:
    """An answer that came by a gateway which never took the operation contradicts."""
    said.decision()
    said.receipt("g-2")
    said.answer()

    assert said.verdict == "contradiction"


async def test_other_event(said: Said) -> None:
    """A record of something else contradicts."""
    said.decision()
    said.receipt()
    said.answer()
    said.record(event=2)

    assert said.verdict == "contradiction"


@pytest.mark.parametrize(
    ("fields", "complete"),
    [
        pytest.param({}, True, id="the same"),
        pytest.param({"event": 0}, False, id="other event"),
        pytest.param({"uid": 4}, False, id="other person"),
        pytest.param({"number": 8}, False, id="other number"),
    ],
)
async def test_record_is_joined(
    said: Said, home: Gateway, door: Door, fields: dict[str, Any], *, complete: bool
) -> None:
    """A record belongs to the operation whose answer named it, if person and event are the same."""
    said.decision()
    said.receipt(home.id)
    said.answer(gateway=home.id, event=7, uid=1)
    await upload(home, door, record(**{"number": 7} | fields))

    assert (said.verdict == "complete") is complete


async def test_who_sees_it(said: Said, owner: Client, client: Client) -> None:
    """The owner of the lock sees the witnesses; for a stranger there is no such operation."""
    said.decision()
    other = await client.another().enter("other@example.org")
    shown = await owner.get(f"/v1/operations/{OPERATION}/witnesses")
    hidden = await other.get(f"/v1/operations/{OPERATION}/witnesses")

    assert shown.data["verdict"] == "open"
    assert shown.data["command"] == "unlock"
    assert shown.data["decision"]["actor"] == "user:u-anna"
    assert (hidden.http, hidden.code) == (404, 4005)


async def test_asked_by_a_gateway(said: Said, client: Client) -> None:
    """Who asked by his own gateway at somebody else's lock sees the witnesses, too."""
    guest = await client.another().enter("guest@example.org")
    gateway = await guest.gateway()
    said.say("access.unlock", f"gw:{gateway.gateway_id}")
    shown = await guest.get(f"/v1/operations/{OPERATION}/witnesses")

    assert shown.code == 0


async def test_real_operation(
    owner: Client, home: Gateway, door: Door, clock: MovableClock
) -> None:
    """Server, gateway and a real lock witness an unlock; the lock's record completes it."""
    async with online(home, door):
        done = await operate(owner, door, unlock(clock))
    path = f"/v1/operations/{done.data['operation_id']}/witnesses"
    before = (await owner.get(path)).data
    read = await home.open(door, "exchange", {"do": [{"cmd": "log", "from": 0}]})
    await upload(home, door, *read.data["result"]["records"])
    after = (await owner.get(path)).data

    assert before["verdict"] == "open"
    assert before["decision"]["actor"] == f"user:{owner.user_id}"
    assert [each["gateway"] for each in before["receipts"]] == [home.id]
    assert (before["answer"]["gateway"], before["answer"]["result"]) == (home.id, 0)
    assert after["verdict"] == "complete"
    assert after["record"]["event"] == 1


async def test_refused_operation(
    owner: Client, client: Client, home: Gateway, door: Door, clock: MovableClock
) -> None:
    """A refusal is witnessed by the server alone, and nothing came to the lock."""
    guest = await client.another().enter("guest@example.org")
    await grant(owner, door, "guest@example.org", rights=["lock"])
    async with online(home, door):
        refused = await operate(guest, door, unlock(clock))
    audit = (await owner.get("/v1/audit?before=9007199254740991")).data["items"]
    entry = next(each["entry"] for each in audit if each["entry"]["action"] == "access.unlock")
    told = await owner.get(f"/v1/operations/{entry['detail']['operation']}/witnesses")

    assert refused.code == entry["result"] == 3001
    assert (told.data["verdict"], told.data["receipts"]) == ("refused", [])
