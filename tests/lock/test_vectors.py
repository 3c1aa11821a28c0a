"""The lock role against the published vectors of BSLD/1."""

import json
from pathlib import Path
from typing import Any

import pytest

from igrs_codec.bsld.admin import Parameter
from igrs_codec.bsld.frame import Bolt, Capability, Door, Right
from igrs_codec.bsld.lock import Lock
from igrs_codec.bsld.lock_clock import LockClock
from igrs_codec.bsld.lock_links import Close, Effect, Notify
from igrs_codec.bsld.lock_log import Log
from igrs_codec.bsld.lock_owner import Owner
from igrs_codec.bsld.lock_state import Identity, Ownership, Pending, User
from reference_devices.flash import Flash, MemoryMedium
from reference_devices.motor import Motor

type Json = dict[str, Any]

VECTORS = [
    vector
    for vector in json.loads((Path(__file__).parents[1] / "codec" / "vectors.json").read_text())[
        "vectors"
    ]
    if vector["op"] == "lock"
]


class Scripted:
    """The random numbers of a vector."""

    def __init__(self, nonces: list[str], init: Json) -> None:
        self._nonces = iter(nonces)
        self._init = init

    def nonce(self, root: bytes, gen: int) -> bytes:
        """Return the next N_L."""
        del root, gen
        return bytes.fromhex(next(self._nonces))

    def private_key(self) -> bytes:
        """Return the X25519 key of the vector."""
        return bytes.fromhex(self._init["x25519_private"])

    def advert(self) -> bytes:
        """Return the random bytes of an unowned advert."""
        return bytes.fromhex(self._init["advert_random"])


class Bench:
    """A lock in the state of a vector, and hands that do its steps."""

    def __init__(self, given: Json) -> None:
        init = given["init"]
        self.uptime = init["uptime"]
        gen, root = init["current"]
        self._identity = Identity(
            device=bytes.fromhex(init["device"]),
            k_f=bytes.fromhex(init["k_f"]),
            model=init["model"],
            firmware=tuple(init["firmware"]),
            hardware=init["hardware"],
            capabilities=Capability(init["capabilities"]),
            max_links=init["max_links"],
        )
        ownership = Ownership(
            gen=gen,
            k_d=bytes.fromhex(root) if gen else b"",
            pending=Pending(init["pending"][0], bytes.fromhex(init["pending"][1]))
            if init["pending"]
            else None,
            epoch=init["epoch"],
            t_adm=init["t_adm"],
            users={
                int(row): User(uid, Right(rights), day)
                for row, (uid, rights, day) in init["users"].items()
            },
            config={Parameter(int(key)): value for key, value in init["config"].items()},
            k_code=bytes.fromhex(init["k_code"] or ""),
            once_base=init["once_base"],
        )
        flash = Flash(MemoryMedium())
        self.clock = LockClock(lambda: self.uptime, init["stored_time"])
        if init["time"] is not None:
            self.clock.set(init["time"])
        owner = Owner(self._identity, flash, self.clock, ownership)
        if init["pairing_window"]:
            owner.open_window()
        assert not init["motor_seconds"]
        self.lock = Lock(
            owner,
            self.clock,
            Scripted(given["random"], init),
            Log(flash, self.clock, counter=init["counter"]),
            Motor(lambda: self.uptime, seconds=0, position=Bolt[init["bolt"].upper()]),
            bolt=Bolt[init["bolt"].upper()],
            door=Door(init["door"]),
            battery=init["battery"],
        )
        self._open: set[int] = set()

    def do(self, step: Json) -> Json:
        """Do a step and return what the vector says of it."""
        result: Json = getattr(self, step["do"])(step)
        return result

    def connect(self, _: Json) -> Json:
        """Connect."""
        link, effects = self.lock.connect()
        assert link is not None
        self._open.add(link)
        return {"link": link, "closed": self._sort(effects)[1]}

    def disconnect(self, step: Json) -> Json:
        """Disconnect."""
        self._open.discard(step["link"])
        assert self.lock.disconnect(step["link"]) == []
        return {}

    def subscribe(self, step: Json) -> Json:
        """Enable notifications."""
        notify, _ = self._sort(self.lock.subscribe(step["link"], enabled=True))
        return {"notify": notify}

    def write(self, step: Json) -> Json:
        """Write a packet."""
        notify, _ = self._sort(self.lock.write(step["link"], bytes.fromhex(step["packet"])))
        return {"notify": notify, "open": step["link"] in self._open}

    def wait(self, step: Json) -> Json:
        """Let seconds pass."""
        effects = []
        for _ in range(step["seconds"]):
            self.uptime += 1
            effects += self.lock.tick()
        notify, closed = self._sort(effects)
        return {"notify": notify, "closed": closed}

    def advert(self, _: Json) -> Json:
        """Look at the advertisement."""
        return {"service_data": self.lock.service_data().hex()}

    def final(self) -> Json:
        """Return the state at the end."""
        own = self.lock.ownership
        return {
            "bolt": self.lock.state.bolt.name.lower(),
            "counter": self.lock.counter,
            "generation": own.gen,
            "pending": own.pending,
            "epoch": own.epoch,
            "t_adm": own.t_adm,
            "users": {str(row): list(user) for row, user in own.users.items()},
            "clock_set": self.clock.is_set,
            "time": self.clock.time,
        }

    def _sort(self, effects: list[Effect]) -> tuple[list[str], list[int]]:
        closed = [effect.link for effect in effects if isinstance(effect, Close)]
        self._open -= set(closed)
        return [e.packet.hex() for e in effects if isinstance(e, Notify)], closed


@pytest.mark.parametrize("vector", VECTORS, ids=lambda vector: vector["id"])
def test_vector(vector: Json) -> None:
    """The lock sends exactly the packets of the vector and ends in its state."""
    bench = Bench(vector["in"])

    steps = [bench.do(step) for step in vector["in"]["steps"]]

    assert steps == vector["out"]["steps"]
    assert bench.final() == vector["out"]["final"]


def test_all_vectors_are_there() -> None:
    """The published file has seven sequences for the lock."""
    assert len(VECTORS) == 7
