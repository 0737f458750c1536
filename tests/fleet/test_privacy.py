"""Erasing and exporting an id token: on the tables as they are, in the frame log and among dead letters."""

import hashlib
import json
import os
import subprocess
import sys
import zlib
from collections.abc import Callable, Iterator
from contextlib import nullcontext
from dataclasses import asdict, replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import orjson
import pytest
from typer.testing import CliRunner

from adapters.dynamodb import Tables
from adapters.dynamodb_id_tokens import DynamoIdTokens
from adapters.dynamodb_privacy import DynamoProgress, stores
from adapters.memory_telemetry import MemoryArchive
from domain import archive, unknown_tokens
from domain.archive import FRAMES
from domain.models import ChargePoint, Command, CommandState, IdToken, Transaction
from domain.pages import Ask
from domain.privacy import Counts, Mine, Payload
from fleet import privacy, privacy_command
from fleet.privacy import DeadLetters, FrameLog, Privacy
from infra.local.cloud import AWS
from ocppj.versions import V16
from tests.adapters.stores import Stores, create_tables, named, on_dynamodb
from tests.house import House

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

pytestmark = pytest.mark.e2e

NOON = datetime(2026, 11, 21, 12, tzinfo=UTC)
CARD, OTHER = "04A1B2C3", "04FFFFFF"
NOISE = "".join(hashlib.sha256(str(n).encode()).hexdigest() for n in range(4_500))  # more than an item takes


class Lying:
    """Dead letters in a list."""

    def __init__(self, *bodies: str) -> None:
        self.lie = list(bodies)

    def bodies(self) -> Iterator[str]:
        return iter(self.lie)

    def rewrite(self, change: Callable[[str], str | None]) -> int:
        anew = [change(body) for body in self.lie]
        self.lie = [new or old for new, old in zip(anew, self.lie, strict=True)]
        return sum(new is not None for new in anew)


@pytest.fixture(scope="module")
def tables(aws: AWS) -> Tables:
    create_tables(aws.client("dynamodb"), "Privacy")
    return named("Privacy")


@pytest.fixture
def client(aws: AWS) -> "DynamoDBClient":
    made: DynamoDBClient = aws.client("dynamodb")
    return made


class Office:
    """A house in which a person has charged at two partners, and everything that remembers it."""

    def __init__(self, client: "DynamoDBClient", tables: Tables, card: str, noise: str = "") -> None:
        self.noise = noise
        self.client, self.tables, self.card = client, tables, card
        its: Stores = on_dynamodb(client, tables)
        self.its, self.tokens, self.archive = its, DynamoIdTokens(client, tables), MemoryArchive()
        self.acme, self.zeta = f"{its.name}-a", f"{its.name}-z"
        for name, partner in ((self.acme, "acme"), (self.zeta, "zeta")):
            its.registry.add(ChargePoint(name, partner=partner))
            self._live(name, partner)
        self.letters = Lying(self._frame(self.acme, "Authorize", {"idTag": card.lower()}), "no record")

    def _live(self, name: str, partner: str) -> None:
        its, card = self.its, self.card
        self.tokens.put(IdToken(card, partner=partner, group_id="family"))
        self.tokens.put(IdToken(f"{card}-{partner}-child", partner=partner, group_id=card))
        its.registry.add(ChargePoint(name, partner=partner))
        start = Transaction(
            name, "", V16, "1", card, started_at=NOON, meter_start_wh=0, partner=partner, start_received_at=NOON
        )
        begun = its.transactions.begin(start)
        signed = {"value": f'OCMF|{{"ID":"{card}"}}', "format": "SignedData"}
        its.transactions.sample(begun, [{"timestamp": "2026-11-21T12:30:00Z", "sampledValue": [signed]}])
        its.transactions.note_token(begun)
        stop = Transaction(
            name, begun.transaction_id, V16, ended_at=NOON + timedelta(hours=1), meter_stop_wh=7_000,
            stop_id_token=card.lower(), stop_received_at=NOON,
        )  # fmt: skip
        its.transactions.finish(stop)
        its.transactions.price(name, begun.transaction_id, lambda _: {"total": "2.80", "isFinal": True})
        payload: dict[str, Any] = {
            "localAuthorizationList": [{"idTag": card}, {"idTag": "00000007"}],
            "customData": self.noise,
        }
        its.commands.add(Command(f"{name}-c", name, "SendLocalList", payload, V16, CommandState.ACCEPTED, NOON, NOON))
        its.reports.keep(name, "Reservation", "1", {"idTag": card, "status": "Accepted"}, NOON)
        unknown_tokens.note(card, None, ChargePoint(name, partner=partner), NOON, its.reports)
        for other in (CARD + "0", OTHER):
            its.reports.keep(name, "Reservation", other, {"idTag": other}, NOON)
        row = {
            "id": f"{name}/1", "charge_point_id": name, "received_at": "2026-11-21T12:00:00.000Z", "direction": "in",
            "ocpp": "ocpp1.6", "epoch": 1, "message_type": 2, "message_id": "1", "action": "Authorize",
        }  # fmt: skip
        rows = [row | {"message": json.dumps([2, "1", "Authorize", {"idTag": tag}])} for tag in (card.lower(), OTHER)]
        for key, body in archive.files(FRAMES, rows).items():
            self.archive.put(key, body)

    def _frame(self, name: str, action: str, payload: Payload) -> str:
        return orjson.dumps({"chargePointId": name, "message": [2, "1", action, payload], "receivedAt": 0}).decode()

    def privacy(self, *more: Any) -> Privacy:
        return Privacy(
            stores=[*more, *stores(self.client, self.tables), DeadLetters(self.letters), FrameLog(self.archive)],
            progress=DynamoProgress(self.client, self.tables),
            transactions=self.its.transaction_pages,
            find=self.its.transactions.find,
            partners=lambda: {self.acme: "acme", self.zeta: "zeta"},
        )

    def of(self, card: str) -> list[Transaction]:
        return list(self.its.transaction_pages.of_token(card, Ask(100)).items)

    def everything(self) -> str:
        """All there is, as text."""
        found = [
            json.dumps(page["Items"], default=lambda value: _inflated(value).decode("utf-8", "replace"))
            for table in asdict(self.tables).values()
            if isinstance(table, str)
            for page in self.client.get_paginator("scan").paginate(TableName=table)
        ]
        rows = [archive.rows_of(body) for body in self.archive.get_many(sorted(self.archive.keys("")))]
        return "\n".join([*found, json.dumps(rows), *self.letters.lie])


