"""Whose an id token is, is personal: where it stands in what is stored, and what is put in its place.

A token stands in the fields OCPP and the house name so, in any case; and, if it can't be mistaken for something else
(six characters or more, letters and digits), as a word in any other text. What a meter signed is never changed: it is
the evidence of the bill.
"""

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any, Protocol

Payload = dict[str, Any]
# Whether what belongs to this charge point and was this partner's is meant; None is not known, or nobody's.
Mine = Callable[[str | None, str | None], bool]

PSEUDONYM = "erased-"  # with 13 hexadecimal digits: the 20 characters of an idTag of OCPP 1.6

_FIELDS = frozenset(
    {"idtag", "parentidtag", "idtoken", "groupidtoken", "additionalidtoken", "stopidtoken", "groupid", "tokenkey"}
)
_TEXTS = frozenset({"data"})  # of DataTransfer and NotifyCustomerInformation: a word there is meant, however short
_LISTS = frozenset({"localauthorizationlist"})


@dataclass
class Search:
    """Looks for one id token in JSON; counts what it found, and what it found and must leave as it was signed."""

    id_token: str
    found: int = 0
    signed: int = 0
    _word: re.Pattern[str] = field(init=False)

    def __post_init__(self) -> None:
        self.id_token = self.id_token.lower()
        word = rf"(?<![0-9a-z]){re.escape(self.id_token)}(?![0-9a-z])"
        self._word = re.compile(word, re.IGNORECASE)
        has_both = any(map(str.isdigit, self.id_token)) and any(map(str.isalpha, self.id_token))
        self._is_distinct = has_both and len(self.id_token) >= 6

    def is_it(self, value: object) -> bool:
        """Whether a value is the token."""
        return isinstance(value, str) and value.lower() == self.id_token

    def is_in(self, value: Any) -> bool:
        """Whether the token stands in a document."""
        before = self.found
        self.replaced(value, "")
        return self.found > before

    def replaced(self, value: Any, pseudonym: str, under: str = "") -> Any:
        """The document with a pseudonym wherever the token stands."""
        if isinstance(value, dict):
            return {name: self._member(value, name, pseudonym) for name in value}
        if isinstance(value, list):
            return [self.replaced(each, pseudonym, under) for each in value]
        return self._text(value, pseudonym, under.lower()) if isinstance(value, str) else value

    def own(self, value: Any, under: str = "") -> Any:
        """The document without what others have in it: of a local list the entries of the token."""
        if isinstance(value, dict):
            return {name: self.own(each, name) for name, each in value.items()}
        if isinstance(value, list):
            kept = [each for each in value if under.lower() not in _LISTS or self.is_in(each)]
            return [self.own(each, under) for each in kept]
        return value

    def _member(self, holder: Payload, name: str, pseudonym: str) -> Any:
        value = holder[name]
        is_signed = name == "signedMeterData" or (name == "value" and holder.get("format") == "SignedData")
        if is_signed and isinstance(value, str):
            self.signed += bool(self._word.search(value))
            return value
        return self.replaced(value, pseudonym, name)

    def _text(self, value: str, pseudonym: str, under: str) -> str:
        if under in _FIELDS:
            if not self.is_it(value):
                return value
            self.found += 1
            return pseudonym
        if under in _TEXTS or (self._is_distinct and not under.endswith("id")):
            value, count = self._word.subn(pseudonym, value)
            self.found += count
        return value


@dataclass
class Counts:
    """What was done in a store: changed and removed are items, rows or messages."""

    changed: int = 0
    removed: int = 0
    signed: int = 0  # values that a meter signed and that name the token, as they were

    def as_json(self) -> Payload:
        """As it is said."""
        return {"changed": self.changed, "removed": self.removed, "signedKept": self.signed}


class Store(Protocol):
    """A place where tokens may stand."""

    @property
    def name(self) -> str:
        """What it is called."""

    def erase(self, id_token: str, pseudonym: str, mine: Mine, *, is_dry: bool) -> Counts:
        """Put the pseudonym in the place of a token, or only count; may be done again, as a whole."""

    def export(self, id_token: str, mine: Mine) -> Iterator[Payload]:
        """What is held of a token."""


class Progress(Protocol):
    """How far an erasure is, until it is through. Nothing in it says which token it is of."""

    def find(self, id_token: str, partner: str | None) -> Payload | None:
        """What was kept."""

    def keep(self, id_token: str, partner: str | None, told: Payload) -> None:
        """Keep it."""

    def forget(self, id_token: str, partner: str | None) -> None:
        """It is through."""
