"""What a long audit costs: its check, a page of it, a backup of it, and who waits meanwhile.

    python -m benchmarks.audit --rows 1000000

Prints microseconds per row of the check, and of the keys read anew, milliseconds of a user's newest
page, the seconds of a backup, and the longest time in which nobody else got a turn meanwhile.
"""

import argparse
import asyncio
from itertools import batched
from pathlib import Path
import tempfile
from time import perf_counter, time

from ras_server.application.audit import START, canonical, chained
from ras_server.application.audit_check import verify
from ras_server.store.audit_index import AuditIndex
from ras_server.store.db import Database

_USERS = 50
_START = 1795000000  # Unix time


def fill(db: Database, rows: int) -> None:
    """Append entries of several people and devices."""
    previous = START
    for numbers in batched(range(1, rows + 1), 10_000, strict=False):
        with db.write():
            for n in numbers:
                entry = canonical(
                    {
                        "action": "ticket.issue",
                        "actor": f"user:u-{n % _USERS}",
                        "detail": {"expires": _START + n, "gens": [1], "tid": n % 4096, "uid": 7},
                        "n": n,
                        "node": "n1",
                        "object": f"dev:{n % _USERS:012X}",
                        "result": 0,
                        "ts": _START + n,
                    }
                )
                previous = chained(previous, entry)
                db.execute("INSERT INTO audit VALUES (?, ?, ?)", (n, entry.decode(), previous))


async def longest_wait(done: asyncio.Event) -> float:
    """Return the longest time in which the loop did not turn until something is done."""
    longest = 0.0
    while not done.is_set():
        began = perf_counter()
        await asyncio.sleep(0.001)
        longest = max(longest, perf_counter() - began - 0.001)
    return longest


async def measure(folder: Path, rows: int) -> None:
    """Fill a database, and print what things cost."""
    with Database(folder / "ras.db") as db:
        fill(db, rows)
        await db.flush()
        size = (folder / "ras.db").stat().st_size / 1e6

        done = asyncio.Event()
        waiting = asyncio.create_task(longest_wait(done))
        began = perf_counter()
        verdict = await verify(db)
        seconds = perf_counter() - began
        done.set()
        lag = await waiting
        assert verdict.finding is None
        print(f"check     {seconds / rows * 1e6:8.2f} us a row, others wait {lag * 1e3:.1f} ms")

        began = perf_counter()
        index = AuditIndex(db)
        print(f"keys      {(perf_counter() - began) / rows * 1e6:8.2f} us a row")

        views = index.views_of("u-7")
        began = perf_counter()
        page = index.page(views, 2**53, 200, newest_first=True)
        print(f"page      {(perf_counter() - began) * 1e3:8.2f} ms for {len(page)} entries of one")

        done = asyncio.Event()
        waiting = asyncio.create_task(longest_wait(done))
        began = perf_counter()
        await asyncio.to_thread(db.backup, folder / "copy.db")
        seconds = perf_counter() - began
        done.set()
        lag = await waiting
        print(f"backup    {seconds:8.2f} s for {size:.0f} MB, others wait {lag * 1e3:.1f} ms")


def main() -> None:
    """Measure."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=1_000_000)
    rows = parser.parse_args().rows
    began = time()
    with tempfile.TemporaryDirectory() as folder:
        asyncio.run(measure(Path(folder), rows))
    print(f"{rows} rows, {time() - began:.0f} s in all")


if __name__ == "__main__":
    main()
