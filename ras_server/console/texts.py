"""What the console says. The messages of the API are for logs; people read these."""

from typing import Any, Final

from igrs_codec.bsld.frame import Event, Method

from ..errors import Code, RasError

NAVIGATION: Final = (
    ("/console/", "Locks"),
    ("/console/people", "People"),
    ("/console/audit", "Audit"),
    ("/console/account", "Account"),
)
"""The pages that every page leads to."""

RIGHTS: Final = (
    ("lock", "lock"),
    ("unlock", "unlock"),
    ("open", "pull the latch"),
    ("log", "read what happened"),
    ("hold", "leave it unlocked for a while"),
)
"""What an owner can allow, and how it is called."""

POLICIES: Final = (
    ("off", "No matter where"),
    ("confirm", "Asks who is not near"),
    ("deny", "Opens only near"),
)
"""What a place means for an unlock."""

WEEKDAYS: Final = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")

WINDOWS: Final = ("once", "for an hour", "for a day", "for 7 days", "for 28 days")
"""How long a code for the keypad works, by its class."""

SECOND_FACTORS: Final = {
    "phone": "text message",
    "email": "e-mail",
    "totp": "authenticator app",
    "recovery": "recovery code",
}
"""Where a code of the second factor comes from."""

CHANNELS: Final = ("phone", "email")
"""The second factors whose code the server sends."""

DONE: Final = {
    "registered": "The account is open. Log in to it now.",
    "deleted": "The account is deleted.",
    "reset": "The new password is set. Log in with it now.",
    "renamed": "The new name is saved.",
    "locked": "The door is locked.",
    "unlocked": "The door is unlocked.",
    "opened": "The door is open.",
    "waiting": "The command is on its way. The lock has not answered yet.",
    "granted": "Access is granted. The lock learns of it when a gateway is near.",
    "revoked": "Access has ended. The lock learns of it when a gateway is near.",
    "invited": "Taken in. The locks learn of it when a gateway is near.",
    "dissolved": "The household is dissolved.",
    "code-cancelled": "The code is dead when a gateway has told the lock.",
    "rekeying": "The lock gets a new key as soon as a gateway is near.",
    "tickets-ended": "All tickets end as soon as a gateway is near; remote use waits for it.",
    "offered": "It is offered. Until it is accepted it stays yours.",
    "accepted": "The lock is yours. It gets a new key as soon as a gateway of yours is near.",
    "declined": "The offer is gone.",
    "agreed": "You said yes. It holds for a minute.",
    "disagreed": "You said no.",
    "lost": "Nobody opens it any more. You are told when a gateway hears it.",
    "found": "It can be used again.",
    "removed": "The lock is removed as soon as a gateway is near.",
    "forgotten": "The server has forgotten the lock. It still has to be reset by hand.",
    "configured": "Saved. The lock is told when a gateway is near.",
    "trust-ended": "That browser is asked for a code again.",
    "session-ended": "That login has ended.",
    "gateway-manages": "The gateway manages people and codes of your locks from now on.",
    "gateway-manages-no-more": "The gateway manages no more. What it gave has ended.",
    "gateway-removed": "The gateway is removed. Its locks get new keys.",
    "saved": "Saved.",
    "app-on": "From now on every login asks for a code of your app.",
    "app-off": "Logins ask for a code that is sent to you.",
}
"""What was done, under the name that stands in the address."""

PROBLEMS: Final[dict[Code, str]] = {
    Code.FAILED: "It did not work, and the lock gave no reason.",
    Code.ACCOUNT_MALFORMED: "This is neither a phone number like +491701234567 nor an e-mail"
    " address.",
    Code.ACCOUNT_TAKEN: "This account exists already.",
    Code.VERIFICATION_WRONG: "The code is wrong or too old.",
    Code.CREDENTIALS_WRONG: "The account or the password is wrong.",
    Code.SECOND_FACTOR_NEEDED: "Please log in again first.",
    Code.TOO_MANY_TRIES: "Too many wrong tries.",
    Code.TOKEN_INVALID: "Please log in again.",
    Code.DEVICE_UNKNOWN: "This lock is not known, or you have no access to it.",
    Code.DEVICE_OWNED: "This belongs to somebody else, or is still in use.",
    Code.NO_GATEWAY: "No gateway is near the lock.",
    Code.BUSY: "The lock is busy. Try again in a moment.",
    Code.DEVICE_TIMEOUT: "The lock did not answer. It may have done it or not: look at its state.",
    Code.NOT_SUPPORTED: "The lock cannot do this.",
    Code.FRAME_REJECTED: "The lock did not accept it: it has to be told something first. Try again"
    " when a gateway is near.",
    Code.DEVICE_ID_MALFORMED: "This lock is not known, or you have no access to it.",
    Code.CLOCK_UNSET: "The lock does not know the time yet.",
    Code.JAMMED: "The bolt is jammed.",
    Code.MEMORY_FULL: "The memory of the lock is full.",
    Code.NOT_PERMITTED: "You may not do this.",
    Code.OUTSIDE_SCHEDULE: "Not at this time of the week.",
    Code.EXPIRED: "The access has expired or was revoked.",
    Code.GEOFENCE: "Only near the door.",
    Code.USES_SPENT: "All uses are spent.",
    Code.CONFIRMATION_NEEDED: "This needs a confirmation or a PIN.",
    Code.PIN_WRONG: "The PIN is wrong.",
    Code.MALFORMED: "Something in the form is not right.",
    Code.MID_REUSED: "This form was sent before. Load the page again.",
    Code.UNKNOWN: "There is no such thing here. It may have ended meanwhile.",
    Code.CHANGED: "Somebody changed it meanwhile. Load the page again.",
    Code.RUNNING: "This is being done already.",
    Code.RATE_LIMITED: "Too many requests.",
    Code.NOT_READY: "The server is not ready.",
}

