"""A certificate from our own authority lets its charge point in with security profile 3."""

import ssl
from functools import partial
from pathlib import Path

import pytest
from websockets.asyncio.client import connect
from websockets.exceptions import InvalidStatus
from websockets.typing import Subprotocol

from adapters.local_ca import LocalCertificateAuthority, make_request
from fleet import charge_points
from fleet.charge_points import New
from tests.certificates import Authority
from tests.fleet.office import Office
from tests.gateway.site import CPO, site


async def test_a_charge_point_connects_by_the_certificate_it_was_issued(tmp_path: Path) -> None:
    authority = Authority(tmp_path)
    server = authority.issue("localhost", server=True)
    signer = LocalCertificateAuthority(authority.certificate.read_bytes(), authority.key.read_bytes(), 30, CPO)
    office = Office(signer=signer, make_request=partial(make_request, organization=CPO))
    for name in ("CP-1", "CP-2"):
        charge_points.register(New(name), office.ports)
    issued = charge_points.issue_certificate("CP-1", None, office.ports)
    files = tmp_path / "leaf.pem", tmp_path / "leaf.key"
    files[0].write_text(issued.certificate)
    files[1].write_text(issued.private_key or "")
    context = ssl.create_default_context(cafile=authority.certificate)
    context.load_cert_chain(*files)

    async with site(authority, (server.certificate, server.key), rows=office.registry) as here:
        url = f"wss://localhost:{here.here.gateway.port}/ocpp"
        subprotocols = [Subprotocol("ocpp1.6")]
        async with connect(
            f"{url}/CP-1", host="127.0.0.1", ssl=context, subprotocols=subprotocols, proxy=None
        ) as socket:
            assert socket.subprotocol == "ocpp1.6"
        charge_points.change("CP-2", {"security_profile": 3}, office.ports)
        with pytest.raises(InvalidStatus):
            await connect(f"{url}/CP-2", host="127.0.0.1", ssl=context, subprotocols=subprotocols, proxy=None)

        assert here.reasons() == ["wrong_certificate"]
    assert office.row("CP-1").highest_profile == 3
