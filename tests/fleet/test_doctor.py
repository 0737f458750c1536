"""The doctor's sentences, one for each refusal there is, and the rest of what may ail a charge point."""

import re
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from domain.models import ChargePoint, Command, CommandState, Connection, ConnectorState, Registration, Transaction
from domain.pages import Report
from fleet.doctor import Facts, diagnose
from fleet.doctor_words import WORDS
from ocppj import timestamps
from ocppj.versions import V16

NOW = datetime(2026, 11, 21, 12, 0, tzinfo=UTC)
EARLY = NOW.replace(hour=9, minute=12)
GATEWAY = Path(__file__).parents[2] / "gateway"
SENTENCES = {
    "unknown": "unknown id `CP001`",
    "no_identity": "10.0.0.7 connects without an id, to /ocpp",
    "bad_identity": "its id can't be used: why",
    "disabled": "it is disabled here",
    "no_credentials": "sends no password",
    "wrong_credentials": "wrong password",
    "downgrade": "comes with less security than before: why",
    "wrong_profile": "comes with another security profile than expected: why",
    "below_min_profile": "comes with too little security: why",
    "no_certificate": "sends no client certificate",
    "wrong_certificate": "its client certificate is another's: why",
    "wrong_organization": "its client certificate is another organisation's: why",
    "bad_certificate": "10.0.0.7 sends a client certificate that is not valid: why",
    "no_common_subprotocol": "offers ocpp1.5, we speak 1.6, 2.0.1, 2.1",
    "no_websocket": "asks for something else than a WebSocket: why",
    "bad_request": "10.0.0.7 sends no HTTP that can be read: why",
    "tls_alert": "10.0.0.7 does not go on with TLS: why",
    "too_many_handshakes": "its address 10.0.0.7 tries too often",
    "full": "the gateway is full",
    "storm": "too many charge points connect at once",
    "draining": "the gateway is going away, for a deploy perhaps",
    "left": "it left before it was let in",
    "replaced": "another connection with this id was faster",
    "evicted": "it was told to go while it connected",
    "row_changes": "its record keeps changing",
    "backend_slow": "charge points are answered too slowly",
    "broker_lost": "the message broker can't be reached",
    "broker_slow": "the message broker does not answer",
    "registry_busy": "the registry does not answer",
    "error": "the registry can't be asked",
}


def refusal(reason: str, count: int = 14, identity: str = "CP001", **others: Any) -> dict[str, Any]:
    return {
        "identity": identity, "reason": reason, "status": 401, "text": "why", "path": "/ocpp", "peer": "10.0.0.7:4711",
        "offered": ["ocpp1.5"], "count": count, "firstAt": timestamps.write(EARLY),
        "lastAt": timestamps.write(NOW - timedelta(minutes=1)), **others,
    }  # fmt: skip


def connected(**others: Any) -> ChargePoint:
    return ChargePoint("CP001", connection=Connection(V16, "g1", 0, 1, NOW - timedelta(hours=1)), **others)


def found(**facts: Any) -> list[str]:
    return [finding.sentence for finding in diagnose(Facts("CP001", "CP001", **facts), NOW, UTC).findings]


def codes(**facts: Any) -> list[str]:
    return [finding.code for finding in diagnose(Facts("CP001", "CP001", **facts), NOW, UTC).findings]


@pytest.mark.parametrize("reason", SENTENCES)
def test_every_refusal_has_its_sentence_and_says_what_to_do(reason: str) -> None:
    finding = diagnose(Facts("CP001", "CP001", ChargePoint("CP001"), refusals=[refusal(reason)]), NOW, UTC).findings[0]

    assert finding.sentence == f"{SENTENCES[reason]}, last 14 times since 09:12"
    assert (finding.code, finding.level) == (reason, "problem")
    assert finding.next
    assert "{" not in finding.sentence + finding.next


def test_no_reason_that_a_gateway_gives_is_without_words() -> None:
    source = "\n".join(path.read_text() for path in GATEWAY.glob("*.py"))
    given = set(re.findall(r'Refusal\(\s*\w+,\s*"(\w+)"', source)) | set(re.findall(r'not_now\(\s*"(\w+)"', source))
    given |= set(re.findall(r'_other\([^)]*"(\w+)"\)', source)) | {
        "no_common_subprotocol",
        "bad_certificate",
        "tls_alert",
    }

    assert len(given) > 20
    assert given == set(WORDS) == set(SENTENCES)


def test_an_unknown_id_is_asked_whether_it_means_another() -> None:
    sentences = found(refusals=[refusal("unknown", 1, "CP00l")], similar=["CP001"])

    assert sentences[0] == "unknown id `CP00l`, did you mean CP001? At 11:59"


