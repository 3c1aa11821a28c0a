"""Records on their way to the RAS: each once and in order, whatever comes in between."""

import asyncio
from collections.abc import Iterable
from typing import Any

from homeassistant.helpers import device_registry as dr
import pytest

from custom_components.igrs.answers import LogReceipt
from custom_components.igrs.ras_errors import RasUnreachableError
from igrs_codec.bsld.frame import Operation
from tests.integration.home import DEVICE_ID, Home, until


class Uploads:
    """What is handed to the RAS; the first upload can be held back."""

    def __init__(self, home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
        """Look on at the gateway of the home."""
        self.numbers: list[int] = []
        self.begun, self.may_end = asyncio.Event(), asyncio.Event()
        self.may_end.set()
        self._upload = home.gateway.ras.upload_log
        monkeypatch.setattr(home.gateway.ras, "upload_log", self._look_on)

    async def _look_on(self, device_id: str, records: Iterable[Any]) -> LogReceipt:
        held = list(records)
        self.begun.set()
        await self.may_end.wait()
        receipt = await self._upload(device_id, held)
        self.numbers += [record["record"] for record in held]
        return receipt


async def at_ras(home: Home) -> list[int]:
    """Return the numbers of the records that the RAS has."""
    answer = await home.ras.person.get(f"/v1/devices/{DEVICE_ID}/log?limit=200")
    return [item["record"] for item in answer.data["items"]]


async def test_two_read_at_once(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    """What two want to know at the same time is read and handed over once."""
    uploads = Uploads(home, monkeypatch)
    home.lock.turn_knob(Operation.UNLOCK)
    counter = home.lock._role.counter
    learner = home.coordinator.learner

    await asyncio.gather(learner.async_learn(), learner.async_learn(), learner.async_tell())

    assert uploads.numbers == [counter]


async def test_records_while_uploading(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    """A record that is read while others are on their way goes with the next upload."""
    uploads = Uploads(home, monkeypatch)
    uploads.may_end.clear()
    history = home.coordinator.history
    home.lock.turn_knob(Operation.UNLOCK)
    learning = asyncio.ensure_future(home.coordinator.learner.async_learn())
    await uploads.begun.wait()
    home.lock.turn_knob(Operation.LOCK)
    counter = home.lock._role.counter
    (newest,) = await home.coordinator._carrier.async_learn(counter)
    history.take([newest])
    telling = asyncio.ensure_future(history.async_tell())

    uploads.may_end.set()
    await asyncio.gather(learning, telling)

    assert uploads.numbers == [counter - 1, counter]
    assert not home.coordinator.memory.unsent


async def test_upload_fails(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    """Records whose upload failed wait, and none is lost or sent in another order."""

    async def fail(*_: object) -> LogReceipt:
        raise RasUnreachableError

    with monkeypatch.context() as broken:
        broken.setattr(home.gateway.ras, "upload_log", fail)
        for operation in (Operation.UNLOCK, Operation.LOCK):
            home.lock.turn_knob(operation)
            await home.coordinator.learner.async_learn()
    uploads = Uploads(home, monkeypatch)
    home.lock.turn_knob(Operation.UNLOCK)

    await home.coordinator.learner.async_learn()

    counter = home.lock._role.counter
    assert uploads.numbers == [counter - 2, counter - 1, counter]


async def test_restart_with_unsent_records(home: Home) -> None:
    """What the RAS has not got when Home Assistant stops reaches it after the next start."""
    await home.switch.stop()
    await home.until_state("off", "binary_sensor.home_connectivity")
    await home.call("unlock")
    home.lock.tamper()
    await home.coordinator.learner.async_learn()
    counter = home.lock._role.counter
    assert [record.number for record in home.coordinator.memory.unsent][-2:] == [
        counter - 1,
        counter,
    ]
    await home.hass.config_entries.async_unload(home.entry.entry_id)
    home.lock.turn_knob(Operation.LOCK)

    await home.hass.config_entries.async_setup(home.entry.entry_id)
    assert len(home.coordinator.memory.unsent) >= 2
    await home.switch.start()

    await until(lambda: home.coordinator.memory.next_record == counter + 2, 10)
    assert await at_ras(home) == list(range(1, counter + 2))
    assert not home.coordinator.memory.unsent


async def test_record_that_was_not_shown(home: Home) -> None:
    """A record that reached the RAS but was not shown before a crash is read again."""
    shown: list[int] = []
    home.lock.turn_knob(Operation.UNLOCK)
    await home.coordinator.learner.async_learn()
    memory = home.coordinator.memory
    memory.last_record = home.lock._role.counter - 1
    home.coordinator.history.async_on_access(lambda access: shown.append(access.record or 0))

    await home.coordinator.learner.async_learn()

    assert shown == [home.lock._role.counter]
    assert not memory.unsent


async def test_news_that_was_missed(home: Home, hass_storage: dict[str, Any]) -> None:
    """Where the RAS cannot tell all that happened, a lock that it lost is let go."""
    await home.hass.config_entries.async_unload(home.entry.entry_id)
    answer = await home.ras.person.post(f"/v1/devices/{DEVICE_ID}/remove", {"mode": "forget"})
    assert answer.code == 0
    hass_storage[f"igrs.{home.entry.entry_id}"]["data"]["push_after"] = 10**6

    await home.hass.config_entries.async_setup(home.entry.entry_id)

    await until(lambda: not home.entry.subentries)


async def test_news_that_was_missed_about_nothing(home: Home) -> None:
    """A lock that the RAS still knows stays, also when it answers only at the second attempt."""
    home.gateway._push._after = 10**6
    device = home.gateway.ras.device
    fails = [True]

    async def device_later(device_id: str) -> Any:
        if fails:
            fails.pop()
            raise RasUnreachableError
        return await device(device_id)

    home.gateway.ras.device = device_later  # type: ignore[method-assign] # one failure
    for _ in range(2):
        await home.switch.stop()
        await home.until_state("off", "binary_sensor.home_connectivity")
        await home.switch.start()
        await home.until_state("on", "binary_sensor.home_connectivity", 10)
    await until(lambda: not home.gateway._missed_news)

    assert home.entry.subentries


async def test_new_firmware(home: Home, device_registry: dr.DeviceRegistry) -> None:
    """What a lock says of itself after an update is what its device shows."""
    memory = home.coordinator.memory
    assert memory.version is not None
    memory.version = memory.version._replace(minor=9, hardware=3, model=0x1234)

    home.coordinator.version_known()

    device = device_registry.async_get_device_by_identifier(
        ("igrs", DEVICE_ID), home.entry.entry_id
    )
    assert device is not None
    assert (device.hw_version, device.model_id) == ("3", "1234")
    assert device.sw_version == memory.version.firmware


async def test_link_breaks_while_the_log_is_read(home: Home) -> None:
    """What was read before the link broke is kept, and the rest is read at once."""
    shown: list[int | None] = []
    home.coordinator.history.async_on_access(lambda access: shown.append(access.record))
    first = home.lock._role.counter + 1
    for operation in (Operation.UNLOCK, Operation.LOCK) * 3:
        home.lock.turn_knob(operation)
    await until(lambda: home.coordinator.learner.is_behind)
    home.radio.faults.cut_after = 13  # after three of six records

    home.coordinator.learner.async_soon()

    await until(lambda: shown == list(range(first, first + 6)))
    assert home.radio.traffic.connections == 2
    await until(lambda: not home.coordinator.memory.unsent)
    assert await at_ras(home) == list(range(1, first + 6))


async def test_records_that_are_lost(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    """A lock that has not got the records it counted is not asked for them over and over."""
    monkeypatch.setattr("igrs_codec.bsld.lock_log.Log.since", lambda *_: [])
    home.lock.turn_knob(Operation.UNLOCK)
    await until(lambda: home.coordinator.learner.is_behind)
    await home.coordinator.learner.async_learn_all()
    await home.settle()

    home.coordinator.learner.async_catch_up()

    await asyncio.sleep(0.1)
    await until(lambda: not home.coordinator.learner.busy)
    assert home.radio.traffic.connections == 0
