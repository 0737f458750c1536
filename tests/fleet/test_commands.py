"""`ocppgw fleet`: what is printed, and the exit codes scripts go by."""

import json
from datetime import timedelta
from pathlib import Path

import pytest

from adapters.local_ca import LocalCertificateAuthority, make_request
from domain import credentials, unknown_tokens
from domain.models import Boot, ChargePoint, Connection, ConnectorState
from ocppj.versions import V16, V201
from tests.certificates import Authority
from tests.fleet.clerk import run
from tests.fleet.office import NOON, Office


def lines(text: str) -> list[str]:
    return [line.rstrip() for line in text.splitlines() if line.strip()]


@pytest.fixture
def office() -> Office:
    """Three charge points: one online, one that was, one disabled."""
    office = Office()
    at = Boot("Acme", "One", NOON, firmware="1.2")
    one = Connection(V16, "gw1", 1, 7, NOON)
    two = Connection(V201, "gw1", 1, 7, NOON - timedelta(days=3), disconnected_at=NOON - timedelta(days=2))
    connectors = {"1": ConnectorState("Charging", NOON, "NoError"), "2": ConnectorState("Available", NOON)}
    for row in (
        ChargePoint("CP001", "t1", NOON, site="Depot", partner="acme", connection=one, boot=at, connectors=connectors),
        ChargePoint("CP002", "t2", NOON, site="Depot", connection=two),
        ChargePoint("CP003", "t3", NOON, disabled=True),
    ):
        office.registry.add(row)
    office.registry.renew_lease("gw1", NOON + timedelta(seconds=30))
    return office


def test_the_table_of_charge_points(office: Office) -> None:
    shown = run(office, "list")

    assert shown.exit_code == 0
    assert lines(shown.stdout) == [
        "chargePointId  status    partner  site   ocppVersion  model  firmware  connectedAt",
        "CP001          online    acme     Depot  1.6          One    1.2       2026-11-21T12:00:00Z",
        "CP002          offline            Depot  2.0.1                         2026-11-18T12:00:00Z",
        "CP003          disabled",
    ]


def test_the_table_of_one_charge_point(office: Office) -> None:
    shown = run(office, "set", "CP001", "--site", "Yard", "--profile", "2")

    assert shown.exit_code == 0
    assert lines(shown.stdout) == [
        "chargePointId    CP001",
        "identity         CP001",
        "status           online",
        "partner          acme",
        "site             Yard",
        "registration     Accepted",
        "disabled         no",
        "securityProfile  2",
        "highestProfile   0",
        "allowDowngrade   no",
        "hasPassword      no",
        "createdAt        2026-11-21T12:00:00Z",
        "connected        yes",
        "ocppVersion      1.6",
        "connectedAt      2026-11-21T12:00:00Z",
        "lastSeen         2026-11-21T12:00:00Z",
        "gateway          gw1",
        "vendor           Acme",
        "model            One",
        "firmware         1.2",
        "bootedAt         2026-11-21T12:00:00Z",
        "connectors       connector=1 status=Charging errorCode=NoError at=2026-11-21T12:00:00Z",
        "                 connector=2 status=Available at=2026-11-21T12:00:00Z",
    ]


@pytest.mark.parametrize(
    ("options", "ids"),
    [
        (["--status", "online"], ["CP001"]),
        (["--site", "Depot", "--status", "offline"], ["CP002"]),
        (["--partner", "acme"], ["CP001"]),
        (["--offline-since", "1d"], ["CP002"]),
        (["--offline-since", "3d"], []),
        (["--offline-since", "2026-11-21T12:00:00Z"], ["CP002", "CP003"]),
    ],
)
def test_a_list_is_narrowed(office: Office, options: list[str], ids: list[str]) -> None:
    shown = run(office, "list", *options, "--output", "json")

    assert [each["chargePointId"] for each in json.loads(shown.stdout)["data"]] == ids


def test_a_list_goes_on_with_its_cursor(office: Office) -> None:
    first = json.loads(run(office, "list", "--limit", "2", "--output", "json").stdout)
    second = json.loads(run(office, "list", "--cursor", first["nextCursor"], "--output", "json").stdout)

    assert [each["chargePointId"] for each in [*first["data"], *second["data"]]] == ["CP001", "CP002", "CP003"]
    assert second["nextCursor"] is None


def test_a_generated_password_is_shown_once_and_one_from_stdin_never() -> None:
    office = Office()

    made = run(office, "register", "CP1", "--profile", "1", "--password", "generate", "--output", "json")
    given = run(office, "register", "CP2", "--password", "-", "--output", "json", stdin="correct horse\n")

    told = json.loads(made.stdout)
    hashed = office.row("CP1").password_hash
    assert hashed is not None and credentials.matches(hashed, bytes.fromhex(told["password"]), b"pepper")
    assert list(json.loads(given.stdout)) == ["chargePointId", "thingId"]
    hashed = office.row("CP2").password_hash
    assert hashed is not None and credentials.matches(hashed, b"correct horse", b"pepper")