def test_an_id_nobody_ever_used_is_not_registered() -> None:
    diagnosis = diagnose(Facts("CP009", "CP009", similar=["CP001", "CP002"]), NOW, UTC)

    assert diagnosis.state == "unknown"
    assert diagnosis.findings[0].sentence == "unknown id `CP009`, did you mean CP001 or CP002?"


def test_a_stranger_that_looks_like_an_offline_charge_point_is_shown() -> None:
    sentences = found(row=ChargePoint("CP001"), strangers=[refusal("unknown", 2, "CP00l")])

    assert sentences[0] == "unknown id `CP00l`, did you mean CP001? Last 2 times since 09:12"


def test_a_refusal_before_the_connection_is_history() -> None:
    row = connected()
    assert row.connection is not None
    row = replace(row, connection=replace(row.connection, connected_at=NOW))

    diagnosis = diagnose(Facts("CP001", "CP001", row, is_online=True, refusals=[refusal("disabled")]), NOW, UTC)

    assert diagnosis.state == "healthy"
    assert "it connected at 12:00" in diagnosis.findings[0].sentence


def test_the_refusals_of_several_gateways_are_one() -> None:
    sentences = found(
        row=ChargePoint("CP001"), refusals=[refusal("wrong_credentials", 4), refusal("wrong_credentials", 5)]
    )

    assert sentences[0] == "wrong password, last 9 times since 09:12"


def test_an_old_refusal_is_left_out() -> None:
    old = timestamps.write(NOW - timedelta(days=8))

    assert codes(row=ChargePoint("CP001"), refusals=[refusal("disabled", firstAt=old, lastAt=old)]) == [
        "never_connected"
    ]


def test_one_that_has_gone_says_since_when_and_how() -> None:
    row = connected()
    assert row.connection is not None
    row = replace(row, connection=replace(row.connection, disconnected_at=NOW - timedelta(days=1)))
    ended = {"reason": "silent", "at": timestamps.write(NOW - timedelta(days=1))}

    assert found(row=row, connections=[ended])[0] == "offline since 2026-11-20 12:00 (without a sign of life)"


def test_one_that_comes_and_goes_is_restless() -> None:
    lost = [{"reason": "lost", "at": timestamps.write(NOW)}] * 12

    assert "12 connections ended in 24 hours: 12 lost on the network" in found(
        row=connected(), is_online=True, connections=lost
    )


@pytest.mark.parametrize(("skew_s", "said"), [(7200, "2:00:00 ahead of ours"), (-90, "0:01:30 behind ours")])
def test_a_clock_that_is_wrong_is_a_warning(skew_s: float, said: str) -> None:
    row = connected(connectors={"1": ConnectorState("Available", NOW, skew_s=skew_s)})

    assert f"its clock is {said}" in found(row=row, is_online=True)


def test_a_clock_that_is_a_second_off_is_none() -> None:
    row = connected(connectors={"1": ConnectorState("Available", NOW, skew_s=1)})

    assert codes(row=row, is_online=True) == ["connected"]


def test_calls_that_were_refused_are_named() -> None:
    told = Report("CallRefused", "x", NOW, {"action": "MeterValues", "code": "ProtocolError", "pointer": "/meterValue"})

    assert "its MeterValues is wrong at /meterValue: ProtocolError, at 12:00" in found(
        row=connected(), is_online=True, refused_calls=[told]
    )


def test_commands_that_were_not_answered_are_counted() -> None:
    states = [CommandState.TIMEOUT] * 3 + [CommandState.ACCEPTED] * 7
    commands = [Command(str(number), "CP001", "Reset", {}, V16, state, NOW, NOW) for number, state in enumerate(states)]

    assert "did not answer 3 of its last 10 commands" in found(row=connected(), is_online=True, commands=commands)


def test_transactions_that_had_to_be_put_right_are_counted() -> None:
    corrected = [Transaction("CP001", str(number), V16, rules=("kwh_slip",)) for number in range(2)]

    assert "its last 2 transactions had to be put right: kwh_slip 2" in found(
        row=connected(), is_online=True, transactions=corrected
    )


def test_what_is_urgent_comes_first() -> None:
    row = replace(ChargePoint("CP001"), registration=Registration.PENDING)
    diagnosis = diagnose(Facts("CP001", "CP001", row, refusals=[refusal("wrong_credentials")]), NOW, UTC)

    assert [finding.level for finding in diagnosis.findings] == ["problem", "problem", "warning"]
    assert diagnosis.state == "offline"
