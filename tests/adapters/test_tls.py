"""Whom we believe when we connect, by handshakes in memory: a broker's authority may be old, but nobody else's."""

import ssl
from collections.abc import Callable
from pathlib import Path

import pytest

from adapters.mqtt_settings import from_url
from adapters.tls import trusting
from charge_point_sim import stations_command
from charge_point_sim import tls as simulated
from tests.certificates import Authority, Leaf
from tests.handshakes import handshake

Trusting = Callable[[Path], ssl.SSLContext | None]
TRUSTING: dict[str, Trusting] = {
    "ours": trusting,
    "a link's": lambda ca: from_url("mqtts://localhost", "", ca=ca).tls,
    "a charge point's": lambda ca: simulated.context("wss://localhost", str(ca)),
    "a station's": lambda ca: stations_command._broker("mqtts://localhost", ca, None, None).tls,
}
each = pytest.mark.parametrize("trusting", TRUSTING.values(), ids=TRUSTING)


def made(context: ssl.SSLContext | None) -> ssl.SSLContext:
    assert context is not None
    return context


def server_with(leaf: Leaf, *above: Path) -> ssl.SSLContext:
    chain = leaf.certificate.with_suffix(".chain")
    chain.write_bytes(b"".join(file.read_bytes() for file in (leaf.certificate, *above)))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(chain, leaf.key)
    return context


@each
@pytest.mark.parametrize("names_keys", [True, False])
def test_an_authority_that_names_no_keys_is_believed_as_one_that_does(
    trusting: Trusting, names_keys: bool, tmp_path: Path
) -> None:
    authority = Authority(tmp_path, names_keys=names_keys)
    server = server_with(authority.issue("localhost", server=True))

    _, client_end = handshake(server, made(trusting(authority.certificate)))

    assert client_end.version() == "TLSv1.3"


@each
def test_an_authority_below_the_root_is_enough(trusting: Trusting, tmp_path: Path) -> None:
    root, below = Authority(tmp_path, "Root"), Authority(tmp_path, "Sub")
    server = server_with(below.issue("localhost", server=True))

    _, client_end = handshake(server, made(trusting(below.under(root))))

    assert client_end.version() == "TLSv1.3"


@each
def test_a_stranger_another_name_and_what_expired_are_refused(trusting: Trusting, tmp_path: Path) -> None:
    authority, stranger = Authority(tmp_path), Authority(tmp_path, "Stranger")
    leaves = {
        "unable to get local issuer": stranger.issue("localhost", server=True),
        "Hostname mismatch": authority.issue("broker.example", server=True),
        "expired": authority.issue("localhost", server=True, days=-1),
    }

    client = made(trusting(authority.certificate))

    for why, leaf in leaves.items():
        with pytest.raises(ssl.SSLCertVerificationError, match=why):
            handshake(server_with(leaf), client)
