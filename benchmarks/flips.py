"""Forged packets of every kind, counted: python -m benchmarks.flips [blocks]."""

from random import Random
import sys

from tests.codec.forgery import blocks, flips, targets


def main(count: int) -> None:
    """Print for each kind how many forgeries were tried and how many accepted."""
    random = Random(1)  # noqa: S311 - repeatable
    tried = accepted = 0
    for target in targets():
        turned = [target.accepts(packet) for packet in flips(target.packet)]
        noise = [target.accepts(packet) for packet in blocks(target.packet, count, random)]
        print(
            f"{target.name:30} {len(turned):7} flips {sum(turned)} accepted,"
            f" {len(noise):8} blocks {sum(noise)} accepted"
        )
        if not target.accepts(target.packet):
            raise SystemExit(f"{target.name}: the genuine packet is refused")
        tried += len(turned) + len(noise)
        accepted += sum(turned) + sum(noise)
    print(f"{tried} forgeries, {accepted} accepted")
    if accepted:
        raise SystemExit(1)


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 200_000)
