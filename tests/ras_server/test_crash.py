"""What was acknowledged survives the death of the process at any moment."""

from pathlib import Path

import pytest

from tests.ras_server import crashing


@pytest.mark.timeout(120)
async def test_killed_under_load(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A server that is killed under load has lost nothing that it acknowledged."""
    monkeypatch.setattr(crashing, "_REST", 31)

    ledger = await crashing.crash(tmp_path / "ras", rounds=2, seed=1, report=print)

    assert ledger.writes > 20
