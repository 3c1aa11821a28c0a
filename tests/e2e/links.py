"""The home whose links are cut: python -m tests.e2e.links FOLDER.

It prints one line of JSON for each cut: the undertaking, the number of the step, what was wrong.
"""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
import json
from pathlib import Path
import sys
import time
from typing import Any, Final

from demo.check import must, refused, until_alone
from demo.errors import DemoError, HassRefusedError
from demo.home import (
    ACCOUNT,
    ACCOUNT_PASSWORD,
    PASSWORD,
    USER,
    Door,
    Home,
    add_lock,
    add_proxy,
    add_server,
    added_locks,
    discovered,
    home,
    name_lock,
)
from demo.owner import Person

HOP_DELAY: Final = 5  # milliseconds

_LINK: Final = ("subscribe", "tell HELLO")
_FLIGHT: Final = ("take AUTH", "tell AUTH", "take SESS", "tell SESS")
_REQUEST: Final = ("take SESS", "tell SESS")

STEPS: Final[Mapping[str, tuple[str, ...]]] = {
    "registration": (
        *_LINK,
        *("take ADMIN", "tell ADMIN", "take PROV", "take PROV", "tell PROV", "tell PROV"),
        *("take ADMIN", "tell ADMIN", "take ADMIN", "tell ADMIN", "tell HELLO"),
    ),
    "cold unlock": (*_LINK, *_FLIGHT),
    "fetch": (*_LINK, *_FLIGHT, *_REQUEST),
    "warm lock": _REQUEST,
    "removal": (*_LINK, "take ADMIN", "tell ADMIN", "tell HELLO"),
}
"""What a lock sees of each undertaking: what it takes from a client, and what it tells it."""

COMMITTED: Final = 12  # steps of a registration after which nothing is missing

DEVICE_UNKNOWN: Final = 2001
STATE_TIMEOUT: Final = 10  # seconds until a state is seen
MINUTE: Final = 61  # seconds until the RAS sets the clock of a lock again
LONGEST: Final = 200  # seconds for all of it; 80 are usual
REMOVAL_TIMEOUT: Final = 130  # seconds: the RAS asks again after a minute


@dataclass(slots=True, kw_only=True)
class House:
    """A home, its owner, and how many are busy there at a time: some, that nobody is slow."""

    home: Home
    owner: Person
    entry: str
    places: asyncio.Semaphore = field(default_factory=lambda: asyncio.Semaphore(4))


async def add(house: House, door: Door) -> None:
    """Add a lock while no link breaks."""
    async with house.places:
        await add_lock(house.home, door, door.setup_code)
        await name_lock(house.home, door)


async def cut(house: House, door: Door, steps: int) -> dict[str, Any]:
    """Let the link break after so many steps; 0 tells how many were left."""
    return await house.home.act(door, "cut", str(steps))


async def registration(house: House, door: Door, steps: int) -> None:
    """The card is still there, and its form adds the lock a minute later at the latest."""
    home = house.home
    await discovered(home.hass, door)
    await home.act(door, "button")
    await cut(house, door, steps)
    answer = await submit(house, door)
    failed_at = time.monotonic()
    must((await cut(house, door, 0))["steps_left"] == 0, "the link was not cut")
    added = answer.get("reason") == "lock_added"
    must(added == (steps >= COMMITTED), f"the form said {answer.get('errors')}")
    if not added:
        must(answer["errors"] == {"base": "no_answer"}, f"the form said {answer['errors']}")
        answer = await submit(house, door)
    if answer.get("reason") != "lock_added":
        must(answer["errors"] == {"base": "too_many_tries"}, f"again, it said {answer['errors']}")
        await asyncio.sleep(failed_at + MINUTE - time.monotonic())
        answer = await submit(house, door)
    must(answer.get("reason") == "lock_added", f"at last, it said {answer.get('errors')}")
    async with house.places:
        await name_lock(home, door)
        await works(house, door)


async def submit(house: House, door: Door) -> Any:
    """Fill the form of the lock that is offered, once the button has been heard."""
    hass = house.home.hass
    flow = await discovered(hass, door)
    while True:
        async with house.places:
            answer = await hass.fill(flow, {"setup_code": door.setup_code})
        if answer.get("errors") != {"base": "window_closed"}:
            return answer
        await asyncio.sleep(0.2)


async def operated(house: House, door: Door, action: str, steps: int, *, last: bool) -> None:
    """Operate while the link breaks: it is done, or fails in words, and is never done twice."""
    home = house.home
    before = await cut(house, door, steps)
    failed = False
    try:
        await home.hass.act(f"lock.{action}", door.entity_id)
    except HassRefusedError:
        failed = True
    after = await cut(house, door, 0)
    must(after["steps_left"] == 0, "the link was not cut")
    must(not (last and failed), "it failed after its answer")
    must(failed or after["bolt"] == f"{action}ed", f"it is {after['bolt']}")
    await home.hass.until_state(door.entity_id, {after["bolt"]}, STATE_TIMEOUT)
    moved = after["events"] - before["events"]
    must(moved == (after["bolt"] != before["bolt"]), f"{moved} records were written")
    await works(house, door)


