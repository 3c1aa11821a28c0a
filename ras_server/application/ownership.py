"""Who owns a lock, as the server knows it: the states of a device and of its keys (protocol 10, 12).

Everything that decides what may follow what stands in the two tables of this module.
"""

from enum import StrEnum
from typing import Final


class State(StrEnum):
    """The life of a device at the server (project profile, section 5)."""

    KNOWN = "known"
    """K_F was imported, nobody owns the device."""
    CLAIMED = "claimed"
    """An exchange wants to register it; this blocks nobody else."""
    PREPARING = "preparing"
    """Nonce and key pair of generation 1 are stored, perhaps sent."""
    READY = "ready"
    """The key check value was right: the device has an owner, the commit may be out."""
    ACTIVE = "active"
    ROTATING = "rotating"
    """A following generation is stored, perhaps prepared, perhaps committed."""
    REMOVING = "removing"


class Step(StrEnum):
    """What happens to a device."""

    CLAIM = "claim"
    STORE = "store"
    """The pending generation is stored, before it is sent."""
    PROVE = "prove"
    """The lock, in generation 0, answered with the right key check value."""
    COMMIT = "commit"
    """An authentic answer under the pending generation."""
    REVERT = "revert"
    """The pending generation is known to be gone from the lock."""
    REMOVE = "remove"
    """The owner wants the lock wiped."""
    ABANDON = "abandon"
    """The exchange of a claim ended without proof."""


OWNED: Final = frozenset({State.READY, State.ACTIVE, State.ROTATING, State.REMOVING})
"""The states in which a device belongs to somebody."""

NEXT_STATE: Final = {
    (State.KNOWN, Step.CLAIM): State.CLAIMED,
    (State.CLAIMED, Step.CLAIM): State.CLAIMED,
    (State.PREPARING, Step.CLAIM): State.CLAIMED,
    (State.CLAIMED, Step.STORE): State.PREPARING,
    (State.CLAIMED, Step.ABANDON): State.KNOWN,
    (State.PREPARING, Step.ABANDON): State.KNOWN,
    (State.PREPARING, Step.PROVE): State.READY,
    (State.READY, Step.COMMIT): State.ACTIVE,
    (State.ACTIVE, Step.STORE): State.ROTATING,
    (State.ROTATING, Step.STORE): State.ROTATING,
    (State.ROTATING, Step.COMMIT): State.ACTIVE,
    (State.ROTATING, Step.REVERT): State.ACTIVE,
    (State.READY, Step.REMOVE): State.REMOVING,
    (State.ACTIVE, Step.REMOVE): State.REMOVING,
    (State.ROTATING, Step.REMOVE): State.REMOVING,
    (State.REMOVING, Step.REMOVE): State.REMOVING,
    (State.REMOVING, Step.COMMIT): State.REMOVING,
    (State.REMOVING, Step.REVERT): State.REMOVING,
    # The owner registers a lock again that was reset at the door or whose first try broke off.
    **{(state, Step.CLAIM): state for state in OWNED},
    **{(state, Step.PROVE): State.READY for state in OWNED},
    **{(state, Step.ABANDON): state for state in OWNED},
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
    OLD = "old"
    """Current before a claim at generation 0; kept until the new owner generation answers."""


KEPT: Final = {
    Step.STORE: frozenset({Phase.CURRENT, Phase.OLD, Phase.SENT}),
    Step.PROVE: frozenset({Phase.CURRENT, Phase.OLD}),
    Step.COMMIT: frozenset[Phase](),
    Step.REVERT: frozenset({Phase.CURRENT, Phase.OLD, Phase.SENT}),
    Step.ABANDON: frozenset({Phase.CURRENT, Phase.OLD, Phase.SENT}),
}
"""The phases of the other keys of the lock that survive a step.

A key under which a frame was sent survives everything but an answered command 11 (PROVE) and an
answer under a later generation (COMMIT).
"""
