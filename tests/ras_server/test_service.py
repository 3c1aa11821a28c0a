"""The server as a service: what its manager sees, how it stops, what it is installed from."""

import asyncio
import json
from pathlib import Path
import re
import shutil
import socket
import subprocess
import sys
import zipfile

import pytest

from tests.ras_server.processes import ROOT, ras, serving, speaking

DEPLOY = ROOT / "deploy"
UNIT = DEPLOY / "ras.service"


@pytest.fixture
async def folder(tmp_path: Path) -> Path:
    """Return the folder of a new server."""
    folder = tmp_path / "ras"
    assert (
        await ras("init", "--folder", folder, "--delivery", f"file:{tmp_path / 'codes'}")
    ).code == 0
    return folder


async def test_manager(folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The service manager is told when the server is ready, and when it stops."""
    address = tmp_path / "notify"
    monkeypatch.setenv("NOTIFY_SOCKET", str(address))
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as manager:
        manager.bind(str(address))
        manager.settimeout(10)
        async with serving(folder) as server:
            ready = await asyncio.to_thread(manager.recv, 100)
            assert await server.stop() == 0
            stopping = await asyncio.to_thread(manager.recv, 100)

    assert (ready, stopping) == (b"READY=1", b"STOPPING=1")


async def test_health(folder: Path) -> None:
    """`ras health` ends with 0 only if a server runs and can do its work."""
    async with serving(folder) as server:
        running = await ras("health", "--folder", folder)
        await server.stop()
    stopped = await ras("health", "--folder", folder)

    assert (running.code, running.out) == (0, "ok\n")
    assert stopped.code == 1
    assert "no server runs" in stopped.err
    assert not (folder / "ras.sock").exists()


async def test_log_lines(folder: Path, tmp_path: Path) -> None:
    """Each line of the log is a JSON object, and names the request that its answer names."""
    async with serving(folder) as server, speaking(server, tmp_path / "codes") as client:
        answers = [await client.get("/v1/info"), await client.get("/v1/users/me")]
        await server.stop()
    lines = [json.loads(line) for line in server.log.read_text().splitlines()]
    told = {line["request"]: line["msg"] for line in lines if line["request"]}

    assert [told[answer.headers["Request-Id"]] for answer in answers] == [
        "GET /v1/info 200",
        "GET /v1/users/me 401",
    ]
    assert all({"ts", "level", "logger", "msg"} <= line.keys() for line in lines)


@pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="systemd-analyze is not here")
def test_unit(tmp_path: Path) -> None:
    """The unit is understood by systemd, and gives the server little that it could misuse."""
    unit = tmp_path / UNIT.name
    unit.write_text(UNIT.read_text().replace("/opt/ras/bin/ras", sys.executable))
    verified = subprocess.run(
        ["systemd-analyze", "verify", "--man=no", str(unit)],
        check=False,
        capture_output=True,
        text=True,
    )
    judged = subprocess.run(
        ["systemd-analyze", "security", "--offline=true", "--threshold=20", str(unit)],
        check=False,
        capture_output=True,
        text=True,
    )

    assert (verified.returncode, verified.stderr) == (0, "")
    assert judged.returncode == 0, judged.stdout[-200:]


def copied() -> list[str]:
    """Return what the container's build takes from the repository."""
    text = (DEPLOY / "Containerfile").read_text()
    lines = re.findall(r"^COPY (?!--from)(.+)$", text, re.MULTILINE)
    return [name for line in lines for name in line.split()[:-1]]


def test_container(tmp_path: Path) -> None:
    """From what the container's build takes a whole wheel is built, with all its data."""
    ignored = (ROOT / ".containerignore").read_text().splitlines()
    for name in copied():
        assert f"!{name.partition('/')[0]}" in ignored
        if (ROOT / name).is_dir():
            shutil.copytree(ROOT / name, tmp_path / name, ignore=shutil.ignore_patterns("*.pyc"))
        else:
            (tmp_path / name).parent.mkdir(exist_ok=True)
            shutil.copy(ROOT / name, tmp_path / name)
    subprocess.run(
        [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", "out"],
        cwd=tmp_path,
        check=True,
        capture_output=True,
    )
    (wheel,) = (tmp_path / "out").glob("*.whl")
    names = set(zipfile.ZipFile(wheel).namelist())
    wanted = {
        str(path.relative_to(ROOT))
        for path in (ROOT / "ras_server").rglob("*")
        if path.is_file() and "__pycache__" not in path.parts
    }

    assert wanted <= names
    assert "igrs_codec/bsld/frame.py" in names


def test_container_is_modest() -> None:
    """The container runs as a user of its own, keeps its data in one volume, and can be asked."""
    text = (DEPLOY / "Containerfile").read_text()

    for line in (
        "USER ras",
        "VOLUME /data",
        'HEALTHCHECK --interval=30s --timeout=5s CMD ["ras", "health"]',
    ):
        assert line in text
    assert "--require-hashes" in text
