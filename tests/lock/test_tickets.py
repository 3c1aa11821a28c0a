"""AUTH at the lock: the rows of protocol 13, in their order."""

from typing import Any

import pytest

from igrs_codec.bsld import ticket
from igrs_codec.bsld.admin import Parameter
from igrs_codec.bsld.frame import ALL_RIGHTS, Command, Frame, FrameType, Right, Status
from igrs_codec.bsld.keys import admin_key
from igrs_codec.bsld.lock_state import DEFAULT_CONFIG, OWNER_WITHOUT_CLOCK, Ownership, User
from igrs_codec.bsld.packet import Kind, header
from igrs_codec.bsld.values import AuthAnswer
from tests.lock.bench import DAY, DEVICE, K_D, OTHER_UID, TODAY, UID, Bench, is_error, owned

HOUR = ticket.encode_ttl(3600)
LAST = TODAY + 3600


def test_ticket_opens_a_session() -> None:
    """The answer says what is granted and how many minutes are left."""
    client = Bench().client()

    answer = client.auth(time=TODAY - 90)

    assert answer == AuthAnswer(Status.OK, ALL_RIGHTS, 58, UID, 1)
    assert client.status().status is Status.OK


@pytest.mark.parametrize(
    ("fields", "status"),
    [
        pytest.param({"epoch": 2}, Status.WRONG_EPOCH, id="epoch"),
        pytest.param({"epoch": 2, "uid": 9}, Status.WRONG_EPOCH, id="epoch before user"),
        pytest.param({"uid": 9}, Status.NO_USER, id="no user"),
        pytest.param({"uid": 9, "time": TODAY - DAY}, Status.NO_USER, id="user before time"),
        pytest.param({"time": TODAY + 121}, Status.EXPIRED, id="issued too far ahead"),
        pytest.param({"time": TODAY + 120}, Status.OK, id="issued a little ahead"),
        pytest.param({"time": TODAY - 3601}, Status.EXPIRED, id="ended"),
        pytest.param({"time": TODAY - 3600}, Status.OK, id="ends now"),
        pytest.param({"rights": Right(0)}, Status.DENIED, id="no right"),
        pytest.param({"rights": Right(0xA0)}, Status.DENIED, id="only bits that mean nothing"),
        pytest.param(
            {"uid": OTHER_UID, "rights": Right.OPEN}, Status.DENIED, id="ticket and row differ"
        ),
        pytest.param(
            {"uid": OTHER_UID, "rights": Right.OPEN, "time": TODAY - DAY},
            Status.EXPIRED,
            id="time before rights",
        ),
    ],
)
def test_first_failed_condition_decides(fields: dict[str, Any], status: Status) -> None:
    """A refused ticket is answered with its status, opens nothing and shows no minutes."""
    client = Bench().client()

    answer = client.auth(**fields)

    assert answer.status is status
    assert answer.epoch == 1
    assert answer.uid == fields.get("uid", UID)
    if status is not Status.OK:
        assert (answer.rights, answer.minutes) == (Right(0), 0)
        assert client.key is None


def test_granted_is_ticket_and_row() -> None:
    """Nobody gets more than both the ticket and the row say."""
    answer = Bench().client().auth(uid=OTHER_UID, rights=Right.UNLOCK | Right.OPEN)

    assert answer.rights == Right.UNLOCK


def test_longest_ticket_shows_as_many_minutes_as_fit() -> None:
    """64 days are 92160 minutes, shown as FFFF."""
    assert Bench().client().auth(ttl=0xFF).minutes == 0xFFFF


@pytest.mark.parametrize(("day", "status"), [(2513, Status.OK), (2514, Status.EXPIRED)])
def test_first_day(day: int, status: Status) -> None:
    """A row says from which day (since 2020-01-01) on it counts."""
    own = owned(users={0: User(UID, ALL_RIGHTS, day)})

    assert Bench(own).client().auth().status is status


def test_highest_first_day_does_not_wrap() -> None:
    """The last day before `none` is in the year 2199 and never comes."""
    own = owned(users={0: User(UID, ALL_RIGHTS, 0xFFFE)})

    assert Bench(own).client().auth().status is Status.EXPIRED


def test_hello_is_good_for_one_session() -> None:
    """A second ticket under the same HELLO is ERR, under a new one it is good."""
    client = Bench().session()
    minted = client.ticket()

    assert is_error(client.write(minted.packet))
    client.renew()
    assert client.auth(minted).status is Status.OK


