"""A server that goes back more than once: the past it left counts once, and in its place."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
import os
from pathlib import Path

import pytest

from ras_server.application.audit import AUDIT, AuditLog
from ras_server.application.changejournal import FILE, ChangeJournal
from ras_server.application.keyjournal import FILE as KEYS, Entry, KeyJournal
from ras_server.store.db import Database
from tests.ras_server.application.parts import Door, Gateway
from tests.ras_server.application.safe import ANNA, Home, Safe
from tests.ras_server.application.test_operations import grant
from tests.ras_server.client import Client

BEN = "ben@example.org"
CARLA = "carla@example.org"


async def hand_over(door: Door, giver: Client, taker: Client, account: str) -> None:
    """Give a lock away."""
    body = {"account": {"type": "email", "value": account}}
    offered = await giver.post(f"/v1/devices/{door.device_id}/transfer", body)
    assert offered.http == 201, offered
    taken = await taker.post(f"/v1/transfers/{offered.data['transfer_id']}/accept")
    assert taken.code == 0, taken


async def sees(client: Client, door: Door) -> int:
    """Return the code that a person is answered who asks for a lock."""
    return (await client.get(f"/v1/devices/{door.device_id}")).code


def go_on(safe: Safe) -> None:
    """Let the audit grow: what follows has later numbers than anything of another past."""
    for _ in range(60):
        safe.app[AUDIT].append("auth.login", "user:u-dora", "ras:auth")


@asynccontextmanager
async def back(safe: Safe, archive: Path, *accounts: str) -> AsyncIterator[list[Client]]:
    """Go back to an archive, and log these persons in."""
    safe.clock.move(5)
    await safe.restore(archive)
    async with safe.serving() as client:
        people = [client.another() for _ in accounts]
        for person, account in zip(people, accounts, strict=True):
            await person.log_in(account)
        yield people


async def test_owner_of_a_past_that_was_left(living: Home) -> None:
    """Who got a lock in a past that was left, and gave it away since, does not get it back."""
    safe, door = living.safe, living.door
    ben = await living.owner.another().enter(BEN)
    await living.owner.another().enter(CARLA)
    first = await living.save()
    go_on(living.safe)
    await hand_over(door, living.owner, ben, BEN)

    async with back(safe, first, BEN, CARLA) as (ben, carla):
        assert await sees(ben, door) == 0
        await hand_over(door, ben, carla, CARLA)
        second = await safe.save()
    async with back(safe, second, BEN, CARLA) as (ben, carla):
        assert (await sees(ben, door), await sees(carla, door)) == (2001, 0)
    async with back(safe, first, BEN, CARLA) as (ben, carla):
        assert (await sees(ben, door), await sees(carla, door)) == (2001, 0)


async def test_revoked_before_a_later_archive(living: Home) -> None:
    """What was revoked since a restore stays so, also in a later archive of the past it left."""
    safe, door = living.safe, living.door
    await living.owner.another().enter(BEN)
    given = await grant(living.owner, door, BEN)
    older = await living.save()
    go_on(living.safe)
    newer = await living.save()

    async with back(safe, older, ANNA, BEN) as (anna, ben):
        assert await sees(ben, door) == 0
        gone = await anna.request("DELETE", f"/v1/grants/{given.data['grant_id']}")
        assert gone.code == 0
    async with back(safe, newer, BEN) as (ben,):
        assert await sees(ben, door) == 3003


async def test_found_again(living: Home) -> None:
    """A lock that was lost in a past that was left, and found since, is not lost once more."""
    path = f"/v1/devices/{living.door.device_id}/lost"
    first = await living.save()
    go_on(living.safe)
    assert (await living.owner.request("PUT", path)).code == 0

    async with back(living.safe, first, ANNA) as (anna,):
        assert (await anna.request("DELETE", path)).code == 0
        second = await living.safe.save()
    async with back(living.safe, second, ANNA) as (anna,):
        shown = await anna.get(f"/v1/devices/{living.door.device_id}")

    assert shown.data["lost"] is None


async def test_nothing_is_followed_twice(living: Home) -> None:
    """An archive of after a restore needs nothing of before it."""
    ben = await living.owner.another().enter(BEN)
    first = await living.save()
    go_on(living.safe)
    await hand_over(living.door, living.owner, ben, BEN)
    done = await living.safe.restore(first)
    async with living.safe.serving():
        second = await living.safe.save()
    living.safe.clock.move(5)
    again = await living.safe.restore(second)

    assert (done.changes, again.changes) == (1, 0)


async def test_registered_in_a_past_that_was_left(place: Home) -> None:
    """Who registered a lock in a past that was left does not get it from who owns it now."""
    safe, door = place.safe, place.door
    ben = await place.owner.another().enter(BEN)
    theirs = Gateway(await ben.gateway())
    credentials = (await theirs.client.post(f"/v1/gateways/{theirs.id}/rotate")).data
    first = await place.save()
    go_on(safe)
    assert (await place.gateway.register(door)).data["result"]["code"] == 0

    async with place.again(first):
        assert await place.opens()
        await place.owner.post(f"/v1/devices/{door.device_id}/remove", {"mode": "wipe"})
        await place.deliver()
        ben = place.owner.another()
        await ben.log_in(BEN)
        theirs = Gateway(await ben.another().log_in_gateway(credentials))
        door.lock.press_button(1)
        assert (await theirs.register(door)).data["result"]["code"] == 0
        second = await safe.save()
    for archive in second, first:
        async with back(safe, archive, ANNA, BEN) as (anna, ben):
            assert (await sees(anna, door), await sees(ben, door)) == (2001, 0)
            place.owner = ben
            place.gateway = Gateway(await ben.another().log_in_gateway(credentials))
            await place.gateway.see(door)
            assert await place.opens()


@pytest.mark.parametrize("which", [0, 1])
async def test_rekeyed_in_both_pasts(living: Home, which: int) -> None:
    """A lock is found with its newest key, whichever past gave it that, from whichever archive."""
    archives = [await living.save()]
    await living.rekey()
    async with living.again():
        assert await living.opens()
        await living.rekey()
        archives.append(await living.safe.save())
        await living.owner.log_in(ANNA)
        await living.rekey()
    living.safe.clock.move(5)
    async with living.again(archives[which]):
        assert await living.opens()


async def test_journals_of_another_machine(living: Home) -> None:
    """Where journals were left that know less than the archive, nothing of either is lost."""
    safe, door = living.safe, living.door
    ben = await living.owner.another().enter(BEN)
    await living.owner.another().enter(CARLA)
    first = await living.save()
    go_on(safe)
    await hand_over(door, living.owner, ben, BEN)
    left = {name: (safe.settings.folder / name).read_bytes() for name in (FILE, KEYS)}

    async with back(safe, first, BEN, CARLA) as (ben, carla):
        await hand_over(door, ben, carla, CARLA)
        gateway = Gateway(await carla.gateway())
        await gateway.see(door)
        for _ in range(4):
            await gateway.open(door, "deliver")
            safe.clock.move(61)
        second = await safe.save()
    assert door.lock.show()["generation"] != 1
    for name, lines in left.items():
        (safe.settings.folder / name).write_bytes(lines)
    async with back(safe, second, BEN, CARLA) as (ben, carla):
        assert (await sees(ben, door), await sees(carla, door)) == (2001, 0)
    async with back(safe, first, CARLA) as (carla,):
        living.owner, living.gateway = carla, Gateway(await carla.gateway())
        await living.gateway.see(door)
        assert await living.opens()


def changed(folder: Path, db: Database) -> None:
    """Have a lock lost, in the audit and in the journal."""
    audit = AuditLog(db, lambda: 1795000000, "n1")
    audit.listeners.append(ChangeJournal(folder / FILE, db).listen)
    audit.append("device.lost", "user:u-anna", "bsld:A1B2C3D4E5F6")


def test_change_that_never_came_about(tmp_path: Path) -> None:
    """A change that the power cut off behind the journal is not made up for by a restore."""
    with Database() as before:
        changed(tmp_path, before)
    with Database() as after:
        AuditLog(after, lambda: 1795000100, "n1").append("user.login", "user:u-anna", "ras:db")
        assert list(ChangeJournal.since(tmp_path / FILE, after)) == []
    with Database() as empty:
        assert [each.n for each in ChangeJournal.since(tmp_path / FILE, empty)] == [1]


def test_line_that_broke_off(tmp_path: Path) -> None:
    """What is journaled after a line that broke off is not lost with it."""
    (tmp_path / FILE).write_bytes(b'{"action":"device.lo')
    (tmp_path / KEYS).write_bytes(b'{"device_id":"A1B2')
    key = Entry(device_id="A1B2C3D4E5F6", gen=1, key_id="k1", k_d=b"sealed", ts=1)
    with Database() as db, Database() as empty:
        changed(tmp_path, db)
        KeyJournal(tmp_path / KEYS).append(key)

        assert [each.n for each in ChangeJournal.since(tmp_path / FILE, empty)] == [1]
        assert list(KeyJournal(tmp_path / KEYS).entries()) == [key]


def test_disk_that_is_full(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A key of which only a part is on the disk is not taken for written: no frame is made."""
    write = os.write
    monkeypatch.setattr(os, "write", lambda descriptor, data: write(descriptor, data[:9]))
    key = Entry(device_id="A1B2C3D4E5F6", gen=1, key_id="k1", k_d=b"sealed", ts=1)

    with pytest.raises(OSError, match="No space left"):
        KeyJournal(tmp_path / KEYS).append(key)
