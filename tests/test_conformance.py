"""The conformance checklist names only what exists."""

from pathlib import Path
import re
from typing import Final

ROOT: Final = Path(__file__).resolve().parent.parent
TEXT: Final = (ROOT / "docs/conformance.md").read_text(encoding="utf-8")
ROWS: Final = re.findall(r"^\| ([LRTP]\d\d) \|.*\| (.*) \| (.*) \|$", TEXT, re.MULTILINE)


def test_every_line_is_there() -> None:
    """No line of the checklist is left out."""
    expected = [
        f"{letter}{number:02}"
        for letter, last in (("L", 65), ("R", 47), ("T", 26), ("P", 8))
        for number in range(1, last + 1)
    ]

    assert [row for row, _, _ in ROWS] == expected


def test_places_exist() -> None:
    """What is said to implement something is there."""
    named = {place for _, where, _ in ROWS for place in re.findall(r"`([^`]+)`", where)}

    assert {place for place in named if not (ROOT / place).exists()} == set()


def test_tests_exist() -> None:
    """What is said to be tested is tested, and nothing is tested that is not built."""
    for row, where, test in ROWS:
        assert test == "-" or "`" in test, row
        assert where != "not built" or test == "-", row
        for name in re.findall(r"`([^`]+)`", test):
            file, _, function = name.partition("::")
            text = (ROOT / file).read_text(encoding="utf-8")

            assert f"def {function}(" in text if function else text, name
