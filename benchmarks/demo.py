"""How long script/demo takes until its home is ready: a new home, and the same one again.

Set-up is not counted; three rounds, in a private network where there can be one.

    python -m benchmarks.demo [--rounds 3]
"""

import argparse
import asyncio
from pathlib import Path
import sys
import tempfile
import time

from demo import namespace
from demo.dashboard import add_dashboard
from demo.home import home, set_up


async def seconds_until_ready(folder: Path) -> tuple[float, float]:
    """Return the seconds until the programs answer, and until all is set up."""
    started = time.monotonic()
    async with home(folder) as running:
        answering = time.monotonic() - started
        await set_up(running)
        await add_dashboard(running.hass, running.doors)
        return answering, time.monotonic() - started


async def main(rounds: int) -> None:
    """Print the figures."""
    print("                programs answer      ready")
    for _ in range(rounds):
        with tempfile.TemporaryDirectory() as folder:
            for name in "a new home", "the same again":
                answering, ready = await seconds_until_ready(Path(folder))
                print(f"{name:16}{answering:13.1f} s {ready:8.1f} s", flush=True)


if __name__ == "__main__":
    if not namespace.was_tried():
        namespace.main([sys.executable, "-m", "benchmarks.demo", *sys.argv[1:]])
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=3)
    asyncio.run(main(parser.parse_args().rounds))
