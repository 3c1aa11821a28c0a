"""`python -m ras_server` is the program `ras`."""

import sys

from .cli import main

sys.exit(main())
