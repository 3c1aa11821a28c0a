"""The whole job once, and all that must be refused: script/demo --check."""

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
import time
from typing import Any, Final

from igrs_codec.bsld.keys import device_id_from_text
from igrs_codec.bsld.label import parse_setup_code, setup_code

from .errors import CheckError, DemoError, HassRefusedError, RasRefusedError, SetUpError
from .home import (
    ACCOUNT,
    ACCOUNT_PASSWORD,
    PASSWORD,
    USER,
    Door,
    Home,
    add_lock,
    add_proxy,
    add_server,
    discovered,
    let_speak,
    name_lock,
)
from .home_assistant import HomeAssistant
from .owner import Person

GUEST: Final = "berta@example.org"
GUEST_PASSWORD: Final = "battery horse staple correct"  # noqa: S105 - made up
PIN: Final = "2580"

BLUEPRINTS: Final = Path(__file__).resolve().parent.parent / "blueprints/automation/igrs"

LINGER_TIMEOUT: Final = 30  # seconds until a connection that nobody uses is ended
STATE_TIMEOUT: Final = 10  # seconds until a state that was not asked for is seen
CUTS: Final = 8  # steps from subscribing to the answer of an operation, and of the log after it
HTTP_UNAUTHORIZED: Final = 401

DEVICE_UNKNOWN: Final = 2001
TOKEN_INVALID: Final = 1007
NOT_PERMITTED: Final = 3001
EXPIRED: Final = 3003


@dataclass(slots=True, kw_only=True)
class Check:
    """A home under check, and who comes to its doors."""

    home: Home
    owner: Person
    guest: Person
    grant_id: str = ""

    @property
    def doors(self) -> list[Door]:
        """Return the doors of the home."""
        return self.home.doors[:-1]

    @property
    def door(self) -> Door:
        """Return the door that most checks use."""
        return self.home.doors[0]

    @property
    def spare(self) -> Door:
        """Return the door whose lock nobody manages to add."""
        return self.home.doors[-1]


def must(condition: object, message: str) -> None:
    """Raise CheckError unless the condition holds."""
    if not condition:
        raise CheckError(message)


async def refused(asked: Awaitable[object], *codes: int) -> None:
    """Raise CheckError unless the RAS refuses with one of these codes."""
    try:
        await asked
    except RasRefusedError as err:
        must(err.code in codes, f"refused with {err.code}, not {codes}")
    else:
        raise CheckError("was not refused")


# Setting up


async def log_in(check: Check) -> None:
    """Home Assistant has an owner."""
    await check.home.hass.log_in(USER, PASSWORD)


async def register(check: Check) -> None:
    """An account is opened, and added to Home Assistant."""
    await add_server(check.home)


async def proxy(check: Check) -> None:
    """The Bluetooth proxy is added, and every lock is discovered."""
    await add_proxy(check.home.hass)
    for door in check.home.doors:
        await discovered(check.home.hass, door)


async def window_closed(check: Check) -> None:
    """Refused: a lock at which nobody pressed the button."""
    await not_added(check, check.spare.setup_code, "window_closed")


async def misspelt(check: Check) -> None:
    """Refused: a setup code with a wrong letter."""
    code = check.spare.setup_code
    wrong = ("A" if code[0] != "A" else "B") + code[1:]
    await not_added(check, wrong, "wrong_setup_code")


async def wrong_key(check: Check) -> None:
    """Refused: the setup code of another lock, made to look right."""
    ours, other = check.spare, check.door
    device = device_id_from_text(ours.device_id)
    key = parse_setup_code(device_id_from_text(other.device_id), other.setup_code)
    await check.home.act(ours, "button")
    try:
        await add_lock(check.home, ours, setup_code(device, key))
    except SetUpError:
        seen = await check.home.act(ours)
        must(seen["generation"] == 0, "the lock has an owner")
    else:
        raise CheckError("the lock was added")


async def not_added(check: Check, code: str, error: str) -> None:
    """Raise CheckError unless the form refuses the code with this error."""
    flow = await discovered(check.home.hass, check.spare)
    answer = await check.home.hass.fill(flow, {"setup_code": code})
    must(answer["type"] == "form", "the lock was added")
    must(error in answer["errors"].values(), f"refused with {answer['errors']}")


async def add(check: Check) -> None:
    """Every lock is registered with its button and its setup code."""
    for door in check.doors:
        await add_lock(check.home, door, door.setup_code)
    for door in check.doors:
        await name_lock(check.home, door)


