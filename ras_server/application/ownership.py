"""Who owns a lock, as the server knows it: states of devices and of keys (protocol 10, 12).

Everything that decides what may follow what stands in the two tables of this module.
"""

from collections.abc import Mapping
from dataclasses import replace
from enum import StrEnum
from typing import Final

from ..store.devices import Device, Record, StoredKey


class State(StrEnum):
    """The life of a device at the server (project profile, section 5)."""

    KNOWN = "known"
    """K_F was imported, nobody owns the device."""
    READY = "ready"
    """The key check value was right: the device has an owner, the commit may be out."""
    ACTIVE = "active"
    ROTATING = "rotating"
    """A following generation is stored, perhaps prepared, perhaps committed."""
    REMOVING = "removing"


class Step(StrEnum):
    """What happens to a device."""

    STORE = "store"
    """The following generation is stored, before it is sent."""
    PREPARED = "prepared"
    """The lock answered command 11 of a re-key with the right key check value."""
    PROVE = "prove"
    """The lock, in generation 0, answered with the right key check value: before that a claim
    stores nothing, so it stands in nobody's way."""
    COMMIT = "commit"
    """An authentic answer under the pending generation."""
    REVERT = "revert"
    """The pending generation is known to be gone from the lock."""
    REMOVE = "remove"
    """The owner wants the lock wiped."""


OWNED: Final = frozenset({State.READY, State.ACTIVE, State.ROTATING, State.REMOVING})
"""The states in which a device belongs to somebody."""

NEXT_STATE: Final = {
    (State.KNOWN, Step.PROVE): State.READY,
    (State.READY, Step.COMMIT): State.ACTIVE,
    (State.READY, Step.REVERT): State.READY,
    (State.ACTIVE, Step.REVERT): State.ACTIVE,
    (State.ACTIVE, Step.STORE): State.ROTATING,
    (State.ROTATING, Step.STORE): State.ROTATING,
    (State.ROTATING, Step.PREPARED): State.ROTATING,
    (State.ROTATING, Step.COMMIT): State.ACTIVE,
    (State.ROTATING, Step.REVERT): State.ACTIVE,
    (State.READY, Step.REMOVE): State.REMOVING,
    (State.ACTIVE, Step.REMOVE): State.REMOVING,
    (State.ROTATING, Step.REMOVE): State.REMOVING,
    (State.REMOVING, Step.REMOVE): State.REMOVING,
    (State.REMOVING, Step.PREPARED): State.REMOVING,
    (State.REMOVING, Step.COMMIT): State.REMOVING,
    (State.REMOVING, Step.REVERT): State.REMOVING,
    # The owner registers a lock again that was reset at the door or whose first try broke off.
    **{(state, Step.PROVE): State.READY for state in OWNED},
}
"""A pair that is not in the table is a mistake of the server."""


class Phase(StrEnum):
    """How far a key of a lock has come."""

    STORED = "stored"
    """Stored, perhaps asked for by command 11; no frame was ever made under it."""
    READY = "ready"
    """The lock has it as pending generation: command 11 was answered with the right check value."""
    SENT = "sent"
    """A frame was made under it, so the lock may have committed it: it must not be lost."""
    CURRENT = "current"
    """The lock answered under it."""
    STALE = "stale"
    """Sent, but then the lock answered under the current one: it is prepared anew."""


PENDING: Final = frozenset({Phase.STORED, Phase.READY, Phase.SENT})
"""The phases of a generation that is on its way."""

_AS_BEFORE: Final[Mapping[Phase, Phase]] = {
    phase: phase for phase in Phase if phase is not Phase.STORED
}
_BROKEN_OFF: Final[Mapping[Phase, Phase]] = {
    Phase.CURRENT: Phase.CURRENT,
    Phase.SENT: Phase.STALE,
    Phase.STALE: Phase.STALE,
}

BEHIND: Final[Mapping[Step, Mapping[Phase, Phase]]] = {
    Step.REMOVE: _AS_BEFORE,
    Step.STORE: _BROKEN_OFF,
    Step.REVERT: _BROKEN_OFF,
    Step.PREPARED: {Phase.CURRENT: Phase.CURRENT},
    Step.PROVE: {Phase.CURRENT: Phase.CURRENT},
    Step.COMMIT: {},
}
"""What becomes of the other keys of a lock at a step; a phase that is missing is forgotten.

A key under which a frame was made survives everything but an answered command 11 (PREPARED, PROVE)
and an answer under a later generation (COMMIT).
"""


def advance(record: Record, step: Step, key: StoredKey | None = None) -> Record:
    """Return the record after a step; key is the one the step is about, in its new phase."""
    state = NEXT_STATE[State(record.device.state), step]
    behind = BEHIND[step]
    others = (each for each in record.keys if key is None or each.key_id != key.key_id)
    keys = tuple(
        replace(each, phase=behind[Phase(each.phase)]) for each in others if each.phase in behind
    )
    if key is not None:
        keys = (*keys, key)
    frame = record.frame
    if frame is not None and frame.key_id not in {each.key_id for each in keys}:
        frame = None
    return replace(record, device=replace(record.device, state=state), keys=keys, frame=frame)


def remains(device: Device) -> Record | None:
    """Return what is kept of a device that is forgotten: its label key, if that is known."""
    if device.k_f is None:
        return None
    known = Device(
        device_id=device.device_id, k_f=device.k_f, state=State.KNOWN, created=device.created
    )
    return Record(device=known)


def recovered(record: Record) -> Record:
    """Return a record as it is after a crash: exchanges are gone, and their key pairs with them."""
    keys = tuple(each for each in record.keys if each.phase != Phase.STORED or not each.private)
    return replace(record, keys=keys)
