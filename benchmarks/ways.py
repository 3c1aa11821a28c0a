"""How long an unlock takes, by each way that leads to a lock: median milliseconds.

A real Home Assistant behind an emulated Bluetooth proxy, and a RAS, in a private network where
there can be one. In each round every way unlocks a door that nobody is connected to (cold), and
then the same door again over the connection that was kept (warm). "Answered" is when who asked
has the answer (the page knows it; the event of the automation was taken), "shown" when Home
Assistant shows the door as unlocked. Needs Chromium.

    python -m benchmarks.ways [--rounds 10] [--hop-delay 0]
"""

import argparse
import asyncio
from collections import defaultdict
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
import json
from pathlib import Path
from statistics import median
import sys
import tempfile
import time
from typing import Any, Final

from demo import namespace
from demo.browser import Page, browser
from demo.check import until_alone
from demo.dashboard import PATH, add_dashboard
from demo.home import ACCOUNT, ACCOUNT_PASSWORD, Door, Home, home, let_speak, set_up
from demo.home_assistant import HomeAssistant
from demo.owner import Person
from demo.pictures import be_logged_in

TIMEOUT: Final = 30  # seconds
EVENT: Final = "unlock_asked"
AUTOMATION: Final = "unlock_when_asked"

# The last button of the lock with this entity: unlock.
_BUTTON: Final = """
(each) => each.localName === 'ha-control-button'
  && each.getRootNode().host.context?.entity_id === %s
"""

# Counts from the click until the page knows that the door is unlocked.
_STOPWATCH: Final = """
window.took = null;
addEventListener('pointerdown', () => {
  const began = performance.now();
  const look = () => {
    const state = document.querySelector('home-assistant').hass.states[%s].state;
    if (state === 'unlocked') window.took = performance.now() - began;
    else requestAnimationFrame(look);
  };
  look();
}, {capture: true, once: true});
"""

type Way = Callable[[Door], Awaitable[None]]


@dataclass(slots=True)
class Watch:
    """When Home Assistant showed each lock as unlocked, on the clock of this process."""

    seen: dict[str, float] = field(default_factory=dict)
    news: asyncio.Event = field(default_factory=asyncio.Event)

    async def until(self, door: Door) -> float:
        """Return when the door was unlocked."""
        async with asyncio.timeout(TIMEOUT):
            while door.entity_id not in self.seen:
                self.news.clear()
                await self.news.wait()
        return self.seen.pop(door.entity_id)


@asynccontextmanager
async def watching(hass: HomeAssistant, doors: list[Door]) -> AsyncIterator[Watch]:
    """Watch the doors inside the context."""
    watch = Watch()

    def look(event: Any) -> None:
        for entity_id, change in event.get("c", {}).items():
            if change.get("+", {}).get("s") == "unlocked":
                watch.seen[entity_id] = time.perf_counter()
                watch.news.set()

    entities = [door.entity_id for door in doors]
    async with asyncio.TaskGroup() as tasks:
        task: asyncio.Task[None] = tasks.create_task(
            hass.until("subscribe_entities", look, 24 * 3600, entity_ids=entities)
        )
        yield watch
        task.cancel()


