"""The program `ras` as a server: how it starts, what it survives, how it ends."""

import asyncio
from collections.abc import AsyncIterator
import json
from pathlib import Path
import signal
import stat
import time

import pytest

from tests.ras_server.client import ANNA, PASSWORD, Client, mid, verifier
from tests.ras_server.processes import Server, memory, ras, serving, speaking
from tests.ras_server.sockets import started


@pytest.fixture
async def server(folder: Path) -> AsyncIterator[Server]:
    """Return the running server."""
    async with serving(folder) as server:
        yield server


@pytest.fixture
async def client(server: Server, folder: Path) -> AsyncIterator[Client]:
    """Return a caller of the running server."""
    async with speaking(server, folder / "codes") as client:
        yield client


@pytest.mark.parametrize(
    ("options", "says"),
    [
        pytest.param(["--host", "::"], "give --cert and --key", id="everywhere"),
        pytest.param(["--host", "192.0.2.1"], "give --cert and --key", id="not loopback"),
        pytest.param(["--cert", "x.pem"], "belong together", id="half"),
        pytest.param(["--cert", "x.pem", "--key", "y.pem"], "No such file", id="missing"),
        pytest.param(["--delivery", "pigeon"], "delivery must be console", id="delivery"),
    ],
)
async def test_serve_in_vain(folder: Path, options: list[str], says: str) -> None:
    """A server that must not or cannot listen says why, in one line, and ends with 1."""
    result = await ras("serve", "--folder", folder, "--port", 0, *options)

    assert (result.code, result.out) == (1, "")
    assert says in result.err
    assert result.err.count("\n") == 1


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
async def test_serve(server: Server, client: Client, folder: Path, number: int) -> None:
    """The server says where it listens, answers, and ends with 0 when it is told to."""
    assert (await client.get("/v1/info")).data["name"] == "RAS"
    assert stat.S_IMODE((folder / "ras.sock").stat().st_mode) == 0o600

    began = time.monotonic()
    assert await server.stop(number) == 0
    assert time.monotonic() - began < 2
    assert not (folder / "ras.sock").exists()


async def test_light(folder: Path) -> None:
    """The server is ready in a second, and takes less than 75 MiB."""
    began = time.process_time(), time.monotonic()
    async with serving(folder) as server, speaking(server, folder / "codes") as client:
        ready = time.monotonic() - began[1]
        await client.get("/healthz")
        used = memory(server.process)

    assert used < 75
    assert ready < 5  # one second on a machine that does nothing else; see the benchmarks


async def test_two_servers(server: Server, folder: Path) -> None:
    """A folder is served once."""
    assert server.url
    result = await ras("serve", "--folder", folder, "--port", 0)

    assert result.code == 1
    assert "in use" in result.err


async def test_port_taken(server: Server, tmp_path: Path) -> None:
    """A port that is taken is named."""
    other = tmp_path / "other"
    await ras("init", "--folder", other)
    port = server.url.rpartition(":")[2]
    result = await ras("serve", "--folder", other, "--port", port)

    assert result.code == 1
    assert f"127.0.0.1:{port} cannot be used" in result.err


async def test_codes_in_a_file(client: Client, folder: Path) -> None:
    """Codes for registration and login go to the file, which is its user's only."""
    await client.enter(ANNA)
    lines = [json.loads(line) for line in (folder / "codes").read_text().splitlines()]

    assert [line.keys() for line in lines] == [{"account", "code"}] * 2
    assert {line["account"] for line in lines} == {ANNA}
    assert stat.S_IMODE((folder / "codes").stat().st_mode) == 0o600


async def test_codes_on_the_console(folder: Path) -> None:
    """Without a plug-in the codes appear on the console of the server, and only there."""
    async with (
        serving(folder, "--delivery", "console") as server,
        speaking(server, folder / "codes") as client,
    ):
        named = {"type": "email", "value": ANNA}
        await client.post("/v1/users/verification", {"account": named, "purpose": "register"})
        assert server.process.stdout is not None
        line = (await server.process.stdout.readline()).decode().split()

    assert line[:2] == ["CODE", ANNA]
    assert len(line[2]) == 6
    assert line[2] not in (folder / "log").read_text()


