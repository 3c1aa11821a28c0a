"""The wheel that servers install has everything, and works without the repository."""

from pathlib import Path
import subprocess
import sys
from typing import Final
from zipfile import ZipFile

import pytest

ROOT: Final = Path(__file__).resolve().parent.parent
TRY: Final = (
    "import igrs_codec.bsld.frame, reference_devices.cli, ras_server.app as app; print(app)"
)


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the folder of a wheel that was built by way of the source distribution."""
    folder = tmp_path_factory.mktemp("package")
    build = (sys.executable, "-m", "hatchling", "build", "--directory", folder)
    subprocess.run([*build, "--target", "sdist"], cwd=ROOT, check=True, capture_output=True)
    (archive,) = folder.glob("*.tar.gz")
    subprocess.run(["tar", "-xf", archive], cwd=folder, check=True)
    source = next(path for path in folder.iterdir() if path.is_dir())
    subprocess.run([*build, "--target", "wheel"], cwd=source, check=True, capture_output=True)
    (built,) = folder.glob("*.whl")
    with ZipFile(built) as content:
        content.extractall(folder / "installed")
    return folder / "installed"


def test_packages(wheel: Path) -> None:
    """There are the three packages, and what they read beside their modules."""
    names = {path.name for path in wheel.iterdir() if not path.name.endswith(".dist-info")}
    migrations = sorted((ROOT / "ras_server/store/migrations").glob("*.sql"))

    assert names == {"igrs_codec", "ras_server", "reference_devices"}
    assert migrations
    for path in migrations:
        assert (wheel / path.relative_to(ROOT)).read_text() == path.read_text()


def test_imports(wheel: Path) -> None:
    """What is installed does not look back into the repository."""
    code = f"import sys; sys.path.insert(0, {str(wheel)!r}); {TRY}"

    done = subprocess.run(
        [sys.executable, "-P", "-c", code], cwd=wheel, capture_output=True, text=True, check=True
    )

    assert str(wheel) in done.stdout
