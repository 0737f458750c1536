"""What nobody may read in a record, an answer or a log: passwords and private keys, masked (conformance E.1, A-35)."""

import re
from typing import Any

MASK = "***"

# Settings whose value is a secret, and fields that are one wherever they stand; compared without case.
_SETTINGS = frozenset({"authorizationkey", "basicauthpassword"})
_FIELDS = frozenset({"basicauthpassword", "apnpassword", "simpin", "password", "key"})
_VALUES = frozenset({"value", "attributevalue"})

_PRIVATE_KEY = re.compile(r"-----BEGIN [A-Z ]*PRIVATE KEY-----.*?(?:-----END [A-Z ]*PRIVATE KEY-----|\Z)", re.DOTALL)
_USER_INFO = re.compile(r"(?P<start>\b[a-z][a-z0-9+.-]*://[^\s/:@]*):[^\s/@]+@", re.IGNORECASE)


def masked(payload: dict[str, Any]) -> dict[str, Any]:
    """The payload without its secrets; the very same if it has none."""
    found: dict[str, Any] = _object(payload, "")
    return payload if found == payload else found


def has_any(payload: dict[str, Any]) -> bool:
    """Whether there is a secret in it."""
    return masked(payload) is not payload


def _masked(value: Any, under: str) -> Any:
    if isinstance(value, dict):
        return _object(value, under)
    if isinstance(value, list):
        return [_masked(each, under) for each in value]
    return _text(value) if isinstance(value, str) else value


def _object(found: dict[str, Any], under: str) -> dict[str, Any]:
    is_secret = _names_a_secret(found)
    return {
        name: MASK
        if value is not None and ((is_secret and name.lower() in _VALUES) or _is_secret_field(name, under))
        else _masked(value, name.lower())
        for name, value in found.items()
    }


def _names_a_secret(found: dict[str, Any]) -> bool:
    variable = found.get("variable")
    name = variable.get("name") if isinstance(variable, dict) else found.get("key")
    return isinstance(name, str) and name.lower() in _SETTINGS


def _is_secret_field(name: str, under: str) -> bool:
    # "key" and "password" are secrets of a VPN only; elsewhere a key is the name of a setting.
    lower = name.lower()
    return lower in _FIELDS and (under == "vpn" or lower not in {"key", "password"})


def _text(value: str) -> str:
    return _USER_INFO.sub(rf"\g<start>:{MASK}@", _PRIVATE_KEY.sub(MASK, value))
