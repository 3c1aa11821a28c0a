"""The settings: where they come from, and what is said of wrong ones."""

from pathlib import Path

import pytest

from ras_server.settings import Settings, SettingsError


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Return the folder of a server whose file sets a name and a port."""
    Settings(folder=tmp_path, name="File", port=1).create()
    return tmp_path


def load(folder: Path, **variables: str) -> Settings:
    """Load under an environment."""
    return Settings.load(folder, environment=variables | {"PATH": "/bin"})


def test_order(folder: Path) -> None:
    """An option counts before the environment, that before the file, that before the default."""
    environment = {"RAS_PORT": "2", "RAS_ANNOUNCE": "false", "RAS_FOLDER": "x"}
    settings = Settings.load(folder, environment=environment, host="::1", delivery=None)

    assert (settings.name, settings.port, settings.host) == ("File", 2, "::1")
    assert settings.announce is False
    assert settings.delivery == "console"


@pytest.mark.parametrize(
    "variable",
    [
        pytest.param({"RAS_COLOUR": "red"}, id="unknown"),
        pytest.param({"RAS_PORT": "many"}, id="no number"),
        pytest.param({"RAS_PORT": "²"}, id="no digit"),
        pytest.param({"RAS_ANNOUNCE": "perhaps"}, id="no boolean"),
    ],
)
def test_wrong_variable(folder: Path, variable: dict[str, str]) -> None:
    """A variable that sets nothing is named; its value, perhaps a secret, is not told."""
    with pytest.raises(SettingsError) as wrong:
        load(folder, **variable)

    (name, value), *_ = variable.items()
    assert name in str(wrong.value)
    assert value not in str(wrong.value)


def test_wrong_proxies(folder: Path) -> None:
    """A proxy has an IP address."""
    with pytest.raises(SettingsError, match="proxies"):
        load(folder, RAS_PROXIES="127.0.0.1, proxy.example")


def test_all_at_once(folder: Path) -> None:
    """All mistakes are told at once: of the file, of the environment, of the checks."""
    with (folder / "ras.toml").open("a") as file:
        file.write('colour = "red"\nannounce = 1\n')

    def refuse(settings: Settings) -> None:
        raise SettingsError(f"{settings.name} is refused", "twice")

    with pytest.raises(SettingsError) as wrong:
        Settings.load(
            folder,
            refuse,
            environment={"RAS_PORT": "70000", "RAS_URL": "ftp://x", "RAS_X": ""},
            host="nowhere",
        )

    assert len(wrong.value.args) == 8
    for part in "colour", "announce", "RAS_X", "host", "port", "url", "File is refused", "twice":
        assert any(part in each for each in wrong.value.args)
    assert "\n" not in str(wrong.value)
