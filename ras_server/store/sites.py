"""Sites: a home with its household, its locks and its place."""

from dataclasses import astuple, dataclass
from typing import Any

from .db import Database


@dataclass(frozen=True, slots=True, kw_only=True)
class Site:
    """A home of a person (fields as in migration 0004); `fence` is JSON."""

    site_id: str
    owner: str
    name: str
    lockdown: int = 0
    fence: str | None = None
    created: int
    rev: int = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Person:
    """A person of a household; `role` is `member` or `guest`.

    `user_id` is missing as long as the person of `account` is not registered.
    """

    person_id: str
    site_id: str
    user_id: str | None
    account: str | None
    role: str
    created: int


def add(db: Database, site: Site) -> None:
    """Store a new site."""
    db.execute("INSERT INTO site VALUES (?, ?, ?, ?, ?, ?, ?)", astuple(site))


def get(db: Database, site_id: str) -> Site | None:
    """Return a site."""
    return _site(db, "site_id = ?", (site_id,))


def of_device(db: Database, device_id: str) -> Site | None:
    """Return the site that a lock is at."""
    return _site(
        db, "site_id = (SELECT site_id FROM site_device WHERE device_id = ?)", (device_id,)
    )


def of_owner(db: Database, user_id: str, after: tuple[int, str], limit: int) -> list[Site]:
    """Return a page of the sites of a person, the oldest first."""
    rows = db.all(
        "SELECT * FROM site WHERE owner = ? AND (created, site_id) > (?, ?)"
        " ORDER BY created, site_id LIMIT ?",
        (user_id, *after, limit),
    )
    return [Site(**row) for row in rows]


def _site(db: Database, condition: str, parameters: tuple[Any, ...]) -> Site | None:
    row = db.one(f"SELECT * FROM site WHERE {condition}", parameters)  # noqa: S608 - of this module
    return None if row is None else Site(**row)


def with_gateway(db: Database, owner: str, gateway_id: str) -> list[Site]:
    """Return the sites of a person to whose households a gateway belongs."""
    rows = db.all(
        "SELECT site.* FROM site JOIN site_gateway USING (site_id)"
        " WHERE owner = ? AND gateway_id = ? ORDER BY site_id",
        (owner, gateway_id),
    )
    return [Site(**row) for row in rows]


def save(db: Database, site: Site) -> bool:
    """Store a changed site; False if it was changed in the meantime."""
    changed = db.execute(
        "UPDATE site SET name = ?, lockdown = ?, fence = ?, rev = rev + 1"
        " WHERE site_id = ? AND rev = ?",
        (site.name, site.lockdown, site.fence, site.site_id, site.rev),
    )
    return changed == 1


def remove(db: Database, site_id: str) -> None:
    """Remove a site; its locks stay with their owner."""
    db.execute("DELETE FROM site WHERE site_id = ?", (site_id,))


def devices(db: Database, site_id: str) -> list[str]:
    """Return the ids of the locks of a site."""
    rows = db.all(
        "SELECT device_id FROM site_device WHERE site_id = ? ORDER BY device_id", (site_id,)
    )
    return [row["device_id"] for row in rows]


def put_device(db: Database, site_id: str, device_id: str) -> None:
    """Put a lock into a site."""
    db.execute("INSERT INTO site_device (device_id, site_id) VALUES (?, ?)", (device_id, site_id))


def take_device(db: Database, device_id: str) -> bool:
    """Take a lock out of its site; False if it is in none."""
    return bool(db.execute("DELETE FROM site_device WHERE device_id = ?", (device_id,)))


def gateways(db: Database, site_id: str) -> list[str]:
    """Return the ids of the gateways that belong to the household besides the owner's own."""
    rows = db.all(
        "SELECT gateway_id FROM site_gateway WHERE site_id = ? ORDER BY gateway_id", (site_id,)
    )
    return [row["gateway_id"] for row in rows]


def put_gateway(db: Database, site_id: str, gateway_id: str) -> None:
    """Count a gateway of a member as one of the household."""
    db.execute(
        "INSERT OR IGNORE INTO site_gateway (site_id, gateway_id) VALUES (?, ?)",
        (site_id, gateway_id),
    )


def take_gateway(db: Database, site_id: str, gateway_id: str) -> bool:
    """Count a gateway as one of the household no longer; False if it was none."""
    return bool(
        db.execute(
            "DELETE FROM site_gateway WHERE site_id = ? AND gateway_id = ?", (site_id, gateway_id)
        )
    )


_OF_DEVICE = (
    "SELECT gateway_id FROM site_device JOIN site_gateway USING (site_id)"
    " JOIN gateway USING (gateway_id) WHERE site_device.device_id = ?"
)
_OF_MEMBER = (
    f"{_OF_DEVICE} AND EXISTS (SELECT 1 FROM access_grant JOIN holder USING (grant_id)"  # noqa: S608 - of this module
    " WHERE access_grant.device_id = site_device.device_id AND holder.user_id = gateway.user_id"
    " AND person_id IS NOT NULL AND revoked IS NULL)"
)
"""With the access of its member to a lock his gateway's part in it ends, too."""


def gateways_of(db: Database, device_id: str) -> list[str]:
    """Return the ids of the gateways of a lock's household besides the owner's own."""
    return [row["gateway_id"] for row in db.all(_OF_MEMBER, (device_id,))]


def is_gateway_of(db: Database, device_id: str, gateway_id: str) -> bool:
    """Return whether a gateway belongs to the household of a lock besides the owner's own."""
    return db.one(f"{_OF_MEMBER} AND gateway_id = ?", (device_id, gateway_id)) is not None


def has_left(db: Database, device_id: str, user_id: str) -> bool:
    """Return whether a person had a gateway in the household of a lock, and has none now."""
    mine = " AND gateway.user_id = ?"
    had = db.one(_OF_DEVICE + mine, (device_id, user_id))
    return had is not None and db.one(_OF_MEMBER + mine, (device_id, user_id)) is None


def add_person(db: Database, person: Person) -> None:
    """Store a new person of a household."""
    db.execute("INSERT INTO site_person VALUES (?, ?, ?, ?, ?, ?)", astuple(person))


def person(db: Database, person_id: str) -> Person | None:
    """Return a person of a household."""
    row = db.one("SELECT * FROM site_person WHERE person_id = ?", (person_id,))
    return None if row is None else Person(**row)


def people(db: Database, site_id: str) -> list[Person]:
    """Return the household of a site without its owner, the oldest first."""
    rows = db.all(
        "SELECT * FROM site_person WHERE site_id = ? ORDER BY created, person_id", (site_id,)
    )
    return [Person(**row) for row in rows]


def is_met(db: Database, person_id: str) -> bool:
    """Return whether a person has asked for one of the locks."""
    return (
        db.one("SELECT 1 FROM access_grant WHERE person_id = ? AND met LIMIT 1", (person_id,))
        is not None
    )


def remove_person(db: Database, person_id: str) -> None:
    """Remove a person from a household."""
    db.execute("DELETE FROM site_person WHERE person_id = ?", (person_id,))


def remove_memberships(db: Database, user_id: str) -> None:
    """Remove a person from every household."""
    db.execute(
        "DELETE FROM site_person WHERE user_id = ?1"
        " OR account = (SELECT account FROM user WHERE user_id = ?1)",
        (user_id,),
    )