@pytest.mark.parametrize(
    ("arguments", "code", "sentence"),
    [
        (
            ["register", "CP001"], 1,
            "CP001 is registered already: ids are unique in an account, whoever they belong to.",
        ),
        (["register", "CP9", "--profile", "1"], 2, 'password: security profile 1 needs a password, or "generate".'),
        (["register", ""], 2, "identity: an empty identity is no charge point."),
        (["set", "CP001"], 2, "Say what to change: --site, --partner, --profile ... or --clear."),
        (["set", "CP001", "--clear", "sites"], 2, "sites: Extra inputs are not permitted."),
        (["disable", "CP9"], 1, "CP9 is not registered."),
        (["delete", "CP9"], 1, "CP9 is not registered."),
        (["rotate-password", "CP9"], 1, "CP9 is not registered."),
        (
            ["issue-certificate", "CP001"], 1,
            "Nobody signs certificates here: set OCPPGW_CA_CERTIFICATE and OCPPGW_CA_KEY.",
        ),
        (["list", "--offline-since", "ever"], 2,
         "--offline-since ever is neither like 30m, 2h, 7d nor a date and time."),
        (["tokens", "block", "CARD"], 1, "there is no id token 'CARD'."),
    ],
)  # fmt: skip
def test_what_fails_is_one_sentence_and_an_exit_code(
    office: Office, arguments: list[str], code: int, sentence: str
) -> None:
    failed = run(office, *arguments)

    assert (failed.exit_code, lines(failed.stderr), failed.stdout) == (code, [sentence], "")


def test_disabling_enabling_and_deleting(office: Office) -> None:
    assert json.loads(run(office, "disable", "CP001", "--output", "json").stdout)["status"] == "disabled"
    assert json.loads(run(office, "enable", "CP001", "--output", "json").stdout)["status"] == "online"
    assert json.loads(run(office, "delete", "CP001", "--output", "json").stdout)["deleted"]
    assert office.registry.find("CP001") is None
    assert office.sent.evicted == [("gw1", "CP001", 7)] * 2


def test_a_certificate_and_its_key_go_into_files_for_nobody_else(tmp_path: Path) -> None:
    authority = Authority(tmp_path / "ca")
    authority.directory.mkdir()
    signer = LocalCertificateAuthority(authority.certificate.read_bytes(), authority.key.read_bytes(), 30)
    office = Office(signer=signer, make_request=make_request)
    run(office, "register", "CP1")

    told = run(office, "issue-certificate", "CP1", "--out", str(tmp_path / "out"), "--output", "json")

    files = json.loads(told.stdout)
    assert Path(files["certificate"]).read_text().startswith("-----BEGIN CERTIFICATE-----")
    assert Path(files["privateKey"]).read_text().startswith("-----BEGIN PRIVATE KEY-----")
    assert Path(files["privateKey"]).stat().st_mode & 0o077 == 0


def test_reconciling_shows_what_differs(office: Office) -> None:
    office.things.create("CP001")
    office.things.create("NEW")

    shown = run(office, "reconcile", "--dry-run")

    assert lines(shown.stdout) == [
        "chargePointId  finding                  action",
        "CP002          row whose thing is gone  would be: struck off",
        "CP003          row whose thing is gone  would be: struck off",
        "NEW            thing without a row      would be: row made",
    ]


def test_the_life_of_a_token() -> None:
    office = Office()

    def tokens(*arguments: str) -> dict[str, object]:
        done = run(office, "tokens", *arguments, "--output", "json")
        assert done.exit_code == 0, done.output
        told: dict[str, object] = json.loads(done.stdout)
        return told

    assert tokens("add", "CARD-1", "--group", "family", "--type", "ISO14443")["status"] == "Accepted"
    assert tokens("block", "card-1")["status"] == "Blocked"
    assert tokens("accept", "card-1")["status"] == "Accepted"
    assert tokens("expire", "card-1")["expiresAt"] == "2026-11-21T12:00:00.000Z"
    assert tokens("group", "card-1", "friends")["groupId"] == "friends"
    assert tokens("group", "card-1")["groupId"] is None
    assert lines(run(office, "tokens", "list").stdout) == [
        "idToken  status    type      expiresAt",
        "card-1   Accepted  ISO14443  2026-11-21T12:00:00Z",
    ]
    assert tokens("remove", "CARD-1")["deleted"]
    assert run(office, "tokens", "remove", "CARD-1").exit_code == 1


def test_unknown_tokens_are_listed_the_latest_first_until_they_are_added() -> None:
    office = Office()
    row = ChargePoint("CP1")
    for number, card in enumerate(["OLD", "A", "B", "A"]):
        at = NOON - timedelta(days=30) if card == "OLD" else NOON + timedelta(minutes=number)
        unknown_tokens.note(card, None, row, at, office.reports)

    before = run(office, "tokens", "unknown")
    run(office, "tokens", "add", "A")
    after = run(office, "tokens", "unknown", "--output", "json")

    assert lines(before.stdout) == [
        "idToken  chargePointId  presentedAt",
        "a        CP1            2026-11-21T12:03:00Z",
        "b        CP1            2026-11-21T12:02:00Z",
    ]
    assert [each["idToken"] for each in json.loads(after.stdout)["data"]] == ["b"]


def test_where_there_is_little_room_nothing_is_cut_off(office: Office, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "40")
    site = "A long name of a place by the [sea]"
    office.registry.add(ChargePoint("AN-IDENTITY-OF-SOME-LENGTH", site=site))

    shown = lines(run(office, "list").stdout)

    assert (shown[1].split()[:2], shown[1].endswith(site)) == (["AN-IDENTITY-OF-SOME-LENGTH", "offline"], True)


def test_a_list_of_nothing_says_so() -> None:
    assert run(Office(), "list").stdout == "none\n"
    assert json.loads(run(Office(), "list", "--json").stdout) == {"data": [], "nextCursor": None}