_SECOND_PERSON: Final = {
    Code.CONFIRMATION_NEEDED: "Somebody else has to agree, and was asked. Press again when that is"
    " done; a yes holds for a minute.",
    Code.NOT_PERMITTED: "Somebody else had to agree, and said no.",
}
"""The same where a second person is what it needs."""

EVENTS: Final = {
    "user.register": "Account made",
    "user.login": "Login",
    "user.rename": "Name changed",
    "user.reset": "Password reset",
    "user.totp.on": "Authenticator app set up",
    "user.totp.off": "Authenticator app given up",
    "user.totp.codes": "New recovery codes",
    "user.export": "Data taken along",
    "session.end": "Login ended",
    "trust.end": "Browser no longer trusted",
    "session.stolen": "Stolen login ended",
    "gateway.create": "Gateway added",
    "gateway.rotate": "Gateway got a new secret",
    "gateway.remove": "Gateway removed",
    "gateway.manage": "Gateway may manage access",
    "gateway.manage_no_more": "Gateway may manage access no more",
    "device.register": "Lock registered",
    "device.claim": "Registration began",
    "device.change": "Lock renamed",
    "device.config": "Lock configured",
    "device.transfer": "Lock handed over",
    "device.lost": "Lock lost",
    "device.found": "Lock found",
    "device.heard": "Lost lock heard",
    "device.offer": "Lock offered to somebody",
    "device.decline": "Offer of a lock ended",
    "device.wipe": "Lock removed",
    "device.forget": "Lock forgotten",
    "grant.create": "Access granted",
    "grant.change": "Access changed",
    "grant.renew": "Tickets of one person ended",
    "grant.revoke": "Access ended",
    "code.issue": "Code given out",
    "code.cancel": "Code cancelled",
    "site.create": "Household made",
    "site.change": "Household changed",
    "site.geofence": "Place of a household set",
    "site.remove": "Household dissolved",
    "site.invite": "Person taken in",
    "site.dismiss": "Person dismissed",
    "site.put_device": "Lock added to a household",
    "site.take_device": "Lock taken out of a household",
    "access.approve": "Agreed to what somebody asked",
    "access.refuse": "Said no to what somebody asked",
    "access.managed": "Gateway managed access",
    "access.lock": "Asked to lock",
    "access.unlock": "Asked to unlock",
    "access.open": "Asked to open",
    "lock.answer": "The lock answered",
    "operation.receipt": "The gateway took it",
    "operation.sent": "Sent to the lock",
    "log.record": "Record of the lock",
    "log.conflict": "Record that contradicts another",
    "key.owner": "Lock has its owner's key",
    "key.rekey": "New key wanted",
    "key.revoke_all": "Tickets ended",
    "ticket.issue": "Ticket issued",
}
"""What an action of the audit means; the others are shown by their names."""


RECORDS: Final = {
    Event.LOCK: "Locked",
    Event.UNLOCK: "Unlocked",
    Event.OPEN: "Latch pulled",
    Event.DOOR_OPENED: "Door opened",
    Event.DOOR_CLOSED: "Door closed",
    Event.TAMPER: "Tampered with",
    Event.LOW_BATTERY: "Battery low",
    Event.WRONG_CODES: "Too many wrong codes",
    Event.JAM: "Bolt jammed",
    Event.DURESS: "Opened under duress",
    Event.FORCED: "Forced open",
    Event.AJAR: "Door left open",
    Event.ALARM_CLEARED: "Alarm over",
    Event.USER_WRITTEN: "Person added",
    Event.USER_DELETED: "Person removed",
    Event.EPOCH: "Tickets ended",
    Event.PREPARED: "New key prepared",
    Event.CLOCK_SET: "Clock set",
    Event.BOOT: "Restarted",
    Event.BAD_PACKETS: "Packets that do not fit",
}
"""What a record of a lock says."""

VERDICTS: Final = {
    "refused": "The server refused, and nobody tells of anything else.",
    "open": "Not everybody has spoken yet: records of the lock arrive with a gateway.",
    "failed": "The lock answered that it did not do it.",
    "complete": "Server, gateway and lock tell the same.",
    "contradiction": "The witnesses contradict each other.",
}
"""What the witnesses of an operation say together."""

SOURCES: Final = {
    "session": "told by the lock",
    "advert": "heard from the lock",
    "gateway": "told by a gateway",
    "none": "no answer of the lock",
}
"""Who says what the state of a lock is."""

METHODS: Final = {
    Method.HAND: "by hand",
    Method.GATEWAY: "gateway",
    Method.PHONE: "phone",
    Method.FIXED_CODE: "code",
    Method.TIMED_CODE: "timed code",
    Method.ONE_TIME_CODE: "one-time code",
    Method.FINGERPRINT: "fingerprint",
    Method.CARD: "card",
    Method.KEY: "key",
    Method.INSIDE_BUTTON: "button inside",
}
"""How an event came about, where nobody is named."""


def problem(err: RasError) -> dict[str, Any]:
    """Return what went wrong: a sentence, and the fields that are to blame."""
    text = PROBLEMS.get(err.code, "The server could not do this.")
    if err.data.get("needs") == "second_person":
        text = _SECOND_PERSON[err.code]
    if err.retry_after is not None:
        text += f" Wait {err.retry_after} s."
    return {
        "text": text,
        "fields": [
            {"name": each["pointer"].strip("/").replace("/", " "), "what": each["message"]}
            for each in err.data.get("errors", ())
        ],
    }
