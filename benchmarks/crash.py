"""How much is lost when the server is killed under load: nothing that it acknowledged.

A real `ras serve` with accounts, gateways, codes, tickets and a lock that is operated is killed
(SIGKILL) at random moments. After each time the database is checked, every acknowledged write is
looked for, and the audit is verified; at the end the lock must still open.

    python -m benchmarks.crash [--rounds 50] [--seed 1]
"""

import argparse
import asyncio
from pathlib import Path
import tempfile
import time

from tests.ras_server.crashing import crash


def main() -> None:
    """Kill, check, and tell the figures."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=50)
    parser.add_argument("--seed", type=int, default=1)
    asked = parser.parse_args()
    begin = time.monotonic()
    with tempfile.TemporaryDirectory() as folder:
        ledger = asyncio.run(crash(Path(folder) / "ras", asked.rounds, asked.seed, print))
    print(
        f"killed {asked.rounds} times: {ledger.writes} acknowledged writes"
        f" ({len(ledger.gateways)} gateways, {len(ledger.codes)} codes, {ledger.tickets} tickets,"
        f" {ledger.name} names, {len(ledger.operations)} operations), 0 lost,"
        f" database and audit whole, {time.monotonic() - begin:.0f} s"
    )


if __name__ == "__main__":
    main()
