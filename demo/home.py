"""The home: its programs, and how a person sets them up, by the interfaces that a person has."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager, suppress
from dataclasses import dataclass, field
import json
from pathlib import Path
import shutil
from typing import Any, Final

import aiohttp

from reference_devices.door import ask

from .errors import ProcessError, RasRefusedError, SetUpError
from .home_assistant import HomeAssistant, home_assistant, prepare
from .owner import Person
from .processes import Program, require_free_port, run, running

ROOT: Final = Path(__file__).resolve().parent.parent
PROGRAMS: Final = ROOT / ".venv/bin"
STATE: Final = ROOT / ".demo"

RAS_PORT: Final = 8470
PROXY_PORT: Final = 16053
HASS_PORT: Final = 18123
RAS_URL: Final = f"http://127.0.0.1:{RAS_PORT}"

LOCKS: Final = 3
SLOTS: Final = 3  # as a proxy of hardware has them
USER: Final = "demo"
PASSWORD: Final = "demo"  # noqa: S105 - the demo prints it
ACCOUNT: Final = "anna@example.org"
ACCOUNT_PASSWORD: Final = "correct horse battery staple"  # noqa: S105 - the demo prints it

DISCOVERY_TIMEOUT: Final = 30  # seconds until a lock that is heard is offered
ENTITY_TIMEOUT: Final = 90  # seconds until a lock shows its state; clocks are set once a minute


@dataclass(slots=True, kw_only=True)
class Door:
    """A lock as it leaves the shop, and the entity that it becomes."""

    device_id: str
    name: str
    setup_code: str = field(repr=False)
    entity_id: str = ""


@dataclass(slots=True, kw_only=True)
class Home:
    """A running home."""

    folder: Path
    session: aiohttp.ClientSession
    hass: HomeAssistant
    doors: list[Door]
    ras: AsyncExitStack

    def person(self, account: str, password: str) -> Person:
        """Return somebody who may have an account."""
        return Person(
            session=self.session,
            url=RAS_URL,
            mailbox=self.folder / "ras/codes.jsonl",
            account=account,
            password=password,
        )

    async def act(self, door: Door, *action: str) -> dict[str, Any]:
        """Do something at a door, as a person there, or just look; return what is to be seen."""
        request = {"device": door.device_id, "action": action}
        answer = await ask(self.folder / "locks", request)
        (state,) = answer.pop("locks")
        return {**state, **answer}

    @asynccontextmanager
    async def without_server(self) -> AsyncIterator[None]:
        """Stop the RAS inside the context."""
        await self.ras.aclose()
        try:
            yield
        finally:
            await self.ras.enter_async_context(server(self.folder))


def forget(folder: Path) -> None:
    """Remove what a demo has left, and nothing else."""
    if folder.exists() and any(folder.iterdir()):
        if not (folder / "hass/configuration.yaml").exists():
            raise ProcessError(f"{folder} is not the folder of a demo; it is left alone.")
        shutil.rmtree(folder)


@asynccontextmanager
async def server(folder: Path) -> AsyncIterator[None]:
    """Run the RAS inside the context; make it first if there is none."""
    state = folder / "ras"
    if not state.exists():
        await run(
            *(PROGRAMS / "ras", "init", "--folder", state, "--port", str(RAS_PORT)),
            *("--delivery", f"file:{state / 'codes.jsonl'}"),
        )
    async with running(PROGRAMS / "ras", "serve", "--folder", state, log=folder / "ras.log") as ras:
        await ras.ready()
        yield


def bluetooth(
    folder: Path, locks: int, hop_delay: int, slots: int
) -> AbstractAsyncContextManager[Program]:
    """Run locks and the proxy before them inside the context."""
    return running(
        *(PROGRAMS / "bsld", "home", "--folder", folder / "locks", "--locks", str(locks)),
        *("--port", str(PROXY_PORT), "--hop-delay", str(hop_delay), "--slots", str(slots)),
        log=folder / "locks.log",
    )


@asynccontextmanager
async def home(
    folder: Path,
    *,
    locks: int = LOCKS,
    slots: int = SLOTS,
    hop_delay: int = 0,
    version: str | None = None,
) -> AsyncIterator[Home]:
    """Run the RAS, so many locks, and Home Assistant inside the context.

    `slots` is how many connections the Bluetooth proxy can hold; `hop_delay` the time in
    milliseconds that a packet spends on the air; `version` that of Home Assistant, if it is not
    the usual one.
    """
    for port in RAS_PORT, PROXY_PORT, HASS_PORT:
        require_free_port(port)
    prepare(folder / "hass", HASS_PORT)
    async with (
        aiohttp.ClientSession(cookie_jar=aiohttp.DummyCookieJar()) as session,
        AsyncExitStack() as ras,
        bluetooth(folder, locks, hop_delay, slots) as bsld,
        home_assistant(folder / "hass", folder / "hass.log", version),
    ):
        hass = HomeAssistant(session, f"http://127.0.0.1:{HASS_PORT}")
        await ras.enter_async_context(server(folder))
        await bsld.ready()
        await hass.ready()
        labels = json.loads((folder / "locks/labels.json").read_text())
        doors = [
            Door(device_id=label["device_id"], name=label["name"], setup_code=label["setup_code"])
            for label in labels
        ]
        yield Home(folder=folder, session=session, hass=hass, doors=doors, ras=ras)


async def add_server(home: Home) -> str:
    """Open an account, add it to Home Assistant, unless it is there, and return the entry."""
    if entry := await entry_of(home.hass, "igrs"):
        return entry
    owner = home.person(ACCOUNT, ACCOUNT_PASSWORD)
    with suppress(RasRefusedError):  # registered before
        await owner.register("Anna")
    account = {"account": owner.account, "password": owner.password}
    form = await home.hass.flow("igrs", {"url": owner.url}, account)
    code = {"method": "email", "code": owner.newest_code()}
    created = await home.hass.fill(form["flow_id"], code)
    entry_id: str = created["result"]["entry_id"]
    return entry_id


async def add_proxy(hass: HomeAssistant) -> None:
    """Add the Bluetooth proxy to Home Assistant, unless it is there."""
    if not await entry_of(hass, "esphome"):
        await hass.flow("esphome", {"host": "127.0.0.1", "port": PROXY_PORT})


async def entry_of(hass: HomeAssistant, domain: str) -> str | None:
    """Return the entry of an integration, or None."""
    entries = await hass.get(f"/api/config/config_entries/entry?domain={domain}")
    return next((str(entry["entry_id"]) for entry in entries), None)


async def added_locks(hass: HomeAssistant, entry: str) -> set[str]:
    """Return the device identifiers of the locks that Home Assistant has."""
    listed = await hass.ask("config_entries/subentries/list", entry_id=entry)
    return {str(subentry["unique_id"]) for subentry in listed}


async def discovered(hass: HomeAssistant, door: Door) -> str:
    """Return the flow in which Home Assistant offers a lock, as soon as it does."""

    def look(flows: list[dict[str, Any]]) -> str | None:
        for change in flows:
            flow = change.get("flow")
            if flow and flow["context"].get("unique_id") == door.device_id:
                return str(change["flow_id"])
        return None

    return await hass.until("config_entries/flow/subscribe", look, DISCOVERY_TIMEOUT)


async def add_lock(home: Home, door: Door, setup_code: str) -> None:
    """Press the button at the door, and fill the form of the lock that was discovered.

    Raises SetUpError with the reason of the form, if it is not that the button was not heard.
    """
    flow = await discovered(home.hass, door)
    await home.act(door, "button")
    async with asyncio.timeout(DISCOVERY_TIMEOUT):
        while True:
            answer = await home.hass.fill(flow, {"setup_code": setup_code})
            if answer.get("reason") == "lock_added":
                return
            if answer.get("errors") != {"base": "window_closed"}:
                raise SetUpError(f"{door.name}: {answer.get('errors') or answer.get('reason')}")
            await asyncio.sleep(0.2)  # Home Assistant has not heard the button yet


async def name_lock(home: Home, door: Door) -> None:
    """Find the entity of a lock, wait for its state, and name it after its door."""
    async with asyncio.timeout(ENTITY_TIMEOUT):
        while not door.entity_id:
            for entity in await home.hass.ask("config/entity_registry/list"):
                if (
                    entity["entity_id"].startswith("lock.")
                    and door.device_id in entity["unique_id"]
                ):
                    door.entity_id = entity["entity_id"]
                    device = entity["device_id"]
                    break
            else:
                await asyncio.sleep(0.1)
    await home.hass.ask("config/device_registry/update", device_id=device, name_by_user=door.name)
    await home.hass.until_state(door.entity_id, {"locked", "unlocked"}, ENTITY_TIMEOUT)


async def set_up(home: Home) -> None:
    """Do what a new owner does; what was done before is left as it is."""
    await home.hass.log_in(USER, PASSWORD)
    entry = await add_server(home)
    await add_proxy(home.hass)
    have = await added_locks(home.hass, entry)
    for door in home.doors:
        if door.device_id not in have:
            await add_lock(home, door, door.setup_code)
        await name_lock(home, door)


async def let_speak(home: Home, doors: list[Door], **choice: str) -> None:
    """Expose doors to Assist, and choose what a voice may do."""
    await home.hass.ask(
        "homeassistant/expose_entity",
        assistants=["conversation"],
        entity_ids=[door.entity_id for door in doors],
        should_expose=True,
    )
    options = "/api/config/config_entries/options/flow"
    form = await home.hass.post(options, {"handler": await entry_of(home.hass, "igrs")})
    await home.hass.post(f"{options}/{form['flow_id']}", choice)