def _inflated(value: bytes) -> bytes:
    try:
        return zlib.decompress(bytes(value))
    except zlib.error:
        return bytes(value)


def test_an_erased_token_is_nowhere_but_in_what_was_signed_and_the_bill_stays_and_a_dry_run_changes_nothing(
    client: "DynamoDBClient", tables: Tables
) -> None:
    office = Office(client, tables, "04A1B2C3D4", NOISE)
    before, everything = office.of("04a1b2c3d4"), office.everything()

    dry = privacy.erase("04A1B2C3D4", None, office.privacy(), is_dry=True)
    assert (dry["dryRun"], office.everything() == everything) == (True, True)

    told = privacy.erase("04a1b2c3D4", None, office.privacy(), is_dry=False)
    again = privacy.erase("04a1b2c3D4", None, office.privacy(), is_dry=False)

    left = office.everything().lower().replace('ocmf|{\\\\\\"id\\\\\\":\\\\\\"04a1b2c3d4', "")
    assert left.count("04a1b2c3d4") == left.count("04a1b2c3d4-")  # the tokens of others begin with it
    assert office.of("04a1b2c3d4") == []
    assert {name: each["changed"] for name, each in told["stores"].items()} == {
        "idTokens": 2, "transactions": 2, "commands": 2, "jobs": 0, "reports": 2, "events": 6, "deadLetters": 1,
        "frames": 2,
    }  # fmt: skip
    assert {name: each["changed"] for name, each in dry["stores"].items()} == {
        name: each["changed"] for name, each in told["stores"].items()
    }
    assert (told["stores"]["idTokens"]["removed"], told["total"]["signedKept"]) == (2, 4)
    assert again["total"] == {"changed": 0, "removed": 0, "signedKept": again["total"]["signedKept"]}
    kept = [office.its.transactions.find(each.charge_point_id, each.transaction_id) for each in before]
    names = {each.id_token for each in kept if each}
    assert len(names) == 1 and all(each and each.id_token == each.stop_id_token for each in kept)
    assert [(each.billed_wh, each.cost) for each in kept if each] == [(7_000, {"total": "2.80", "isFinal": True})] * 2
    assert len(office.of(str(*names))) == 2


def test_a_partner_erases_at_its_own_charge_points_only(client: "DynamoDBClient", tables: Tables) -> None:
    office = Office(client, tables, "05A1B2C3D4")

    privacy.erase("05A1B2C3D4", "acme", office.privacy(), is_dry=False)

    assert {each.charge_point_id for each in office.of("05A1B2C3D4")} == {office.zeta}
    assert office.tokens.find("05A1B2C3D4", "acme") is None
    assert office.tokens.find("05A1B2C3D4", "zeta") is not None
    command = office.its.commands.find(f"{office.zeta}-c")
    assert command is not None and command.payload["localAuthorizationList"][0] == {"idTag": "05A1B2C3D4"}