@dataclass(slots=True)
class Ways:
    """The ways to a lock."""

    home: Home
    page: Page
    owner: Person
    clicked: float = 0

    async def prepare(self) -> None:
        """Open the dashboard, expose the locks to voice, write the automation, log in."""
        hass, doors = self.home.hass, self.home.doors
        await add_dashboard(hass, doors)
        await be_logged_in(self.page, hass)
        await self.page.show(f"{hass.url}/{PATH}/0", 1800, 1200, scale=1)
        await self.owner.log_in()
        await let_speak(self.home, doors, voice_unlock="without_pin")
        await hass.post(
            f"/api/config/automation/config/{AUTOMATION}",
            {
                "alias": "Unlock when asked",
                "triggers": [{"trigger": "event", "event_type": EVENT}],
                "actions": [
                    {
                        "action": "lock.unlock",
                        "target": {"entity_id": "{{ trigger.event.data.entity_id }}"},
                    }
                ],
            },
        )

    async def click(self, door: Door) -> None:
        """Click in the frontend, in Chromium."""
        entity = json.dumps(door.entity_id)
        place = await self.page.until_there(_BUTTON % entity, TIMEOUT)
        await self.page.evaluate(_STOPWATCH % entity)
        await self.page.click(*place)
        await self.page.until("window.took !== null", TIMEOUT)
        self.clicked = await self.page.evaluate("window.took")

    async def rest(self, door: Door) -> None:
        """Ask Home Assistant over REST."""
        await self.home.hass.act("lock.unlock", door.entity_id)

    async def sentence(self, door: Door) -> None:
        """Say it to Assist."""
        if (told := await self.home.hass.say(f"unlock the {door.name}")) != "action_done":
            raise RuntimeError(told)

    async def automation(self, door: Door) -> None:
        """Fire an event that an automation waits for."""
        await self.home.hass.post(f"/api/events/{EVENT}", {"entity_id": door.entity_id})

    async def remote(self, door: Door) -> None:
        """Ask the RAS, which asks the gateway."""
        body = {"cmd": "unlock", "expires": int(time.time()) + 20, "wait": 20}
        await self.owner.call("POST", f"devices/{door.device_id}/operate", body)


async def measure(ways: Ways, rounds: int) -> dict[tuple[str, str], list[tuple[float, float]]]:
    """Return the milliseconds until the answer, and until it was shown, by way and kind."""
    found = defaultdict(list)
    all_ways: dict[str, Way] = {
        "frontend click (Chromium)": ways.click,
        "REST": ways.rest,
        "Assist sentence": ways.sentence,
        "automation": ways.automation,
        "remote client, by the RAS": ways.remote,
    }
    doors = ways.home.doors
    async with watching(ways.home.hass, doors) as watch:
        for turn in range(rounds):
            for place, (name, way) in enumerate(all_ways.items()):
                door = doors[(turn + place) % len(doors)]
                await until_alone(ways.home, door)
                await asyncio.sleep(turn / rounds)  # its adverts began just now, all in step
                for kind in "cold", "warm":
                    watch.seen.clear()
                    began = time.perf_counter()
                    await way(door)
                    answered = time.perf_counter() - began
                    shown = await watch.until(door) - began
                    if name.startswith("frontend"):
                        answered = ways.clicked / 1000
                    found[name, kind].append((answered * 1000, shown * 1000))
                    await ways.home.hass.until_state(door.entity_id, {"unlocked"}, TIMEOUT)
                    await ways.home.hass.act("lock.lock", door.entity_id)
    return found


async def main(rounds: int, hop_delay: int) -> None:
    """Print the figures."""
    with tempfile.TemporaryDirectory() as folder:
        async with (
            home(Path(folder), hop_delay=hop_delay) as running,
            browser(running.session) as page,
        ):
            await set_up(running)
            ways = Ways(running, page, running.person(ACCOUNT, ACCOUNT_PASSWORD))
            await ways.prepare()
            found = await measure(ways, rounds)
    print(f"{'unlock by':28}{'cold: answered':>16}{'shown':>8}{'warm: answered':>18}{'shown':>8}")
    for name in dict.fromkeys(name for name, _ in found):
        columns = [
            median(tries)
            for kind in ("cold", "warm")
            for tries in zip(*found[name, kind], strict=True)
        ]
        print("{:28}{:13.0f} ms{:8.0f}{:15.0f} ms{:8.0f}".format(name, *columns))


if __name__ == "__main__":
    if not namespace.was_tried():
        namespace.main([sys.executable, "-m", "benchmarks.ways", *sys.argv[1:]])
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=10)
    parser.add_argument("--hop-delay", type=int, default=0)
    asyncio.run(main(**vars(parser.parse_args())))
