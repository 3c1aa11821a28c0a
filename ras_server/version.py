"""What this program is, and which versions of its interface it speaks."""

from importlib.metadata import version
from typing import Final

VERSION: Final = version("igrs-ras")
SCHEMA: Final = 1
