"""What ails a charge point: from what the house has kept about it to sentences, the most urgent first. Pure."""

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta, tzinfo
from typing import Any

from domain.models import ChargePoint, Command, CommandState, Registration, Transaction
from domain.pages import Report
from fleet.doctor_words import words
from ocppj import timestamps

RECENT = timedelta(days=7)
DAY = timedelta(days=1)
SKEW_S = 60.0  # farther off than that, bills and certificates go wrong
RESTLESS = 10  # connections lost in a day
FEW = 0.1  # of commands without an answer, and of transactions that had to be put right

PROBLEM, WARNING, NOTE = "problem", "warning", "note"

Told = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Facts:
    """What the house knows. Refusals are as processors keep them: its own, those without any identity, and those of
    unknown identities that look like its own. `similar` are registered ids that look like it.
    """

    charge_point_id: str
    identity: str
    row: ChargePoint | None = None
    is_online: bool = False
    refusals: Sequence[Told] = ()
    nameless: Sequence[Told] = ()
    strangers: Sequence[Told] = ()
    similar: Sequence[str] = ()
    connections: Sequence[Told] = ()
    refused_calls: Sequence[Report] = ()
    commands: Sequence[Command] = ()
    transactions: Sequence[Transaction] = ()


@dataclass(frozen=True, slots=True)
class Finding:
    """One sentence, and what to do next. `code` is for programs: the reason of a refusal, or one of ours."""

    level: str
    code: str
    sentence: str
    next: str = ""
    since: datetime | None = None
    last: datetime | None = None
    count: int | None = None

    def as_json(self) -> dict[str, Any]:
        """What is unknown is null."""
        return {
            "level": self.level, "code": self.code, "sentence": self.sentence, "next": self.next or None,
            "since": _written(self.since), "last": _written(self.last), "count": self.count,
        }  # fmt: skip


@dataclass(frozen=True, slots=True)
class Diagnosis:
    """The findings and the numbers behind them."""

    facts: Facts
    findings: Sequence[Finding] = field(default_factory=list)

    @property
    def state(self) -> str:
        """`unknown` (not registered), `offline`, `ailing` (online, with a problem or a warning) or `healthy`."""
        if self.facts.row is None:
            return "unknown"
        if not self.facts.is_online:
            return "offline"
        return "ailing" if any(finding.level != NOTE for finding in self.findings) else "healthy"

    def as_json(self) -> dict[str, Any]:
        """As it is answered over HTTP."""
        row = self.facts.row
        return {
            "chargePointId": self.facts.charge_point_id,
            "identity": self.facts.identity,
            "state": self.state,
            "registered": row is not None,
            "connected": self.facts.is_online,
            "lastSeen": _written(row.connection.last_seen if row and row.connection else None),
            "findings": [finding.as_json() for finding in self.findings],
            "refusals": list(self.facts.refusals),
            "connections": list(self.facts.connections),
            "clockSkewSeconds": clock_skew_s(row),
            "errorRates": error_rates(self.facts),
        }


def diagnose(facts: Facts, now: datetime, zone: tzinfo) -> Diagnosis:
    """All that can be said; times of day in the sentences are in that zone."""
    clock = _Clock(now, zone)
    found = [finding for look in _LOOKS for finding in look(facts, clock)]
    return Diagnosis(facts, sorted(found, key=lambda finding: (PROBLEM, WARNING, NOTE).index(finding.level)))


def clock_skew_s(row: ChargePoint | None) -> float | None:
    """By how many seconds its clock is ahead of ours (below 0: behind), by the newest status that says."""
    states = [state for state in row.connectors.values() if state.skew_s is not None] if row else []
    return max(states, key=lambda state: state.at).skew_s if states else None


def error_rates(facts: Facts) -> dict[str, Any]:
    """Of its newest commands and transactions: how many, and how many went wrong."""
    states = Counter(command.state.value for command in facts.commands if command.state.is_final)
    return {
        "commands": sum(states.values()),
        "commandsByState": dict(states),
        "transactions": len(facts.transactions),
        "transactionsCorrected": sum(bool(one.rules) for one in facts.transactions),
    }


