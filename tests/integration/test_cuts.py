"""The link is cut after each step of what is done over it, and all comes right by itself.

The steps of each undertaking stand in a table; the identifier of a test names the step. A write
is cut twice: once the packet has reached the lock, once it is lost with the link.
"""

from typing import Final

from homeassistant.exceptions import HomeAssistantError
import pytest

from igrs_codec.bsld.frame import Bolt, Event, Method, Operation
from tests.integration.cuts import LINK, Case, cases
from tests.integration.home import DEVICE_ID, Home, later, until

_FLIGHT: Final = ("write AUTH", "write SESS", "hear AUTH", "hear SESS")
_REQUEST: Final = ("write SESS", "hear SESS")
_ERRAND: Final = ("write ADMIN", "hear ADMIN", "hear HELLO")

COLD: Final = (*LINK, *_FLIGHT)
WARM: Final = _REQUEST
FETCH: Final = (*LINK, *_FLIGHT, *_REQUEST)
REMOVAL: Final = (*LINK, *_ERRAND)

_SHOWN: Final = {Bolt.LOCKED: "locked", Bolt.UNLOCKED: "unlocked"}
_ASK_AGAIN: Final = 61  # seconds after which the RAS asks anew for what is due


def cut(home: Home, case: Case) -> None:
    """Let the link be cut, counting from here."""
    home.radio.reset()
    home.radio.faults.cut_after, home.radio.faults.lose_last = case


def moved(home: Home, event: Event) -> int:
    """Return how often a gateway moved the bolt this way."""
    records = home.lock._role._log._records
    return sum(record.event is event and record.method is Method.GATEWAY for record in records)


async def operate(home: Home, service: str) -> str:
    """Lock or unlock; return how it failed, nothing if it did not."""
    try:
        await home.call(service)
    except HomeAssistantError as err:
        return str(err)
    return ""


async def all_right(home: Home) -> None:
    """Wait until nothing is under way, and check what is shown, known and held."""
    assert not home.radio.faults.cut_after, "the link was not cut"
    await until(lambda: not home.radio.severed)  # what was on air has reached the lock
    coordinator = home.coordinator
    counter = home.lock._role.counter
    await until(lambda: coordinator.memory.next_record == counter + 1)
    await until(lambda: not coordinator._work._tasks)
    assert home.state().state == _SHOWN[home.lock.state.bolt]
    assert not coordinator._asked
    answer = await home.ras.person.get(f"/v1/devices/{DEVICE_ID}/log?limit=200")
    assert [item["record"] for item in answer.data["items"]] == list(range(1, counter + 1))
    await coordinator.async_rest()
    await until(lambda: not home.lock._links)
    assert not home.radio.clients


@pytest.mark.parametrize(
    ("undertaking", "steps"),
    [pytest.param("cold", COLD), pytest.param("warm", WARM), pytest.param("fetch", FETCH)],
)
async def test_steps(home: Home, undertaking: str, steps: tuple[str, ...]) -> None:
    """The tables of this module are what crosses the air."""
    if undertaking == "warm":
        await home.call("unlock")
        await until(lambda: not home.coordinator.learner.busy)
    home.radio.reset()
    if undertaking == "fetch":
        home.lock.tamper()
        await home.coordinator.learner.async_learn()
    else:
        await home.call("lock")

    assert home.radio.traffic.trail[: len(steps)] == list(steps)


@pytest.mark.parametrize("case", cases(COLD))
async def test_cold_unlock(home: Home, case: Case) -> None:
    """A cold unlock is done, or fails in words; it is never done twice, and the next one works."""
    cut(home, case)

    failed = await operate(home, "unlock")

    step, _ = case
    if step <= len(LINK) or step == len(COLD):
        assert not failed
    assert not failed or "not known whether" in failed
    await all_right(home)
    assert moved(home, Event.UNLOCK) == (home.lock.state.bolt is Bolt.UNLOCKED)
    assert failed or home.lock.state.bolt is Bolt.UNLOCKED
    assert not await operate(home, "unlock")
    assert not await operate(home, "lock")
    await all_right(home)


@pytest.mark.parametrize("case", cases(WARM))
async def test_warm_lock(home: Home, case: Case) -> None:
    """On a link that is kept it is the same."""
    await home.call("unlock")
    await until(lambda: not home.coordinator.learner.busy)
    cut(home, case)

    failed = await operate(home, "lock")

    assert bool(failed) == (case[0] < len(WARM))
    assert not failed or "not known whether" in failed
    await all_right(home)
    assert moved(home, Event.LOCK) == (home.lock.state.bolt is Bolt.LOCKED)
    assert not await operate(home, "lock")
    await all_right(home)


@pytest.mark.parametrize("case", cases(FETCH))
async def test_record_fetch(home: Home, case: Case) -> None:
    """The records of what was done at the door arrive all the same, each once."""
    shown: list[int | None] = []
    home.coordinator.history.async_on_access(lambda access: shown.append(access.record))
    home.lock.turn_knob(Operation.UNLOCK)
    await home.until_state("unlocked")
    home.lock.turn_knob(Operation.LOCK)
    await home.until_state("locked")
    cut(home, case)

    later(home, 11)

    counter = home.lock._role.counter
    await until(lambda: shown == [counter - 1, counter])
    await all_right(home)
    assert home.radio.traffic.connections == 2


@pytest.mark.parametrize("case", cases(REMOVAL))
async def test_removal(home: Home, case: Case) -> None:
    """A lock that its owner removes is nobody's in the end, there, at the RAS and here."""
    cut(home, case)
    await home.ras.person.post(f"/v1/devices/{DEVICE_ID}/remove", {"mode": "wipe"})
    await until(lambda: not home.radio.faults.cut_after)
    await until(lambda: not home.gateway.coordinators or not home.coordinator._carrier._turns)

    home.ras.clock.ahead = _ASK_AGAIN
    later(home, 31)

    await until(lambda: not home.entry.subentries)
    assert home.lock.show()["generation"] == 0
    await until(lambda: not home.lock._links)
    assert not home.radio.clients
    assert (await home.ras.person.get(f"/v1/devices/{DEVICE_ID}")).code == 2001
