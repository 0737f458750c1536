"""Password hashes of charge points: fast ones for the secrets we make, slow ones for passwords we were given.

    hmac-sha256$<salt>$<digest>         a generated secret of at least 128 bit; the key is the pepper
    scrypt$<n>$<r>$<p>$<salt>$<digest>  an imported password, which may be short and used elsewhere

Salt and digest are base64. Nobody guesses 128 bit, so a generated secret needs no slow hash: after a blackout a
whole fleet presents its secrets within minutes.
"""

import base64
import binascii
import hashlib
import hmac
from dataclasses import dataclass

_SCRYPT = (2**14, 8, 1)  # n, r, p: 16 MB and tens of milliseconds (OWASP's smaller setting)
_MOST_MEMORY = 128 * 1024 * 1024  # what a stored hash may ask for


class HashFormatError(ValueError):
    """A stored hash has neither of the two shapes; the text never shows the hash."""


@dataclass(frozen=True, slots=True)
class _Hash:
    salt: bytes
    digest: bytes
    scrypt: tuple[int, int, int] | None = None


def hash_generated(secret: bytes, pepper: bytes, salt: bytes) -> str:
    """The hash to store for a secret we made, of at least 128 bit."""
    return "$".join(["hmac-sha256", _text(salt), _text(_hmac(secret, pepper, salt))])


def hash_imported(secret: bytes, salt: bytes) -> str:
    """The hash to store for a password somebody chose; takes tens of milliseconds."""
    n, r, p = _SCRYPT
    return "$".join(["scrypt", str(n), str(r), str(p), _text(salt), _text(_scrypt(secret, salt, _SCRYPT))])


def matches(stored: str, presented: bytes, pepper: bytes) -> bool:
    """Whether the password presented is the one stored; takes the same time for all wrong ones.

    Raises:
        HashFormatError: what is stored is no hash of ours.
    """
    known = _parse(stored)
    if known.scrypt is None:
        digest = _hmac(presented, pepper, known.salt)
    else:
        digest = _scrypt(presented, known.salt, known.scrypt)
    return hmac.compare_digest(digest, known.digest)


def is_slow(stored: str) -> bool:
    """Whether comparing with it takes so long that it belongs in a thread."""
    return stored.startswith("scrypt$")


def salt_of(stored: str) -> bytes:
    """The salt of a stored hash.

    Raises:
        HashFormatError: what is stored is no hash of ours.
    """
    return _parse(stored).salt


def check(stored: str) -> None:
    """Make sure that `matches` can work with it.

    Raises:
        HashFormatError: it can't.
    """
    _parse(stored)


def _parse(stored: str) -> _Hash:
    try:
        match stored.split("$"):
            case ["hmac-sha256", salt, digest]:
                return _Hash(_bytes(salt), _bytes(digest))
            case ["scrypt", n, r, p, salt, digest]:
                return _Hash(_bytes(salt), _bytes(digest), _cost(int(n), int(r), int(p)))
    except (ValueError, binascii.Error) as error:
        raise HashFormatError(f"the password hash is damaged: {error}") from error
    raise HashFormatError("the password hash is neither hmac-sha256$salt$digest nor scrypt$n$r$p$salt$digest")


def _cost(n: int, r: int, p: int) -> tuple[int, int, int]:
    if n < 2 or n & (n - 1) or r < 1 or not 1 <= p <= 16 or 128 * n * r > _MOST_MEMORY:
        raise ValueError("its scrypt parameters are out of range")
    return n, r, p


def _hmac(secret: bytes, pepper: bytes, salt: bytes) -> bytes:
    return hmac.digest(pepper, salt + secret, "sha256")


def _scrypt(secret: bytes, salt: bytes, cost: tuple[int, int, int]) -> bytes:
    n, r, p = cost
    return hashlib.scrypt(secret, salt=salt, n=n, r=r, p=p, maxmem=2 * _MOST_MEMORY, dklen=32)


def _text(raw: bytes) -> str:
    return base64.b64encode(raw).decode()


def _bytes(text: str) -> bytes:
    raw = base64.b64decode(text, validate=True)
    if not raw:
        raise ValueError("salt and digest must not be empty")
    return raw
