"""What a packet costs, against a bare AES call of the same run: python -m benchmarks.codec."""

from collections.abc import Callable
from timeit import repeat

from cryptography.hazmat.primitives.ciphers import Cipher
from cryptography.hazmat.primitives.ciphers.algorithms import AES128
from cryptography.hazmat.primitives.ciphers.modes import CBC, ECB

from igrs_codec.bsld import admin, advert, keys, ticket
from igrs_codec.bsld.frame import Bolt, Command, Frame, FrameType, LockState, Operation, Right
from igrs_codec.bsld.packet import BlockKey, Hello, Kind, header
from igrs_codec.bsld.session import ClientSession

KEY = bytes(range(16))
DEVICE = bytes.fromhex("a1b2c3d4e5f6")
NOW = 1795000000
GOAL_US = 5.0
ROUNDS = 20_000
HELLO = bytes(Hello(link=1, gen=1, flags=0, nonce=bytes(12), time=NOW, clock_set=True))


def main() -> None:
    """Print the best of seven runs for each operation, in microseconds."""
    block_key = BlockKey(KEY, KEY)
    head = header(Kind.SESS, 1, 1)
    frame = Frame(Command.OPERATE, FrameType.REQUEST, bytes(9), NOW)
    plain = bytes(frame)
    packet = block_key.seal(head, plain)
    encrypt = Cipher(AES128(KEY), ECB()).encryptor().update  # noqa: S305 - what is measured
    minted = ticket.mint(
        KEY, DEVICE, 1, tag=1, uid=1, tid=1, rights=Right.LOCK, ttl=0, epoch=1, time=NOW
    )
    held = ticket.Ticket.from_minted(minted, DEVICE, 1)
    session = ClientSession(held, HELLO, NOW)
    k_adv = keys.advert_key(KEY, DEVICE, 1)
    state = LockState(bolt=Bolt.LOCKED)
    service_data = advert.encode(k_adv, DEVICE, 1, state=state, battery=90, counter=1, time=NOW)
    admin_key = keys.admin_key(KEY, DEVICE, 1)
    mint = ticket.Mint(KEY, DEVICE, 1)
    value = admin.raise_epoch(2)

    def fresh_cbc() -> bytes:
        return Cipher(AES128(KEY), CBC(KEY)).encryptor().update(plain)

    measured: dict[str, tuple[Callable[[], object], float | None]] = {
        "bare AES block, kept context": (lambda: encrypt(plain), None),
        "bare AES block, new CBC context": (fresh_cbc, None),
        "seal a packet": (lambda: block_key.seal(head, plain), GOAL_US),
        "open a packet": (lambda: block_key.open(packet), GOAL_US),
        "frame to bytes, sealed": (lambda: block_key.seal(head, bytes(frame)), GOAL_US),
        "opened, bytes to frame": (lambda: Frame.from_bytes(block_key.open(packet)), GOAL_US),
        "request of a session": (
            lambda: ClientSession.operate(session, Operation.UNLOCK, 0, now=NOW, rnd=b"abcd"),
            None,
        ),
        "administration frame": (
            lambda: admin.request(admin_key, 1, 1, command=Command.EPOCH, value=value, time=NOW),
            None,
        ),
        "session keys": (lambda: keys.session_key(held.k_t, DEVICE, HELLO), None),
        "ticket": (
            lambda: mint.make(tag=1, uid=1, tid=1, rights=Right.LOCK, ttl=0, epoch=1, time=NOW),
            None,
        ),
        "advert, first bucket": (
            lambda: advert.decode(k_adv, DEVICE, service_data, NOW),
            None,
        ),
        "advert of a stranger": (
            lambda: advert.decode(k_adv, DEVICE, b"\x11" + bytes(9), NOW),
            None,
        ),
    }
    missed = []
    for name, (call, goal) in measured.items():
        cost = min(repeat(call, number=ROUNDS if goal else ROUNDS // 10, repeat=7))
        cost *= 1e6 / (ROUNDS if goal else ROUNDS // 10)
        print(f"{name:34} {cost:8.2f} us" + (f"   goal {goal:.0f} us" if goal else ""))
        if goal and cost > goal:
            missed.append(name)
    if missed:
        raise SystemExit(f"missed: {', '.join(missed)}")


if __name__ == "__main__":
    main()
