"""Everybody uses every door at once while everything fails now and then; then it has to be right.

Home Assistant, remote clients through the RAS, hands, codes and door leaves; links that drop,
lost notifications, adapters and the RAS that restart, batteries that are changed, a reload.
"""

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable
from contextlib import suppress
import gc
import random
import time
from typing import Final
from unittest.mock import NonCallableMock

import aiohttp
from aiohttp import web_app
from homeassistant.const import ATTR_ENTITY_ID
from homeassistant.core import Event, callback
from homeassistant.exceptions import HomeAssistantError

from custom_components.igrs.access import EVENTS
from igrs_codec.bsld.frame import Bolt, Event as LogEvent, Method, Operation, Record
from tests.integration.home import until
from tests.soak.house import Door, House
from tests.soak.report import Report, Size

LOSS: Final = 0.3
"""The part of the notifications that is lost."""
SETTLING: Final = 360.0
"""Seconds in which all has to be right after the last fault: a clock is set every 300 s at most."""

_SHOWN: Final = {Bolt.LOCKED: "locked", Bolt.UNLOCKED: "unlocked"}
_SERVICES: Final = {"lock": LogEvent.LOCK, "unlock": LogEvent.UNLOCK}
_TOLD: Final = frozenset(map(int, EVENTS))


class Soak:
    """One run; the same seed makes the same plan, though not the same races."""

    def __init__(self, house: House, *, seconds: float, seed: int = 1) -> None:
        """Plan a run."""
        self.report = Report(seconds=seconds)
        self._house = house
        self._random = random.Random(seed)  # noqa: S311 - no secret
        self._asked: Counter[tuple[str, LogEvent]] = Counter()
        self._answered: Counter[tuple[str, LogEvent]] = Counter()
        self._over = asyncio.Event()

    async def run(self) -> Report:
        """Use the house for a while, let it come to rest, and look."""
        house, seconds = self._house, self.report.seconds
        stop_listening = house.hass.bus.async_listen("igrs_access", self._told)
        for radio in house.radios:
            radio.faults.loss = LOSS
        people = [asyncio.create_task(self._use(door)) for door in house.doors]
        faults = [
            asyncio.create_task(self._every(pause, fault))
            for pause, fault in (
                (2.0, self._drop_a_link),
                (min(45.0, seconds / 4), self._restart_an_adapter),
                (min(60.0, seconds / 3), self._restart_the_ras),
                (75.0, self._change_a_battery),
                (min(150.0, seconds / 2), self._reload),
                (min(20.0, seconds / 5), self._configure),
            )
        ]
        watching = asyncio.create_task(self._watch())
        await self._measured(seconds)
        self._over.set()
        await asyncio.gather(*faults)
        for radio in house.radios:
            radio.faults.loss = 0
        await asyncio.gather(*people)
        for door in house.doors:  # a door leaf alone makes no connection: see coordinator
            away = door.lock.state.bolt is Bolt.UNLOCKED
            door.lock.turn_knob(Operation.LOCK if away else Operation.UNLOCK)
        await self._settle()
        watching.cancel()
        stop_listening()
        await self._judge()
        for radio in house.radios:
            radio.reset()
        self.report.late = Size.now()
        return self.report

    async def _measured(self, seconds: float) -> None:
        """Wait for the end, and measure this process on the way."""
        warm = min(120.0, seconds / 2)
        await asyncio.sleep(warm)
        self.report.early = Size.now()
        await asyncio.sleep(seconds - warm)

    # Who uses the doors

    async def _use(self, door: Door) -> None:
        """Do one thing after the other at a door."""
        ways: list[tuple[float, Callable[[Door], Awaitable[None]]]] = [
            (0.40, self._by_home_assistant),
            (0.10, self._by_two_at_once),
            (0.15, self._from_afar),
            (0.20, self._by_hand),
            (0.10, self._by_code),
            (0.05, self._by_door_leaf),
        ]
        end = time.monotonic() + self.report.seconds
        while time.monotonic() < end:
            (way,) = self._random.choices([way for _, way in ways], [part for part, _ in ways])
            try:
                await way(door)
            except Exception as err:  # noqa: BLE001 - whatever it is, it should not have come out
                self.report.wrong.append(f"{door.entity_id}: {way.__name__}: {err!r}")
            await asyncio.sleep(self._random.expovariate(1 / 6))

    async def _by_home_assistant(self, door: Door) -> None:
        service = self._random.choice(("lock", "unlock"))
        key = (door.device_id, _SERVICES[service])
        self._asked[key] += 1
        try:
            await self._house.hass.services.async_call(
                "lock", service, {ATTR_ENTITY_ID: door.entity_id}, blocking=True
            )
        except HomeAssistantError:
            self.report.failed["Home Assistant"] += 1
        else:
            self._answered[key] += self._house.shown(door) != ""
            self.report.done["Home Assistant"] += 1

    async def _by_two_at_once(self, door: Door) -> None:
        await asyncio.gather(self._by_home_assistant(door), self._by_home_assistant(door))

    async def _from_afar(self, door: Door) -> None:
        service = self._random.choice(("lock", "unlock"))
        self._asked[door.device_id, _SERVICES[service]] += 1
        body = {"cmd": service, "expires": int(time.time()) + 20, "wait": 20}
        try:
            answer = await self._house.home.ras.person.post(
                f"/v1/devices/{door.device_id}/operate", body
            )
        except aiohttp.ClientError, RuntimeError:  # it restarts, and its session is closed
            self.report.failed["remote clients"] += 1
            return
        done = answer.code == 0 and (answer.data.get("result") or {}).get("code") == 0
        self._answered[door.device_id, _SERVICES[service]] += done
        (self.report.done if done else self.report.failed)["remote clients"] += 1

    async def _by_hand(self, door: Door) -> None:
        door.lock.turn_knob(self._random.choice((Operation.LOCK, Operation.UNLOCK)))
        self.report.done["hand"] += 1

    async def _by_code(self, door: Door) -> None:
        took = door.lock.type_code(door.codes[0])
        (self.report.done if took else self.report.failed)["codes"] += 1

    async def _by_door_leaf(self, door: Door) -> None:
        door.lock.turn_knob(Operation.UNLOCK)
        door.lock.move_door(open=True)
        door.lock.move_door(open=False)
        self.report.done["door leaf"] += 1

    # What fails

    async def _every(self, pause: float, fault: Callable[[], Awaitable[bool]]) -> None:
        while not self._over.is_set():
            with suppress(TimeoutError):
                async with asyncio.timeout(pause * self._random.uniform(0.5, 1.5)):
                    await self._over.wait()
                    return
            if await fault():
                self.report.faults[fault.__name__.strip("_").replace("_", " ")] += 1

    async def _drop_a_link(self) -> bool:
        clients = [client for radio in self._house.radios for client in radio.clients]
        if clients:
            self._random.choice(clients).sever()
        return bool(clients)

    async def _restart_an_adapter(self) -> bool:
        radio = self._random.choice(self._house.radios)
        await radio.unplug()
        try:
            await asyncio.sleep(self._random.uniform(1, 5))
        finally:
            radio.plug_in()
        return True

    async def _restart_the_ras(self) -> bool:
        switch = self._house.home.switch
        await switch.stop()
        web_app._cached_build_middleware.cache_clear()  # it would keep the server that is gone
        try:
            await asyncio.sleep(self._random.uniform(0.5, 4))
        finally:
            await switch.start()
        return True

    async def _change_a_battery(self) -> bool:
        self._random.choice(self._house.doors).peripheral.power_cycle()
        return True

    async def _reload(self) -> bool:
        home = self._house.home
        await home.hass.config_entries.async_reload(home.entry.entry_id)
        return True

    async def _configure(self) -> bool:
        """Have the RAS tell a lock something: it has to arrive, and its answer too."""
        door = self._random.choice(self._house.doors)
        path = f"/v1/devices/{door.device_id}"
        seconds = self._random.randrange(3000, 3600)
        person = self._house.home.ras.person
        try:
            revision = (await person.get(path)).data["rev"]
            body = {"rev": revision, "auto_relock_s": seconds}
            return (await person.request("PUT", f"{path}/config", body)).code == 0
        except aiohttp.ClientError, RuntimeError, KeyError:
            return False

    # What is looked at

    @callback
    def _told(self, event: Event) -> None:
        for door in self._house.doors:
            if event.data["name"] == f"Door {door.number}" and "record" in event.data:
                door.told.append(event.data["record"])

    async def _watch(self) -> None:
        """See for how long a state that is shown is not the true one, and forget the traffic."""
        since: dict[str, float] = {}
        # The harness's own parts remember every call, and all that was saved with it.
        mocks = [each for each in gc.get_objects() if isinstance(each, NonCallableMock)]
        while True:
            await asyncio.sleep(0.25)
            now = time.monotonic()
            for door in self._house.doors:
                state = door.lock.state
                wrong = {"locked", "unlocked"} - {_SHOWN.get(state.bolt)}
                if self._house.shown(door) not in wrong:
                    since.pop(door.entity_id, None)
                elif state.clock_unset:  # then its adverts prove nothing: the last proof counts
                    self.report.clockless = max(
                        self.report.clockless, now - since.setdefault(door.entity_id, now)
                    )
                else:
                    self.report.behind = max(
                        self.report.behind, now - since.setdefault(door.entity_id, now)
                    )
            for radio in self._house.radios:
                radio.reset()
            for mock in mocks:
                mock.reset_mock()

    async def _settle(self) -> None:
        """Wait until everything is as it should be, with nobody's help."""
        began = time.monotonic()
        try:
            await until(lambda: not any(map(self._amiss, self._house.doors)), SETTLING)
            await until(lambda: not any(radio.clients for radio in self._house.radios), 30)
        except TimeoutError:
            pass  # _judge says what is wrong
        self.report.settled = time.monotonic() - began

    def _amiss(self, door: Door) -> str:
        """Return what is not right at a door, nothing if all is."""
        lock, shown = door.lock, self._house.shown(door)
        coordinator = self._house.coordinator(door)
        if coordinator is None:
            return "not loaded"
        memory, counter = coordinator.memory, lock._role.counter
        checks = {
            f"shows {shown}, is {lock.state.bolt.name}": shown == _SHOWN.get(lock.state.bolt),
            "has no clock": not lock.state.clock_unset,
            f"record {counter} not read, but {memory.last_record}": memory.last_record == counter,
            f"next record {memory.next_record} of {counter}": memory.next_record == counter + 1,
            "answers not told": not memory.answers,
            "records not told": not memory.unsent,
            "frames not delivered": not coordinator._carrier.pending,
            "something under way": not coordinator._work._tasks and not coordinator._asked,
        }
        return "; ".join(what for what, right in checks.items() if not right)

    async def _judge(self) -> None:
        """Compare each lock with Home Assistant and the RAS, and look for what was left."""
        house, wrong = self._house, self.report.wrong
        for door in house.doors:
            if amiss := self._amiss(door):
                wrong.append(f"{door.entity_id}: {amiss}")
            truth = list(door.lock._role._log._records)
            stored = await self._stored(door)
            if stored != [_content(record) for record in truth]:
                wrong.append(f"{door.entity_id}: {len(truth)} records, the RAS has {len(stored)}")
            expected = [record.number for record in truth if int(record.event) in _TOLD]
            told = [number for number in expected if number >= (door.told or [0])[0]]
            if door.told != told:
                wrong.append(f"{door.entity_id}: told {_odd(door.told, told)}")
            for event in _SERVICES.values():
                moved = sum(_is_from_gateway(record, event) for record in truth)
                asked, answered = (
                    it[door.device_id, event] for it in (self._asked, self._answered)
                )
                if not answered <= moved <= asked:
                    wrong.append(f"{door.entity_id}: {event.name} {asked}/{moved}/{answered}")
            if door.lock._links:
                wrong.append(f"{door.entity_id}: links {door.lock._links}")
            self.report.records += len(truth)
        wrong += [
            f"{radio.source}: {len(radio.clients)} links" for radio in house.radios if radio.clients
        ]

    async def _stored(self, door: Door) -> list[tuple[int, ...]]:
        """Return what the RAS has of a lock's log."""
        found: list[tuple[int, ...]] = []
        after: int | None = 0
        while after is not None:
            path = f"/v1/devices/{door.device_id}/log?limit=200&after={after}"
            data = (await self._house.home.ras.person.get(path)).data
            found += [
                (it["record"], it["uid"], it["method"], it["event"], it["detail"], it["time"])
                for it in data["items"]
            ]
            after = data["next"]
        return found


def _content(record: Record) -> tuple[int, ...]:
    return (
        record.number,
        record.uid,
        record.method,
        record.event,
        record.detail,
        record.time,
    )


def _is_from_gateway(record: Record, event: LogEvent) -> bool:
    return record.event is event and record.method is Method.GATEWAY


def _odd(told: list[int], expected: list[int]) -> str:
    missing = sorted(set(expected) - set(told))
    twice = [number for number, times in Counter(told).items() if times > 1]
    return f"missing {missing}, twice {twice}, in order {told == sorted(told)}"