class Broken:
    """A store that fails the first time."""

    name = "broken"

    def __init__(self) -> None:
        self.names: list[str] = []

    def erase(self, id_token: str, pseudonym: str, mine: Mine, *, is_dry: bool) -> Counts:
        self.names.append(pseudonym)
        if len(self.names) == 1:
            raise ConnectionError("gone")
        return Counts()

    def export(self, id_token: str, mine: Mine) -> Iterator[Payload]:
        return iter(())


def test_an_erasure_that_was_broken_off_goes_on_under_the_same_name(client: "DynamoDBClient", tables: Tables) -> None:
    office, broken = Office(client, tables, "07A1B2C3D4"), Broken()
    its = office.privacy()
    its = replace(its, stores=[*its.stores[:2], broken, *its.stores[2:]])

    with pytest.raises(ConnectionError):
        privacy.erase("07A1B2C3D4", None, its, is_dry=False)
    told = privacy.erase("07a1b2c3d4", None, its, is_dry=False)

    assert len(set(broken.names)) == 1
    assert told["stores"]["transactions"]["changed"] == 2  # of the first time
    assert len(office.of(broken.names[0])) == 2
    assert broken.names[0] not in json.dumps(told)
    assert "#privacy" not in office.everything()


def test_while_a_token_charges_it_is_not_through_and_goes_on_under_the_same_name(
    client: "DynamoDBClient", tables: Tables
) -> None:
    office = Office(client, tables, "08A1B2C3D4")
    begun = office.its.transactions.begin(
        Transaction(office.acme, "", V16, "2", "08a1b2c3d4", started_at=NOON, meter_start_wh=0, partner="acme")
    )
    its = [{"chargePointId": office.acme, "transactionId": begun.transaction_id}]

    first = privacy.erase("08A1B2C3D4", None, office.privacy(), is_dry=False)
    second = privacy.erase("08A1B2C3D4", None, office.privacy(), is_dry=False)
    stop = replace(begun, ended_at=NOON + timedelta(hours=1), meter_stop_wh=5, stop_id_token="08A1B2C3D4")
    office.its.transactions.finish(replace(stop, id_token=None))
    third = privacy.erase("08A1B2C3D4", None, office.privacy(), is_dry=False)

    assert [(each["running"], each["finished"]) for each in (first, second, third)] == [
        (its, False), (its, False), ([], True),
    ]  # fmt: skip
    ended = office.its.transactions.find(office.acme, begun.transaction_id)
    assert ended is not None and ended.id_token == ended.stop_id_token != "08A1B2C3D4"
    assert "#privacy" not in office.everything()


def test_what_is_held_of_a_token_is_shown_and_nothing_of_others(client: "DynamoDBClient", tables: Tables) -> None:
    office = Office(client, tables, "09A1B2C3D4")

    run = CliRunner().invoke(
        privacy_command.app_of(lambda: _opened(office.privacy())), ["export", "--id-token", "09a1b2c3d4"]
    )

    held = json.loads(run.stdout)
    assert {name: len(each) for name, each in held["stores"].items()} == {
        "idTokens": 4, "transactions": 2, "commands": 2, "jobs": 0, "reports": 4, "events": 6, "deadLetters": 1,
        "frames": 2,
    }  # fmt: skip
    (told,) = held["stores"]["transactions"][0]["told"]
    assert told["sampledValue"][0]["format"] == "SignedData"
    assert OTHER not in run.stdout and "00000007" not in run.stdout


def _opened(its: Privacy) -> Any:
    return nullcontext(its)


def test_the_command_reaches_every_store_of_a_running_house(house: House) -> None:
    tokens = DynamoIdTokens(house.aws.client("dynamodb"), Tables())
    tokens.put(IdToken("0AA1B2C3D4"))
    command = [sys.executable, "-m", "cli", "privacy", "erase", "--id-token", "0aA1B2C3D4"]

    ran = subprocess.run(command, env=os.environ | house.environment, capture_output=True, text=True, check=True)

    told = json.loads(ran.stdout)
    assert set(told["stores"]) == {
        "idTokens", "transactions", "commands", "jobs", "reports", "events", "deadLetters", "frames",
    }  # fmt: skip
    assert (told["finished"], told["total"]) == (True, {"changed": 0, "removed": 1, "signedKept": 0})
    assert tokens.find("0AA1B2C3D4") is None
