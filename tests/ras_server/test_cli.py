"""The program `ras`, as a process of its own."""

import asyncio
from collections.abc import AsyncIterator
import json
from pathlib import Path
import shutil
import signal
import stat
import subprocess
import time

import pytest

from ras_server.cli import main
from tests.ras_server.client import PASSWORD, Client, mid, verifier
from tests.ras_server.processes import Server, memory, ras, serving, speaking
from tests.ras_server.sockets import started

ANNA = "anna@example.org"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Return the folder of a new server, which puts its codes into a file."""
    folder = tmp_path / "ras"
    code = main(["init", "--folder", str(folder), "--delivery", f"file:{folder / 'codes'}"])
    assert code == 0
    return folder


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


def test_init(folder: Path) -> None:
    """A new server has a database, a key for its user only, and a settings file."""
    modes = {each.name: stat.S_IMODE(each.stat().st_mode) for each in folder.iterdir()}

    assert modes["master.key"] == 0o400
    assert modes["ras.db"] == modes["ras.toml"] == 0o600
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    assert len(bytes.fromhex((folder / "master.key").read_text())) == 32


def test_init_twice(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A server is never made over another one."""
    key = (folder / "master.key").read_text()
    capsys.readouterr()

    assert main(["init", "--folder", str(folder)]) == 1
    assert "exists already" in capsys.readouterr().err
    assert (folder / "master.key").read_text() == key


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        pytest.param(["serve"], "run `ras init --folder", id="no server"),
        pytest.param(["user", "list"], "run `ras init --folder", id="no server to ask"),
        pytest.param(["init", "--host", "example.org"], "must be an IP address", id="host"),
        pytest.param(["init", "--port", "65536"], "port must be 0 to 65535", id="port"),
    ],
)
def test_what_to_do(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], arguments: list[str], says: str
) -> None:
    """What cannot work ends with 1 and one line that says what to do."""
    code = main([*arguments, "--folder", str(tmp_path / "none")])
    err = capsys.readouterr().err

    assert code == 1
    assert says in err
    assert err.count("\n") == 1


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


@pytest.mark.parametrize(
    ("line", "says"),
    [
        ("port = 'x'", "port is no setting, or has the wrong type"),
        ("colour = 'red'", "colour is no setting"),
        ("port = ", "cannot be read"),
    ],
)
def test_wrong_settings(
    folder: Path, capsys: pytest.CaptureFixture[str], line: str, says: str
) -> None:
    """A mistake in the settings file is named."""
    (folder / "ras.toml").write_text(line)

    assert main(["serve", "--folder", str(folder)]) == 1
    assert says in capsys.readouterr().err


async def test_broken_key(folder: Path) -> None:
    """A key file that holds no key is named, and the server does not start."""
    (folder / "master.key").chmod(0o600)
    (folder / "master.key").write_text("nothing")
    result = await ras("serve", "--folder", folder)

    assert result.code == 1
    assert "does not contain a master key" in result.err
    assert result.err.count("\n") == 1


async def test_broken_database(folder: Path) -> None:
    """A file that is no database is named, and the server does not start."""
    (folder / "ras.db").write_bytes(b"Dear diary, " * 400)
    result = await ras("serve", "--folder", folder)

    assert result.code == 1
    assert "cannot be opened" in result.err
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


async def test_administration_without_a_server(folder: Path) -> None:
    """If no server runs, the command does the work itself, and leaves nothing behind."""
    added = await ras("user", "add", "+491701234567", "--folder", folder, stdin=PASSWORD)
    listed = await ras("user", "list", "--folder", folder)

    assert (added.code, listed.code) == (0, 0)
    assert added.out.strip() in listed.out
    assert not (folder / "ras.sock").exists()


@pytest.mark.parametrize(
    ("arguments", "stdin", "says"),
    [
        pytest.param(["user", "lock", "u-nobody"], "", "no such user (4005)", id="user"),
        pytest.param(["user", "add", "nobody"], PASSWORD, "E.164", id="account"),
        pytest.param(["user", "add", ANNA], "short", "at least 8 characters", id="password"),
        pytest.param(["device", "import", "none.csv"], "", "none.csv", id="no file"),
        pytest.param(["backup", "x"], "", "give the passphrase", id="backup"),
    ],
)
async def test_administration_in_vain(
    folder: Path, arguments: list[str], stdin: str, says: str
) -> None:
    """A command that cannot do its work ends with 1 and one line."""
    result = await ras(*arguments, "--folder", folder, stdin=stdin)

    assert result.code == 1
    assert says in result.err
    assert result.err.count("\n") == 1


async def test_import_and_audit(folder: Path, tmp_path: Path) -> None:
    """Factory keys are imported from a CSV file, and the audit of it holds."""
    table = tmp_path / "keys.csv"
    table.write_text("device_id,k_f\nA1B2C3D4E5F6,f0e1d2c3b4a5968778695a4b3c2d1e0f\n")
    imported = await ras("device", "import", table, "--folder", folder)
    listed = await ras("device", "list", "--folder", folder)
    verified = await ras("audit", "verify", "--folder", folder)

    assert (imported.code, listed.code, verified.code) == (0, 0, 0)
    assert listed.out.startswith("A1B2C3D4E5F6\t")
    assert "unchanged" in verified.out
    for result in imported, listed, verified:
        assert "f0e1d2c3" not in (result.out + result.err).lower()


def test_help(capsys: pytest.CaptureFixture[str]) -> None:
    """The help names every command."""
    with pytest.raises(SystemExit) as done:
        main(["--help"])
    text = capsys.readouterr().out

    assert done.value.code == 0
    for command in "init", "serve", "user", "device", "audit", "backup", "restore", "completion":
        assert command in text


def test_misuse(capsys: pytest.CaptureFixture[str]) -> None:
    """A wrong command ends with 2 and the usage."""
    with pytest.raises(SystemExit) as done:
        main(["paint"])

    assert done.value.code == 2
    assert "usage: ras" in capsys.readouterr().err


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


@pytest.mark.parametrize("shell", ["bash", "zsh"])
@pytest.mark.parametrize(
    ("typed", "offered"),
    [
        pytest.param(["au"], {"audit"}, id="command"),
        pytest.param(["user", "l"], {"list", "lock"}, id="subcommand"),
        pytest.param(["--folder", "x", "user", "ad"], {"add"}, id="after an option"),
        pytest.param(["serve", "--log"], {"--log-level"}, id="option"),
        pytest.param(["completion", "z"], {"zsh"}, id="argument"),
    ],
)
def test_completion(
    capsys: pytest.CaptureFixture[str], shell: str, typed: list[str], offered: set[str]
) -> None:
    """The completion of a shell knows every command, its options and its arguments."""
    if shutil.which(shell) is None:
        pytest.skip(f"{shell} is not here")
    assert main(["completion", shell]) == 0
    words = " ".join(f"'{word}'" for word in ["ras", *typed])
    script = capsys.readouterr().out.replace("autoload -U +X bashcompinit && bashcompinit", "")
    script = script.replace("complete -o default -F _ras ras", "")
    if shell == "zsh":
        script = "autoload -U +X compinit bashcompinit; compinit -u; bashcompinit\n" + script
        script = "setopt ksharrays shwordsplit\n" + script
    ask = f'COMP_WORDS=({words}); COMP_CWORD={len(typed)}; _ras; printf "%s\\n" "${{COMPREPLY[@]}}"'
    done = subprocess.run(
        [shell, "-c", f"{script}\n{ask}"], check=False, capture_output=True, text=True
    )

    assert set(done.stdout.split()) == offered, done.stderr