async def works(house: House, door: Door) -> None:
    """Ask for the other state and back, as a person would; each is done once, and shown."""
    for action in "unlock", "lock", "unlock":
        before = await house.home.act(door)
        await house.home.hass.act(f"lock.{action}", door.entity_id)
        after = await house.home.act(door)
        must(after["bolt"] == f"{action}ed", f"asked again to {action}, it is {after['bolt']}")
        must(after["events"] - before["events"] == 1, "asked once, it was not done once")
        await house.home.hass.until_state(door.entity_id, {after["bolt"]}, STATE_TIMEOUT)


async def cold_unlock(house: House, door: Door, steps: int) -> None:
    """Unlock over a new link that breaks."""
    await until_alone(house.home, door)
    async with house.places:
        last = steps == len(STEPS["cold unlock"])
        await operated(house, door, "unlock", steps, last=last)


async def warm_lock(house: House, door: Door, steps: int) -> None:
    """Lock over a link that is kept, and breaks."""
    async with house.places:
        await house.home.hass.act("lock.unlock", door.entity_id)
        await records(house, door)
        await operated(house, door, "lock", steps, last=steps == len(STEPS["warm lock"]))


async def records(house: House, door: Door) -> list[dict[str, Any]]:
    """Return what Home Assistant reads from the log of a lock."""
    told = await house.home.hass.answer("igrs.get_records", door.entity_id)
    found: list[dict[str, Any]] = told[door.entity_id]["records"]
    return found


async def fetch(house: House, door: Door, steps: int) -> None:
    """Read the log over a link that breaks; asked again, every record is told once."""
    await until_alone(house.home, door)
    async with house.places:
        await cut(house, door, steps)
        with suppress(HassRefusedError):
            await records(house, door)
        after = await cut(house, door, 0)
        must(after["steps_left"] == 0, "the link was not cut")
        numbers = [record["record"] for record in await records(house, door)]
    first = max(1, after["events"] - len(numbers) + 1)
    must(numbers == list(range(first, after["events"] + 1)), f"the records are {numbers}")
    await house.home.hass.until_state(door.entity_id, {after["bolt"]}, STATE_TIMEOUT)


async def removal(house: House, door: Door, steps: int) -> None:
    """The owner removes the lock, once; it is nobody's, everywhere, and offered again."""
    async with house.places:
        await records(house, door)  # nothing else is left to be done
    await cut(house, door, steps)
    await house.owner.call("POST", f"devices/{door.device_id}/remove", {"mode": "wipe"})
    async with asyncio.timeout(REMOVAL_TIMEOUT):
        while True:
            if door.device_id not in await added_locks(house.home.hass, house.entry):
                break
            await asyncio.sleep(0.5)
    after = await cut(house, door, 0)
    must(after["steps_left"] == 0, "the link was not cut")
    must(after["generation"] == 0, "the lock has an owner")
    await refused(house.owner.call("GET", f"devices/{door.device_id}"), DEVICE_UNKNOWN)
    await discovered(house.home.hass, door)


UNDERTAKINGS: Final[Mapping[str, Callable[[House, Door, int], Awaitable[None]]]] = {
    "registration": registration,
    "cold unlock": cold_unlock,
    "fetch": fetch,
    "warm lock": warm_lock,
    "removal": removal,
}


async def tell(house: House, door: Door, name: str, step: int) -> None:
    """Do one undertaking with one cut, and print how it went."""
    began, wrong = time.monotonic(), ""
    try:
        await UNDERTAKINGS[name](house, door, step)
    except (DemoError, LookupError, TimeoutError) as err:
        wrong = f"{type(err).__name__} {err}"
    seconds = round(time.monotonic() - began, 2)
    told = {"undertaking": name, "step": step, "wrong": wrong, "seconds": seconds}
    sys.stdout.write(json.dumps(told) + "\n")
    sys.stdout.flush()


async def use(house: House, door: Door, step: int) -> None:
    """Let the links of one lock break at one step of everything that is done with it in use."""
    await add(house, door)
    await house.home.hass.act("lock.lock", door.entity_id)
    for name in "cold unlock", "fetch", "warm lock":
        if step <= len(STEPS[name]):
            await tell(house, door, name, step)


async def remove(house: House, door: Door, step: int) -> None:
    """Let the link of one lock break while it is removed."""
    await add(house, door)
    await tell(house, door, "removal", step)


async def run(folder: Path) -> None:
    """Cut every link, each at a lock of its own, because a minute is long."""
    used, removed = (
        max(len(STEPS[name]) for name in ("cold unlock", "fetch")),
        len(STEPS["removal"]),
    )
    new = len(STEPS["registration"])
    locks = used + removed + new
    async with home(folder, locks=locks, slots=locks, hop_delay=HOP_DELAY) as running:
        await running.hass.log_in(USER, PASSWORD)
        entry = await add_server(running)
        await add_proxy(running.hass)
        owner = running.person(ACCOUNT, ACCOUNT_PASSWORD)
        await owner.log_in()
        house = House(home=running, owner=owner, entry=entry)
        doors = iter(running.doors)
        async with asyncio.timeout(LONGEST), asyncio.TaskGroup() as group:
            for step in range(1, new + 1):
                group.create_task(tell(house, next(doors), "registration", step))
            for step in range(1, removed + 1):
                group.create_task(remove(house, next(doors), step))
            for step in range(1, used + 1):
                group.create_task(use(house, next(doors), step))


if __name__ == "__main__":
    asyncio.run(run(Path(sys.argv[1])))