@dataclass(frozen=True, slots=True)
class _Clock:
    now: datetime
    zone: tzinfo

    def say(self, moment: datetime) -> str:
        local, today = moment.astimezone(self.zone), self.now.astimezone(self.zone)
        return f"{local:%H:%M}" if local.date() == today.date() else f"{local:%Y-%m-%d %H:%M}"

    def often(self, told: Told) -> str:
        first, last = timestamps.parse(told["firstAt"]), timestamps.parse(told["lastAt"])
        return f"at {self.say(last)}" if told["count"] == 1 else f"last {told['count']} times since {self.say(first)}"

    def after(self, wrong: str, told: Told) -> str:
        often = self.often(told)
        return f"{wrong} {often.capitalize()}" if wrong.endswith("?") else f"{wrong}, {often}"


def _registration(facts: Facts, clock: _Clock) -> Iterator[Finding]:
    row = facts.row
    if row is None:
        meant = f", did you mean {_or(facts.similar)}?" if facts.similar else " here"
        meanwhile = "Correct it in the charge point, or register it" if facts.similar else "Register it"
        advice = f"{meanwhile}: `ocppgw fleet register {facts.identity}`."
        yield Finding(PROBLEM, "not_registered", f"unknown id `{facts.identity}`{meant}", advice)
    elif row.disabled and not any(told["reason"] == "disabled" for told in facts.refusals):
        advice = f"If it should connect: `ocppgw fleet enable {facts.charge_point_id}`."
        yield Finding(PROBLEM, "disabled", "it is disabled here", advice)
    elif row.registration is not Registration.ACCEPTED:
        yield Finding(WARNING, "not_accepted", f"its registration is {row.registration}: it may not charge yet",
                      "Accept it: `ocppgw fleet set`.")  # fmt: skip


def _refusals(facts: Facts, clock: _Clock) -> Iterator[Finding]:
    connection = facts.row.connection if facts.row else None
    for told in _merged(facts.refusals, clock):
        last = timestamps.parse(told["lastAt"])
        wrong, advice = words(told)
        if told["reason"] == "unknown" and facts.similar:
            wrong += f", did you mean {_or(facts.similar)}?"
        is_over = connection is not None and connection.connected_at > last
        sentence = clock.after(wrong, told)
        if told["reason"] == "unknown" and facts.row and facts.row.created_at and facts.row.created_at > last:
            is_over, sentence, advice = True, f"{sentence}; it is registered now", ""
        elif is_over and connection is not None:
            sentence, advice = f"{sentence}; it connected at {clock.say(connection.connected_at)}", ""
        yield Finding(NOTE if is_over else PROBLEM, told["reason"], sentence, advice,
                      timestamps.parse(told["firstAt"]), last, told["count"])  # fmt: skip


def _others(facts: Facts, clock: _Clock) -> Iterator[Finding]:
    if facts.is_online:
        return
    for told in _merged(facts.strangers, clock):
        sentence = clock.after(f"unknown id `{told['identity']}`, did you mean {facts.identity}?", told)
        advice = f"Is it this charge point? Then correct its id to {facts.identity}."
        yield Finding(PROBLEM, "lookalike", sentence, advice, timestamps.parse(told["firstAt"]),
                      timestamps.parse(told["lastAt"]), told["count"])  # fmt: skip
    for told in _merged(facts.nameless, clock):
        wrong, advice = words(told)
        yield Finding(NOTE, told["reason"], f"somebody, perhaps this one: {wrong}, {clock.often(told)}", advice,
                      timestamps.parse(told["firstAt"]), timestamps.parse(told["lastAt"]), told["count"])  # fmt: skip


def _connection(facts: Facts, clock: _Clock) -> Iterator[Finding]:
    row = facts.row
    if row is None:
        return
    connection = row.connection
    if connection is None:
        heard = "" if facts.refusals else ", and nobody of this id ever tried"
        advice = "" if facts.refusals else "Look at its network, and at the URL it is set to."
        yield Finding(PROBLEM, "never_connected", f"it has never connected{heard}", advice)
    elif facts.is_online:
        sentence = f"connected since {clock.say(connection.connected_at)} with OCPP {connection.version.name}"
        yield Finding(NOTE, "connected", sentence, since=connection.connected_at)
    else:
        ended = connection.disconnected_at
        why = next((f" ({_why(told)})" for told in facts.connections), "")
        sentence = f"offline since {clock.say(ended)}{why}" if ended else "offline: its gateway is gone"
        yield Finding(PROBLEM, "offline", sentence, "Look at its power and its network.", since=ended)


