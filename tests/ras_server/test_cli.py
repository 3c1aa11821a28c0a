"""The program `ras`, as a process of its own that does its work and ends."""

from pathlib import Path
import shutil
import stat
import subprocess

import pytest

from ras_server.cli import main
from tests.ras_server.client import ANNA, PASSWORD
from tests.ras_server.processes import ras


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
