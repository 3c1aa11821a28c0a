"""testssl.sh, an independent tool, at the TLS port (a Debian package; skipped without it)."""

import asyncio
import json
from pathlib import Path
import shutil

import pytest

from ras_server.settings import Settings

TESTSSL = shutil.which("testssl") or shutil.which("testssl.sh")


@pytest.mark.timeout(300)
@pytest.mark.skipif(TESTSSL is None, reason="testssl.sh is not installed (apt: testssl.sh)")
async def test_testssl(url: str, secure: Settings, tmp_path: Path) -> None:
    """Nothing below TLS 1.2, no CBC suite, no finding of medium severity but the certificate's."""
    report = tmp_path / "report.json"
    process = await asyncio.create_subprocess_exec(
        *(str(TESTSSL), "--quiet", "--color", "0", "--warnings", "off", "--jsonfile", str(report)),
        *("--protocols", "--std", "--server-preference", "--vulnerable", url),
        stdout=asyncio.subprocess.DEVNULL,
        stderr=asyncio.subprocess.DEVNULL,
    )
    await process.wait()
    found = {each["id"]: each for each in json.loads(report.read_text(encoding="utf-8"))}

    for protocol in ("SSLv2", "SSLv3", "TLS1", "TLS1_1"):
        assert found[protocol]["finding"].startswith("not offered"), found[protocol]
    assert found["TLS1_3"]["finding"].startswith("offered")
    for suites in ("NULL", "aNULL", "EXPORT", "LOW", "3DES_IDEA", "OBSOLETED", "AVERAGE", "GOOD"):
        if (each := next((found[id_] for id_ in found if id_.endswith(suites)), None)) is not None:
            assert "not offered" in each["finding"] or each["severity"] in {"OK", "INFO"}, each
    bad = {
        id_: each["finding"]
        for id_, each in found.items()
        if each["severity"] in {"MEDIUM", "HIGH", "CRITICAL"}
    }
    assert not bad