def test_four_tickets_under_a_hello() -> None:
    """Four well-formed tickets may fail; the fifth is ERR, whatever it is."""
    client = Bench().client()
    for _ in range(4):
        assert client.auth(uid=9).status is Status.NO_USER

    assert is_error(client.write(client.ticket().packet))
    client.renew()
    assert client.auth().status is Status.OK


def test_noise_does_not_use_up_tries() -> None:
    """Only well-formed tickets count."""
    client = Bench().client()
    for _ in range(4):
        assert is_error(client.write(header(Kind.AUTH, 1, 1) + bytes(16)))

    assert client.auth().status is Status.OK


@pytest.mark.parametrize("gen", [0, 2, 3, 15])
def test_other_generation(gen: int) -> None:
    """Only tickets of the present generation are looked at."""
    client = Bench().client()
    packet = bytearray(client.ticket().packet)
    packet[1] = gen

    assert is_error(client.write(bytes(packet)))


def test_unowned_lock_takes_no_ticket() -> None:
    """Generation 0 has no tickets."""
    client = Bench(Ownership()).client()

    assert is_error(client.write(header(Kind.AUTH, 0, 1) + bytes(16)))


@pytest.mark.parametrize(
    ("command", "type_"),
    [(Command.OPERATE, FrameType.REQUEST), (Command.AUTHENTICATE, FrameType.RESPONSE)],
)
def test_not_a_ticket(command: Command, type_: FrameType) -> None:
    """A frame under K_adm in an AUTH packet must be 02 01."""
    client = Bench().client()
    frame = Frame(command, type_, bytes(9), TODAY)
    packet = admin_key(K_D, DEVICE, 1).seal(header(Kind.AUTH, 1, 1), bytes(frame))

    assert is_error(client.write(packet))


class TestClockUnset:
    """After a power loss (protocol 15.1)."""

    def test_lock_and_log_remain(self) -> None:
        """Rights shrink to lock and log; no minutes are known."""
        client = Bench(clock_set=False).client()

        answer = client.auth(time=TODAY)

        assert answer == AuthAnswer(Status.CLOCK_UNSET, Right.LOCK | Right.LOG, 0, UID, 1)

    def test_no_session_without_them(self) -> None:
        """Nothing left means no session; the HELLO stays good for another ticket."""
        client = Bench(clock_set=False).client()

        answer = client.auth(time=TODAY, rights=Right.UNLOCK)

        assert (answer.status, answer.rights) == (Status.CLOCK_UNSET, Right(0))
        assert client.auth(time=TODAY).rights == Right.LOCK | Right.LOG

    @pytest.mark.parametrize(
        ("rights", "flags", "status"),
        [
            (ALL_RIGHTS, OWNER_WITHOUT_CLOCK, Status.OK),
            (ALL_RIGHTS & ~Right.OWNER, OWNER_WITHOUT_CLOCK, Status.CLOCK_UNSET),
            (ALL_RIGHTS, 0, Status.CLOCK_UNSET),
        ],
    )
    def test_owner_may_be_allowed(self, rights: Right, flags: int, status: Status) -> None:
        """With configuration 4 b0 an owner's ticket keeps its rights."""
        own = owned(config={**DEFAULT_CONFIG, Parameter.FLAGS: flags})

        answer = Bench(own, clock_set=False).client().auth(time=TODAY, rights=rights)

        assert answer.status is status
        assert (Right.UNLOCK in answer.rights) is (status is Status.OK)

    def test_lower_bound_ends_tickets(self) -> None:
        """The stored time and the seconds since boot are the earliest it can be."""
        bench = Bench()
        bench.lock.tamper()  # stores the time
        minted = bench.client().ticket(ttl=HOUR)
        bench.lock.power_cycle()
        bench.sleep(3600)

        assert bench.client().auth(minted).status is Status.CLOCK_UNSET
        bench.sleep(1)
        assert bench.client().auth(minted).status is Status.EXPIRED

    def test_first_day_by_lower_bound(self) -> None:
        """A row that has begun stays begun after a power loss, another does not begin."""
        bench = Bench(owned(users={0: User(UID, ALL_RIGHTS, TODAY // DAY - 18262 + 1)}))
        bench.lock.tamper()
        bench.lock.power_cycle()
        assert bench.client().auth(time=TODAY).status is Status.EXPIRED

        bench.sleep(DAY)

        minted = bench.client().ticket(time=TODAY, ttl=ticket.encode_ttl(10 * DAY))
        assert bench.client().auth(minted).status is Status.CLOCK_UNSET