def _restless(facts: Facts, clock: _Clock) -> Iterator[Finding]:
    since = clock.now - DAY
    lost = [told for told in facts.connections if timestamps.parse(told["at"]) >= since]
    if len(lost) >= RESTLESS:
        often = ", ".join(f"{count} {_why({'reason': why})}" for why, count in
                          Counter(told["reason"] for told in lost).most_common())  # fmt: skip
        advice = "Look at its network; if two have the same id, they replace each other."
        yield Finding(
            WARNING, "restless", f"{len(lost)} connections ended in 24 hours: {often}", advice, count=len(lost)
        )


def _clock(facts: Facts, clock: _Clock) -> Iterator[Finding]:
    skew_s = clock_skew_s(facts.row)
    if skew_s is not None and abs(skew_s) > SKEW_S:
        where = "ahead of" if skew_s > 0 else "behind"
        sentence = f"its clock is {timedelta(seconds=round(abs(skew_s)))} {where} ours"
        yield Finding(WARNING, "clock", sentence, "It should take its time from Heartbeat answers, or from NTP.")


def _calls(facts: Facts, clock: _Clock) -> Iterator[Finding]:
    for report in facts.refused_calls:
        if report.at < clock.now - RECENT:
            continue
        where = f" at {report.payload['pointer']}" if report.payload.get("pointer") else ""
        sentence = (
            f"its {report.payload['action']} is wrong{where}: {report.payload['code']}, at {clock.say(report.at)}"
        )
        yield Finding(WARNING, "call_refused", sentence, "Ask its maker for another firmware.", last=report.at)


def _commands(facts: Facts, clock: _Clock) -> Iterator[Finding]:
    final = [command for command in facts.commands if command.state.is_final]
    silent = [command for command in final if command.state is CommandState.TIMEOUT]
    if len(silent) > FEW * len(final):
        sentence = f"did not answer {len(silent)} of its last {len(final)} commands"
        yield Finding(WARNING, "silent", sentence, f"See `ocppgw watch {facts.identity}`.", count=len(silent))


def _transactions(facts: Facts, clock: _Clock) -> Iterator[Finding]:
    rules = Counter(rule for one in facts.transactions for rule in one.rules)
    if sum(bool(one.rules) for one in facts.transactions) > FEW * len(facts.transactions):
        often = ", ".join(f"{rule} {count}" for rule, count in rules.most_common())
        sentence = f"its last {len(facts.transactions)} transactions had to be put right: {often}"
        yield Finding(WARNING, "corrected", sentence, f"See `ocppgw fleet transactions {facts.identity}`.")


_LOOKS: tuple[Callable[[Facts, _Clock], Iterator[Finding]], ...] = (
    _refusals, _others, _registration, _connection, _restless, _clock, _calls, _commands, _transactions,
)  # fmt: skip

_ENDS = {
    "silent": "without a sign of life", "lost": "lost on the network", "evicted": "taken over elsewhere",
    "flooding": "for sending too much", "slow_reader": "for not reading",
}  # fmt: skip


def _why(told: Told) -> str:
    return _ENDS.get(told["reason"], str(told["reason"]).replace("_", " "))


def _written(moment: datetime | None) -> str | None:
    return timestamps.write(moment) if moment else None


def _merged(refusals: Sequence[Told], clock: _Clock) -> list[Told]:
    """The recent ones; what several gateways refused for the same reason is one."""
    merged: dict[tuple[str, ...], Told] = {}
    for told in sorted(refusals, key=lambda told: str(told["lastAt"])):
        if timestamps.parse(told["lastAt"]) < clock.now - RECENT:
            continue
        # Episodes of one reason are one story as long as the same is offered.
        key = (
            (told["identity"], told["reason"], *told["offered"]) if told["identity"] else (told["peer"], told["reason"])
        )
        known = merged.pop(key, None)
        together = dict(told)
        if known is not None:
            together |= {"count": known["count"] + told["count"], "firstAt": min(known["firstAt"], told["firstAt"])}
        merged[key] = together
    return list(reversed(merged.values()))


def _or(names: Sequence[str]) -> str:
    return " or ".join(names)
