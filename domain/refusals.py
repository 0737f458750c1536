"""Refused handshakes as they are kept, and identities that are easily taken for each other.

Kept as reports: of the identity that was refused; without one, of NAMELESS. Those of unknown identities are kept a
second time, of STRANGERS, by their skeleton: so who asks for CP001 finds the charge point that calls itself CP00l.
"""

from collections.abc import Iterator
from itertools import islice

REFUSED = "Refused"
NAMELESS = "#nameless"  # no charge point id has a #
STRANGERS = "#strangers"

_ALIKE = ("0o", "1il", "5s", "8b", "2z")  # written by hand, printed small, read over the phone
_SKELETON = {ord(letter): alike[0] for alike in _ALIKE for letter in alike}
_DROPPED = dict.fromkeys(map(ord, " -_.:"))
_MOST = 90


def skeleton(identity: str) -> str:
    """What is left of an identity without everything that is easily mistaken."""
    return identity.lower().translate(_DROPPED).translate(_SKELETON)


def lookalikes(identity: str) -> list[str]:
    """Other identities this one may be meant to be, the likeliest first."""
    found = dict.fromkeys(other for other in _changed(identity) if other and other != identity)
    return list(islice(found, _MOST))


def _changed(identity: str) -> Iterator[str]:
    upper, lower = identity.upper(), identity.lower()
    yield from (identity.strip(), upper, lower)
    mistaken = [index for index, letter in enumerate(identity) if letter.lower() in _LETTERS]
    for index in mistaken:
        yield from (_with(identity, index, other) for other in _LETTERS[identity[index].lower()])
    # O for 0 is seldom written once only.
    for letter, others in _LETTERS.items():
        if lower.count(letter) > 1:
            yield from (identity.replace(letter, other).replace(letter.upper(), other) for other in others)
    for index in range(len(identity)):
        yield _with(identity, index, "")
        yield identity[:index] + identity[index + 1 : index + 2] + identity[index] + identity[index + 2 :]
        yield from (_with(identity, index, other + identity[index]) for other in "-0")


def _others(letter: str, alike: str) -> list[str]:
    return [form for other in alike if other != letter for form in dict.fromkeys((other.upper(), other))]


_LETTERS = {letter: _others(letter, alike) for alike in _ALIKE for letter in alike}


def _with(identity: str, index: int, other: str) -> str:
    return identity[:index] + other + identity[index + 1 :]
