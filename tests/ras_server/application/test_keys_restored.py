"""What a restore does with the keys of a lock, once it has read which ones were used since."""

import pytest

from ras_server.application.keyjournal import Entry
from ras_server.application.ownership import Phase, State
from ras_server.application.recovery import followed
from ras_server.store.devices import Device, Record, StoredKey
from tests.ras_server.application.parts import Gateway
from tests.ras_server.application.safe import Home
from tests.ras_server.application.test_shut_out import half_done

DEVICE = "A1B2C3D4E5F6"


def record(*keys: tuple[str, int, Phase]) -> Record:
    """Return a lock with these keys."""
    return Record(
        device=Device(device_id=DEVICE, k_f=None, state=State.ROTATING, owner="u-anna", created=1),
        keys=tuple(
            StoredKey(
                key_id=name,
                device_id=DEVICE,
                gen=gen,
                phase=phase,
                n_r=bytes(8),
                k_d=name.encode(),
                created=place,
            )
            for place, (name, gen, phase) in enumerate(keys)
        ),
    )


def journal(*keys: tuple[str, int]) -> list[Entry]:
    """Return a journal of these keys."""
    return [
        Entry(device_id=DEVICE, gen=gen, key_id=name, k_d=name.encode(), ts=place)
        for place, (name, gen) in enumerate(keys)
    ]


K1 = ("k1", 1, Phase.CURRENT)
CURRENT, STALE, SENT = Phase.CURRENT, Phase.STALE, Phase.SENT


@pytest.mark.parametrize(
    ("had", "used", "has"),
    [
        pytest.param(
            [K1], [("k1", 1), ("k2", 2)], {"k1": CURRENT, "k2": SENT}, id="re-keyed since"
        ),
        pytest.param(
            [K1, ("k2", 2, Phase.READY)],
            [("k1", 1), ("k2", 2)],
            {"k1": CURRENT, "k2": SENT},
            id="prepared before, sent since",
        ),
        pytest.param(
            [K1, ("k2", 2, Phase.READY)],
            [("k1", 1), ("k2", 2), ("k3", 3)],
            {"k1": STALE, "k2": CURRENT, "k3": SENT},
            id="prepared before, the next one since",
        ),
        pytest.param(
            [K1, ("k2", 2, SENT)],
            [("k1", 1), ("k2", 2), ("k3", 3)],
            {"k1": STALE, "k2": CURRENT, "k3": SENT},
            id="sent before, the next one since",
        ),
        pytest.param(
            [K1, ("k2", 2, SENT)],
            [("k1", 1), ("k2", 2), ("other", 2)],
            {"k1": CURRENT, "k2": STALE, "other": SENT},
            id="given up since",
        ),
        pytest.param(
            [K1, ("k2", 2, Phase.READY)],
            [("k1", 1), ("other", 2)],
            {"k1": CURRENT, "other": SENT},
            id="never sent",
        ),
        pytest.param(
            [K1, ("k2", 2, Phase.READY)],
            [("k1", 1)],
            {"k1": CURRENT, "k2": Phase.READY},
            id="nothing since",
        ),
    ],
)
def test_keys_that_were_used_since(
    had: list[tuple[str, int, Phase]], used: list[tuple[str, int]], has: dict[str, Phase]
) -> None:
    """A key of the journal was sent; one that a later generation was made from was in use."""
    found = followed(record(*had), journal(*used))

    assert {key.key_id: key.phase for key in found.keys} == has


async def test_registered_and_rekeyed_since(place: Home) -> None:
    """A lock that was registered after the backup, and re-keyed after that, opens."""
    await place.save()
    await place.gateway.register(place.door)
    await place.gateway.see(place.door)
    await place.rekey()

    async with place.again():
        assert await place.opens()


async def test_shut_out_since(living: Home) -> None:
    """A generation that was on its way before somebody was shut out is not the key he lacks."""
    await half_done(living.owner, living.gateway, living.door, living.safe.clock)
    await living.save()
    path = f"/v1/devices/{living.door.device_id}/rekey"
    assert (await living.owner.post(path, {"reason": "compromise"})).http == 202

    async with living.again():
        await living.deliver(8)
        assert living.door.lock.show()["generation"] == 3
        assert await living.opens()


async def test_registered_since_by_somebody_unknown(living: Home) -> None:
    """A lock of somebody whom the backup does not know is nobody's: no owner before wipes it."""
    await living.save()
    wipe = {"mode": "wipe"}
    assert (await living.owner.post(f"/v1/devices/{living.door.device_id}/remove", wipe)).code == 0
    living.door.deaf = True
    await living.deliver(1)
    living.door.deaf = False
    carla = await living.owner.another().enter("carla@example.org")
    living.door.lock.press_button(1)
    answer = await Gateway(await carla.gateway()).register(living.door)
    assert answer.data["result"]["code"] == 0, answer

    async with living.again():
        await living.deliver()
        shown = await living.owner.get("/v1/devices")

    assert shown.data["items"] == []
    assert living.door.lock.show()["generation"] == 1
