"""Every error that the programs of this room tell a person, in one line.

BsldError
├── DoorError   nobody can do that at a door, or at this one
└── HomeError   a home or a lock cannot start, or cannot go on
"""


class BsldError(Exception):
    """Base; the text says what is wrong and what to do."""


class DoorError(BsldError):
    """What was asked of a door cannot be done."""


class HomeError(BsldError):
    """A home or a lock cannot start, or cannot go on."""
