"""Adverts of the made-up lock."""

from igrs_codec.bsld import advert
from igrs_codec.bsld.frame import Bolt, Door, LockState
from igrs_codec.bsld.keys import advert_key
from tests.codec.parts import DEVICE, K_D, NOW

K_ADV = advert_key(K_D, DEVICE, 1)
K_ADV_2 = advert_key(K_D, DEVICE, 2)
LOCKED = LockState(bolt=Bolt.LOCKED, door=Door.CLOSED)
UNLOCKED = LockState(bolt=Bolt.UNLOCKED, door=Door.CLOSED)
NO_CLOCK = LockState(bolt=Bolt.LOCKED, door=Door.CLOSED, clock_unset=True)


def data(
    state: LockState = LOCKED, counter: int = 1, time: int | None = NOW, *, gen: int = 1
) -> bytes:
    """Return service data of the made-up lock."""
    k_adv = K_ADV if gen == 1 else K_ADV_2
    return advert.encode(k_adv, DEVICE, gen, state=state, battery=90, counter=counter, time=time)
