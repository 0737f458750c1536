"""Who is calling, and what this caller may do: bearer tokens and a policy, each from a JSON file.

Tokens (OCPPGW_API_TOKENS): {"<caller>": "<token>"} or {"<caller>": "sha256:<its digest, hexadecimal>"}.
Policy (OCPPGW_POLICY): {"<caller>": [{"chargePoints": ["CP-*"], "actions": ["remote-start", "Reset"]}]}; callers,
charge points and actions are patterns with * and ?. A rule with "partners": ["acme"] is about these partners' things
only; a caller without any other rule sees theirs only. A caller that no rule fits may do nothing. Without the files,
everybody who gets here may do everything: on AWS that is who may invoke the Function URL.
"""

import hashlib
import hmac
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

from pydantic import TypeAdapter, ValidationError

from domain.models import ChargePoint
from web.fields import Strict
from web.problems import ProblemError

_DIGEST = "sha256:"


class AccessError(ValueError):
    """A file can't be used; the text is one sentence that names the variable."""


class Rule(Strict):
    """Charge points, and what may be done to them; of these partners only, if there are any named."""

    charge_points: list[str]
    actions: list[str]
    partners: list[str] | None = None


@dataclass(frozen=True, slots=True)
class Access:
    """Digest of token -> caller, and pattern of callers -> rules; None is no such file."""

    tokens: Mapping[str, str] | None = None
    policy: Mapping[str, Sequence[Rule]] | None = None

    def caller(self, headers: Mapping[str, str], iam: str | None) -> str | None:
        """Who is calling: the bearer of a token, else whom AWS has authenticated.

        Raises:
            ProblemError: there are tokens, and this is none of them.
        """
        if self.tokens is None:
            return iam
        presented = _digest(_presented(headers))
        for digest, caller in self.tokens.items():
            if hmac.compare_digest(digest, presented):
                return caller
        raise ProblemError("token-unknown", "send a token: Authorization: Bearer <token>, or X-API-Key: <token>")

    def check(self, caller: str | None, charge_point_id: str, *names: str) -> None:
        """Let a caller see a charge point, and do to it what goes by any of these names.

        Raises:
            ProblemError: no rule of the policy lets it.
        """
        if self.policy is not None:
            _check(caller, self._rules(caller), charge_point_id, names)

    def check_row(self, caller: str | None, row: ChargePoint, *names: str) -> None:
        """The same, now that it is known whose charge point it is: partners know nothing of each other's.

        Raises:
            ProblemError: it is another partner's (charge-point-unknown), or no rule of the policy lets it.
        """
        if self.policy is None:
            return
        rules = [rule for rule in self._rules(caller) if rule.partners is None or row.partner in rule.partners]
        if not rules:
            raise ProblemError("charge-point-unknown", f"{row.charge_point_id} is not registered")
        _check(caller, rules, row.charge_point_id, names)

    def check_action(self, caller: str | None, name: str, partner: str | None) -> None:
        """Let a caller do what is about a partner, and no charge point of it.

        Raises:
            ProblemError: no rule of the policy lets it.
        """
        if self.policy is None:
            return
        rules = [rule for rule in self._rules(caller) if rule.partners is None or partner in rule.partners]
        if not any(_fits(name, rule.actions) for rule in rules):
            raise ProblemError("not-allowed", f"{caller or 'a caller without a name'} may not change {name}")

    def partners(self, caller: str | None) -> frozenset[str] | None:
        """The partners whose things this caller may know of; None is everybody's, and the house's own."""
        if self.policy is None:
            return None
        named = [rule.partners for rule in self._rules(caller)]
        if any(partners is None for partners in named):
            return None
        return frozenset(partner for partners in named for partner in partners or ())

    def sees(self, caller: str | None, charge_point_id: str, partner: str | None) -> bool:
        """Whether a caller may know of what happens at a charge point, which is this partner's."""
        return self.policy is None or any(
            rule.partners is None or partner in rule.partners
            for rule in self._rules(caller)
            if _fits(charge_point_id, rule.charge_points)
        )

    def _rules(self, caller: str | None) -> list[Rule]:
        its = (self.policy or {}).items()
        return [rule for pattern, rules in its if fnmatchcase(caller or "", pattern) for rule in rules]


def load(tokens: Path | None, policy: Path | None) -> Access:
    """Read the files; None is no such file.

    Raises:
        AccessError: one of them can't be read, or isn't what it should be.
    """
    held = _read("OCPPGW_API_TOKENS", tokens, TypeAdapter(dict[str, str]))
    rules = _read("OCPPGW_POLICY", policy, TypeAdapter(dict[str, list[Rule]]))
    return Access(None if held is None else {_stored(token): caller for caller, token in held.items()}, rules)


def _read(variable: str, path: Path | None, kind: TypeAdapter[Any]) -> Any:
    if path is None:
        return None
    try:
        return kind.validate_json(path.read_bytes())
    except OSError as error:
        raise AccessError(f"{variable} names {path}, which can't be read: {error.strerror}.") from error
    except ValidationError as error:
        wrong = error.errors(include_url=False, include_input=False)[0]
        where = "/".join(str(part) for part in wrong["loc"])
        raise AccessError(
            f"{variable} names {path}, which is wrong at {where or 'its start'}: {wrong['msg']}."
        ) from error


def _presented(headers: Mapping[str, str]) -> str:
    kind, _, token = headers.get("authorization", "").partition(" ")
    # Where the request itself is signed, Authorization is the signature's.
    return token.strip() if kind.lower() == "bearer" else headers.get("x-api-key", "").strip()


def _stored(token: str) -> str:
    return token.removeprefix(_DIGEST).lower() if token.startswith(_DIGEST) else _digest(token)


def _digest(token: str) -> str:
    return hashlib.sha256(token.encode()).hexdigest()


def _check(caller: str | None, rules: Sequence[Rule], charge_point_id: str, names: Sequence[str]) -> None:
    here = [rule for rule in rules if _fits(charge_point_id, rule.charge_points)]
    if not any(not names or any(_fits(name, rule.actions) for name in names) for rule in here):
        what = f"send {names[0]} to" if names else "see"
        raise ProblemError("not-allowed", f"{caller or 'a caller without a name'} may not {what} {charge_point_id}")


def _fits(name: str, patterns: Sequence[str]) -> bool:
    return any(fnmatchcase(name, pattern) for pattern in patterns)
