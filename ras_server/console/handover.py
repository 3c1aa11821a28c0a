"""A lock that goes to somebody else, and one that is lost."""

from typing import Any, Final

from .action import Action, form
from .grants import subject
from .locks import LOCK, show, show_all
from .page import HOME, Visitor

_TRANSFER: Final = "/console/transfers/{transfer_id}"


def _account(visitor: Visitor) -> dict[str, Any]:
    return {"account": subject(visitor)["account"]}


ROUTES: Final = (
    form(
        f"{LOCK}/transfer",
        Action(
            method="POST",
            api="/v1/devices/{device_id}/transfer",
            fields=_account,
            back=HOME,
            done="offered",
            shown=show,
        ),
    ),
    form(
        f"{_TRANSFER}/accept",
        Action(
            method="POST",
            api="/v1/transfers/{transfer_id}/accept",
            back=HOME,
            done="accepted",
            shown=show_all,
        ),
    ),
    form(
        f"{_TRANSFER}/decline",
        Action(
            method="DELETE",
            api="/v1/transfers/{transfer_id}",
            back=HOME,
            done="declined",
            shown=show_all,
        ),
    ),
    form(
        f"{LOCK}/lost",
        Action(
            method="PUT",
            api="/v1/devices/{device_id}/lost",
            back=LOCK,
            done="lost",
            shown=show,
        ),
    ),
    form(
        f"{LOCK}/found",
        Action(
            method="DELETE",
            api="/v1/devices/{device_id}/lost",
            back=LOCK,
            done="found",
            shown=show,
        ),
    ),
)
