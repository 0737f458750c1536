"""Certificates and keys that come as variables, as secrets managers hand them over: TLS reads files only."""

import atexit
import shutil
import tempfile
from collections.abc import MutableMapping
from pathlib import Path

_VARIABLES = (
    "OCPPGW_MQTT_CA", "OCPPGW_MQTT_CERT", "OCPPGW_MQTT_KEY", "OCPPGW_TLS_CERT", "OCPPGW_TLS_KEY",
    "OCPPGW_TLS_CLIENT_CA", "OCPPGW_TLS_CRL",
)  # fmt: skip
_BEGIN = "-----BEGIN "


def unfold(environment: MutableMapping[str, str]) -> None:
    """Put what is PEM text instead of a file's name into files that only we can read, until the process ends."""
    texts = {name: environment[name] for name in _VARIABLES if environment.get(name, "").lstrip().startswith(_BEGIN)}
    if not texts:
        return
    directory = Path(tempfile.mkdtemp(prefix="ocppgw-"))  # nobody else may even look into it
    atexit.register(shutil.rmtree, directory, ignore_errors=True)
    for name, text in texts.items():
        path = directory / f"{name.removeprefix('OCPPGW_').lower()}.pem"
        path.touch(mode=0o600)
        path.write_text(text, encoding="utf-8")
        environment[name] = str(path)
