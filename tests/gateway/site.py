"""A gateway with a port for ws:// and one for wss://, and a charge point that comes with any security profile."""

import ssl
from base64 import b64encode
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import InvalidStatus
from websockets.typing import Subprotocol

from adapters.memory import MemoryRegistry
from domain.credentials import hash_generated
from domain.models import ChargePoint
from gateway.admission import Policy
from gateway.tls import Certificates, TlsFiles
from tests.certificates import Authority
from tests.gateway.house import house

Files = tuple[Path, Path]
PEPPER, SALT = b"pepper", b"salt"
OLD, NEW = b"0123456789abcdef", b"fedcba9876543210"
CPO = "Acme Charging"


def stored(password: bytes) -> str:
    return hash_generated(password, PEPPER, SALT)


ROW = ChargePoint("CP1", password_hash=stored(OLD))


class Site:
    """The gateway, its registry, and the charge points in front of it."""

    def __init__(self, here: Any, rows: MemoryRegistry, authority: Authority) -> None:
        self.here = here
        self.rows = rows
        self._authority = authority
        self._open: list[ClientConnection] = []

    async def connect(
        self,
        profile: int,
        password: bytes | None = OLD,
        common_name: str = "SN-1",
        organization: str = CPO,
        path: str = "/ocpp/CP1",
        offered: tuple[str, ...] = ("ocpp1.6",),
        headers: dict[str, str] | None = None,
    ) -> ClientConnection:
        """Connect as this profile does."""
        scheme, port = ("wss", self.here.gateway.port) if profile >= 2 else ("ws", self.here.gateway.plain_port)
        context = None
        if profile >= 2:
            context = ssl.create_default_context(cafile=self._authority.certificate)
        if context is not None and profile == 3:
            leaf = self._authority.issue(common_name, organization)
            context.load_cert_chain(leaf.certificate, leaf.key)
        headers = dict(headers or {})
        if password is not None and profile in (1, 2):
            headers["Authorization"] = "Basic " + b64encode(b"CP1:" + password).decode()
        socket = await connect(
            f"{scheme}://localhost:{port}{path}", host="127.0.0.1", ssl=context, additional_headers=headers,
            subprotocols=[Subprotocol(token) for token in offered] or None, proxy=None, ping_interval=None,
        )  # fmt: skip
        self._open.append(socket)
        return socket

    async def status(self, profile: int, *args: Any, **kwargs: Any) -> int:
        """What a handshake is answered with."""
        try:
            await self.connect(profile, *args, **kwargs)
        except InvalidStatus as refused:
            return refused.response.status_code
        return 101

    def row(self) -> ChargePoint:
        row = self.rows.find("CP1")
        assert row is not None
        return row

    def change(self, **changes: Any) -> None:
        """What an operator does."""
        row = self.row()
        self.rows.remove("CP1", row.thing_id)
        self.rows.add(replace(row, credential_version=row.credential_version + 1, **changes))

    def reasons(self) -> list[str]:
        """Why handshakes were refused, oldest first."""
        return [refused["reason"] for refused in reversed(self.here.gateway.refusals.of())]


@asynccontextmanager
async def site(
    authority: Authority, server: tuple[Path, Path], row: ChargePoint = ROW, **changes: Any
) -> AsyncIterator[Site]:
    rows = changes.pop("rows", None) or MemoryRegistry([row])
    certificates = Certificates(TlsFiles([server], authority.certificate))
    changes.setdefault("policy", Policy(PEPPER, cpo_name=CPO))
    async with house(admissions=rows, tls=certificates, plain_port=0, **changes) as here:
        yield Site(here, rows, authority)
