"""Whom we believe when we connect, by handshakes in memory: a broker's authority may be old, but nobody else's."""

import ssl
from collections.abc import Callable
from pathlib import Path

import pytest

from adapters.tls import trusting
from charge_point_sim import tls as simulated
from tests.certificates import Authority, Leaf
from tests.handshakes import handshake

Trusting = Callable[[Path], ssl.SSLContext]
both = pytest.mark.parametrize("trusting", [trusting, simulated.trusting], ids=["ours", "a charge point's"])


def server_with(leaf: Leaf, *above: Path) -> ssl.SSLContext:
    chain = leaf.certificate.with_suffix(".chain")
    chain.write_bytes(b"".join(file.read_bytes() for file in (leaf.certificate, *above)))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(chain, leaf.key)
    return context


@both
@pytest.mark.parametrize("names_keys", [True, False])
def test_an_authority_that_names_no_keys_is_believed_as_one_that_does(
    trusting: Trusting, names_keys: bool, tmp_path: Path
) -> None:
    authority = Authority(tmp_path, names_keys=names_keys)
    server = server_with(authority.issue("localhost", server=True))

    _, client_end = handshake(server, trusting(authority.certificate))

    assert client_end.version() == "TLSv1.3"


@both
def test_an_authority_below_the_root_is_enough(trusting: Trusting, tmp_path: Path) -> None:
    root, below = Authority(tmp_path, "Root"), Authority(tmp_path, "Sub")
    server = server_with(below.issue("localhost", server=True))

    _, client_end = handshake(server, trusting(below.under(root)))

    assert client_end.version() == "TLSv1.3"


@both
def test_a_stranger_another_name_and_what_expired_are_refused(trusting: Trusting, tmp_path: Path) -> None:
    authority, stranger = Authority(tmp_path), Authority(tmp_path, "Stranger")
    leaves = {
        "unable to get local issuer": stranger.issue("localhost", server=True),
        "Hostname mismatch": authority.issue("broker.example", server=True),
        "expired": authority.issue("localhost", server=True, days=-1),
    }

    for why, leaf in leaves.items():
        with pytest.raises(ssl.SSLCertVerificationError, match=why):
            handshake(server_with(leaf), trusting(authority.certificate))