# Using it


async def operate(check: Check, door: Door, action: str, bolt: str) -> None:
    """Operate from Home Assistant, and see it at the door and in Home Assistant."""
    await check.home.hass.act(f"lock.{action}", door.entity_id)
    at_door = (await check.home.act(door))["bolt"]
    must(at_door == bolt, f"{door.name} is {at_door}")
    shown = await check.home.hass.state(door.entity_id)
    must(shown == bolt, f"{door.name} is shown as {shown}")


async def unlock_all(check: Check) -> None:
    """Every door is unlocked from Home Assistant."""
    for door in check.doors:
        await operate(check, door, "unlock", "unlocked")


async def lock_all(check: Check) -> None:
    """Every door is locked from Home Assistant."""
    for door in check.doors:
        await operate(check, door, "lock", "locked")


async def knob(check: Check) -> None:
    """A knob is turned, and Home Assistant sees it without connecting."""
    before = await until_alone(check.home, check.door)
    for bolt in "unlock", "lock":
        await check.home.act(check.door, "knob", bolt)
        await check.home.hass.until_state(check.door.entity_id, {f"{bolt}ed"}, STATE_TIMEOUT)
    after = await check.home.act(check.door)
    must(after["connections"] == before["connections"], "there was a connection")


async def links_break(check: Check) -> None:
    """Links break after each step; the state stays true, and the door works."""
    home, door = check.home, check.doors[1]
    for steps in range(1, CUTS + 1):
        await home.act(door, "cut", str(steps))
        with suppress(HassRefusedError):
            await home.hass.act(f"lock.{'lock' if steps % 2 else 'unlock'}", door.entity_id)
        bolt = (await home.act(door, "cut", "0"))["bolt"]
        await home.hass.until_state(door.entity_id, {bolt}, STATE_TIMEOUT)
    await operate(check, door, "lock", "locked")
    await operate(check, door, "unlock", "unlocked")


async def until_alone(home: Home, door: Door) -> dict[str, Any]:
    """Return what is to be seen at the door when nobody is connected any more."""
    async with asyncio.timeout(LINGER_TIMEOUT):
        while True:
            seen = await home.act(door)
            if seen["links"] == 0:
                return seen
            await asyncio.sleep(0.2)


async def spoken(check: Check) -> None:
    """Assist unlocks a door with the owner's PIN, and not without."""
    hass, door = check.home.hass, check.door
    await let_speak(check.home, [door], voice_unlock="with_pin", voice_pin=PIN)
    for text, kind, bolt in (
        (f"unlock the {door.name}", "error", "locked"),
        (f"unlock the {door.name} with PIN {PIN[::-1]}", None, "locked"),
        (f"unlock the {door.name} with PIN {PIN}", None, "unlocked"),
        (f"lock the {door.name}", "action_done", "locked"),
    ):
        told = await hass.say(text)
        must(kind in {None, told}, f"the answer is {told}")
        at_door = (await check.home.act(door))["bolt"]
        must(at_door == bolt, f"{door.name} is {at_door} after “{text}”")


async def actions(check: Check) -> None:
    """The actions tell what a lock can do and how its last operation went."""
    lock = check.door.entity_id
    info = await check.home.hass.answer("igrs.get_lock_info", lock)
    must(info[lock], "nothing is told of the lock")
    explained = await check.home.hass.answer("igrs.explain", lock)
    must(explained[lock], "nothing is told of the operation")


async def blueprints(check: Check) -> None:
    """Home Assistant takes every blueprint."""
    found = await check.home.hass.ask("blueprint/list", domain="automation")
    ours = [blueprint for path, blueprint in found.items() if path.startswith("igrs/")]
    must(len(ours) == len(list(BLUEPRINTS.glob("*.yaml"))), f"there are {len(ours)}")
    must(all("error" not in blueprint for blueprint in ours), "one has an error")


async def stranger(check: Check) -> None:
    """Refused: a second account does not know the locks."""
    await check.guest.register("Berta")
    await check.guest.log_in()
    await refused(check.guest.call("GET", f"devices/{check.door.device_id}"), DEVICE_UNKNOWN)
    await refused(remotely(check, "unlock"), DEVICE_UNKNOWN)


