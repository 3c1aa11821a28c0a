"""The command line of the demo: script/demo."""

import argparse
import asyncio
from contextlib import suppress
from pathlib import Path
import signal
import sys
import time
from typing import Final

from . import namespace
from .check import run_checks
from .dashboard import PATH, add_dashboard
from .errors import DemoError
from .home import (
    ACCOUNT,
    ACCOUNT_PASSWORD,
    HASS_PORT,
    LOCKS,
    PASSWORD,
    RAS_URL,
    STATE,
    USER,
    forget,
    home,
    set_up,
)

RADIO_DELAY: Final = 20  # milliseconds; about what a packet takes over a proxy


def arguments() -> argparse.Namespace:
    """Return what was asked for."""
    parser = argparse.ArgumentParser(prog="script/demo", description=__doc__)
    parser.add_argument("--check", action="store_true", help="do everything once, say if it held")
    parser.add_argument(
        "--folder", type=Path, help="where the home is kept (.demo/home, or .demo/check)"
    )
    parser.add_argument(
        "--home-assistant", metavar="VERSION", help="another one that script/setup all has made"
    )
    parser.add_argument("--reset", action="store_true", help="forget the home, and begin anew")
    return parser.parse_args()


async def stay(folder: Path, version: str | None) -> None:
    """Run the home until Ctrl-C."""
    started = time.monotonic()
    print("Starting the RAS, three locks and Home Assistant ...", flush=True)
    async with home(folder, hop_delay=RADIO_DELAY, version=version) as running:
        await set_up(running)
        await add_dashboard(running.hass, running.doors)
        print(f"Ready after {time.monotonic() - started:.0f} s.\n")
        print(f"  Home Assistant  http://127.0.0.1:{HASS_PORT}/{PATH}")
        print(f"                  user {USER}, password {PASSWORD}")
        print(f"  Web console     {RAS_URL}/")
        print(f"                  account {ACCOUNT}, password {ACCOUNT_PASSWORD}")
        print(f"                  codes arrive in {folder / 'ras/codes.jsonl'}")
        print("\nAt a door:")
        for door in running.doors:
            act = f".venv/bin/bsld act --folder {folder / 'locks'} {door.device_id}"
            print(f"  {door.name:14}  {act} knob unlock")
        print("\nCtrl-C ends it; the next start finds the home as it was.", flush=True)
        await asyncio.Event().wait()


async def check(folder: Path, version: str | None) -> bool:
    """Run a new home once, and return whether everything held."""
    started = time.monotonic()
    async with home(folder, locks=LOCKS + 1, version=version) as running:
        held = await run_checks(running, time.monotonic() - started)
    verdict = "All of it held" if held else f"NOT all of it held; the logs are in {folder}"
    print(f"{verdict}: {time.monotonic() - started:.0f} s")
    return held


def main() -> int:
    """Run the demo and return its exit status."""
    asked = arguments()
    if asked.check and not namespace.was_tried():
        namespace.main([sys.executable, "-m", "demo", *sys.argv[1:]])
    folder = (asked.folder or STATE / ("check" if asked.check else "home")).absolute()
    try:
        if asked.reset or asked.check:
            forget(folder)
        if asked.check:
            return 0 if asyncio.run(check(folder, asked.home_assistant)) else 1
        with suppress(KeyboardInterrupt):
            asyncio.run(stay(folder, asked.home_assistant))
    except (DemoError, TimeoutError) as err:
        why = str(err) or "Something took too long"
        print(f"{why}\nThe logs are in {folder}; script/demo --reset begins anew.", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    # Both end the demo as Ctrl-C does, even in the background.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    signal.signal(signal.SIGTERM, lambda *_: signal.raise_signal(signal.SIGINT))
    sys.exit(main())