async def test_kill(server: Server, client: Client, folder: Path) -> None:
    """What was answered is there after the process was killed, also the answer itself."""
    proved = await client.verified(ANNA)
    body = proved | {"mid": mid(), "display_name": "Anna", "scram": verifier(PASSWORD)}
    first = await client.post("/v1/users/register", body)
    await client.log_in(ANNA)
    gateway = await client.post("/v1/gateways", {"name": "H", "kind": "phone", "version": "1"})
    assert await server.stop(signal.SIGKILL) == -signal.SIGKILL

    async with serving(folder) as again, speaking(again, folder / "codes") as client_again:
        repeated = await client_again.post("/v1/users/register", body)
        client_again.token = client.token
        me = await client_again.get("/v1/users/me")
        await client_again.another().log_in_gateway(gateway.data)

    assert repeated.headers["Replayed"] == "1"
    assert repeated.data == first.data
    assert me.data["user_id"] == first.data["user_id"]


async def test_push_after_a_crash(server: Server, client: Client, folder: Path) -> None:
    """Messages survive the process, and their numbers go on."""
    await client.enter(ANNA)
    gateway = await client.gateway()
    async with started(gateway) as (socket, _), started(client, role="user", after=0) as (mine, _):
        await socket.say(op="ping", t=1)
        await socket.hear()
        seen = await mine.envelope()
        assert await server.stop(signal.SIGKILL) == -signal.SIGKILL

    async with serving(folder) as again, speaking(again, folder / "codes") as client_again:
        client_again.token = client.token
        async with started(client_again, role="user", after=0) as (mine, ready):
            repeated = await mine.envelope()
            gateway.url = client_again.url
            async with started(gateway):
                newer = await mine.envelope()

    assert (ready["seq"], ready["missed"]) == (1, 1)
    assert repeated == seen
    assert (newer["seq"], newer["body"]) == (2, {"online": True})


async def test_administration(server: Server, client: Client, folder: Path) -> None:
    """An administrator adds, lists, locks and unlocks users of a running server."""
    added = await ras("user", "add", ANNA, "--name", "Anna", "--folder", folder, stdin=PASSWORD)
    user_id = added.out.strip()
    await client.log_in(ANNA)
    listed = await ras("--folder", folder, "user", "list")
    locked = await ras("user", "lock", user_id, "--folder", folder)
    thrown_out = await client.get("/v1/users/me")
    _, refused = await client.prove(ANNA)
    unlocked = await ras("user", "unlock", user_id, "--folder", folder)
    await client.log_in(ANNA)

    assert server.process.returncode is None
    assert listed.out == f"{user_id}\t{ANNA}\t-\tAnna\n"
    assert (locked.code, unlocked.code) == (0, 0)
    assert thrown_out.code == 1007
    assert (refused.http, refused.code) == (429, 1006)


async def test_slow_client_is_cut_off(server: Server, client: Client) -> None:
    """A client that waits for nothing does not keep the server from stopping."""
    await client.enter(ANNA)
    _, writer = await asyncio.open_connection("127.0.0.1", int(server.url.rpartition(":")[2]))
    writer.write(b"POST /v1/users/verification HTTP/1.1\r\nHost: x\r\nContent-Length: 99\r\n\r\n{")
    await writer.drain()

    assert await server.stop() == 0
    writer.close()


@pytest.mark.parametrize(
    "request_",
    [
        pytest.param(b"HELLO canary\r\n\r\n", id="no HTTP"),
        pytest.param(b"GET / HTTP/1.1\r\nHost: x\r\nA: canary\x01\r\n\r\n", id="header"),
        pytest.param(b"GET /canary HTTP/1.1\r\n\r\n", id="no host"),
        pytest.param(b"GET / HTTP/1.1\r\nA: " + b"canary" * 2000 + b"\r\n\r\n", id="long"),
    ],
)
async def test_no_http(server: Server, request_: bytes) -> None:
    """What is no HTTP is refused, and neither repeated nor written down."""
    reader, writer = await asyncio.open_connection("127.0.0.1", int(server.url.rpartition(":")[2]))
    writer.write(request_)
    async with asyncio.timeout(5):
        answer = await reader.read()
    writer.close()

    head, _, text = answer.partition(b"\r\n\r\n")
    body = json.loads(text)
    assert head.startswith(b"HTTP/1.0 400 ")
    assert (body["status"], body["code"]) == (1, 4001)
    for hidden in b"aiohttp", b"Python", b"canary":
        assert hidden not in answer
    assert "canary" not in server.log.read_text(encoding="utf-8")