async def remotely(check: Check, command: str, *, seconds: int = 20) -> str:
    """Let the guest operate through RAS and gateway, and return the bolt of the answer."""
    body = {"cmd": command, "expires": int(time.time()) + seconds, "wait": 20}
    path = f"devices/{check.door.device_id}/operate"
    answer = await check.guest.call("POST", path, body)
    must("result" in answer, "there was no answer in time")
    must(answer["result"]["status"] == 0, f"the result is {answer['result']['code']}")
    bolt: str = answer["result"]["state"]["bolt"]
    return bolt


async def grant(check: Check) -> None:
    """The second account is given a grant, and operates through RAS and gateway."""
    await check.owner.log_in()
    now = int(time.time())
    body = {
        "subject": {"kind": "user", "user_id": check.guest.user_id},
        "rights": ["unlock", "lock"],
        "valid": {"from": now - 60, "until": now + 3600},
    }
    path = f"devices/{check.door.device_id}/grants"
    check.grant_id = (await check.owner.call("POST", path, body))["grant_id"]
    for command, bolt in ("unlock", "unlocked"), ("lock", "locked"):
        told = await remotely(check, command)
        must(told == bolt, f"the answer says {told}")
        at_door = (await check.home.act(check.door))["bolt"]
        must(at_door == bolt, f"the door is {at_door}")
    await check.home.hass.until_state(check.door.entity_id, {"locked"}, STATE_TIMEOUT)


async def no_token(check: Check) -> None:
    """Refused: nobody in particular, by Home Assistant and by the RAS."""
    nobody = HomeAssistant(check.home.session, check.home.hass.url)
    try:
        await nobody.act("lock.unlock", check.door.entity_id)
    except HassRefusedError as err:
        must(err.status == HTTP_UNAUTHORIZED, f"refused with HTTP {err.status}")
    else:
        raise CheckError("was not refused")
    person = check.home.person(GUEST, "")
    path = f"devices/{check.door.device_id}/operate"
    await refused(person.call("POST", path, {"cmd": "unlock"}), TOKEN_INVALID)


async def expired(check: Check) -> None:
    """Refused: a command whose time is over."""
    await refused(remotely(check, "unlock", seconds=-5), EXPIRED)


async def replayed(check: Check) -> None:
    """Refused: the packets of an unlock, recorded on the air and sent again."""
    await operate(check, check.door, "unlock", "unlocked")
    await operate(check, check.door, "lock", "locked")
    attack = await check.home.act(check.door, "replay")
    must(attack["written"], "nothing was recorded")
    at_door = (await check.home.act(check.door))["bolt"]
    must(at_door == "locked", f"the door is {at_door}")


async def revoked(check: Check) -> None:
    """Refused: a grant that was revoked."""
    await check.owner.call("DELETE", f"grants/{check.grant_id}")
    await refused(remotely(check, "unlock"), DEVICE_UNKNOWN, NOT_PERMITTED, EXPIRED)


async def offline(check: Check) -> None:
    """With the RAS away, Home Assistant unlocks and locks with its ticket."""
    async with check.home.without_server():
        await operate(check, check.door, "unlock", "unlocked")
        await operate(check, check.door, "lock", "locked")


def title(step: object) -> str:
    """Return the line of the table that stands for a check."""
    return (step.__doc__ or "").rstrip(".")


CHECKS: Final[tuple[Callable[[Check], Awaitable[None]], ...]] = (
    *(log_in, register, proxy, window_closed, misspelt, wrong_key, add, knob, unlock_all),
    *(
        links_break,
        lock_all,
        spoken,
        actions,
        blueprints,
        stranger,
        no_token,
        grant,
        expired,
        replayed,
        revoked,
        offline,
    ),
)


async def run_checks(home: Home, ready_after: float) -> bool:
    """Do everything, print a table, and return whether all of it held."""
    check = Check(
        home=home,
        owner=home.person(ACCOUNT, ACCOUNT_PASSWORD),
        guest=home.person(GUEST, GUEST_PASSWORD),
    )
    print(f"{'RAS, locks and Home Assistant answer':76} {ready_after:7.2f} s")
    held = True
    for step in CHECKS:
        started = time.monotonic()
        try:
            await step(check)
        except (DemoError, LookupError, TimeoutError) as err:
            result, held = f"FAILED: {type(err).__name__} {err}", False
        else:
            result = "ok"
        print(f"{title(step):76} {time.monotonic() - started:7.2f} s  {result}", flush=True)
    return held
