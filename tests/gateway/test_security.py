"""Security profiles, passwords and the way in, over real sockets and real TLS. Conformance rows by their ids."""

from base64 import b64encode
from dataclasses import replace
from typing import Any

import pytest
from websockets.exceptions import InvalidStatus

from adapters.memory import MemoryRegistry
from domain.credentials import hash_imported
from domain.models import ChargePoint, Connection, Proven
from domain.ports import NOTHING_PROVEN
from gateway.admission import Policy
from ocppj.versions import V16
from tests.certificates import Authority
from tests.gateway.house import closed, get, hear
from tests.gateway.site import CPO, NEW, OLD, PEPPER, ROW, SALT, Files, site, stored


@pytest.mark.parametrize(
    ("row", "profile"),
    [
        (ChargePoint("CP1"), 0),
        (ROW, 1),
        (ROW, 2),
        (ChargePoint("CP1", serial_number="SN-1"), 3),
        (replace(ROW, serial_number="SN-1"), 3),
    ],
)
async def test_a30_each_profile_is_spoken_and_noted(
    authority: Authority, server: Files, row: ChargePoint, profile: int
) -> None:
    async with site(authority, server, row) as here:
        await here.connect(profile)

        assert here.row().highest_profile == profile


@pytest.mark.parametrize(
    ("configured", "profile", "status"),
    [(1, 2, 403), (2, 1, 403), (2, 2, 101), (3, 2, 403), (3, 1, 403), (3, 3, 101), (2, 3, 403), (0, 1, 403)],
)
async def test_a31_another_profile_than_configured_is_refused(
    authority: Authority, server: Files, configured: int, profile: int, status: int
) -> None:
    row = replace(ROW, security_profile=configured, serial_number="SN-1")
    async with site(authority, server, row) as here:
        assert await here.status(profile) == status
        assert here.reasons() == (["wrong_profile"] if status == 403 else [])
        assert here.row() == row or status == 101


async def test_a31_a_password_is_not_asked_for_where_it_would_travel_in_the_clear(
    authority: Authority, server: Files
) -> None:
    async with site(authority, server, replace(ROW, security_profile=2)) as here:
        with pytest.raises(InvalidStatus) as refused:
            await here.connect(1, password=None)

        assert refused.value.response.status_code == 403
        assert "WWW-Authenticate" not in refused.value.response.headers
        assert b"wss://" in refused.value.response.body


@pytest.mark.parametrize(("old", "new"), [(1, 2), (2, 3), (1, 3)])
async def test_a32_the_old_profile_works_until_the_new_one_is_proven_and_never_after(
    authority: Authority, server: Files, old: int, new: int
) -> None:
    async with site(authority, server, replace(ROW, security_profile=old, serial_number="SN-1")) as here:
        before = await here.status(old)
        here.change(security_profile=new)
        fallback = await here.status(old)
        first, again = await here.status(new), await here.status(new)
        downgrade = await here.status(old)
        once_more = await here.status(new)

        assert (before, fallback, first, again, downgrade, once_more) == (101, 101, 101, 101, 403, 101)
        assert here.reasons() == ["downgrade"]


async def test_a32_without_a_configured_profile_the_highest_proven_counts(authority: Authority, server: Files) -> None:
    async with site(authority, server) as here:
        assert [await here.status(profile) for profile in (1, 2, 1, 2)] == [101, 101, 403, 101]


class Overtaken(MemoryRegistry):
    """Somebody else proves profile 2 while the first connect is on its way."""

    is_overtaken = False

    def connect(
        self, charge_point_id: str, connection: Connection, credential_version: int, proven: Proven = NOTHING_PROVEN
    ) -> Connection | None:
        if not self.is_overtaken:
            self.is_overtaken = True
            super().connect(charge_point_id, replace(connection, epoch=1), credential_version, Proven(2))
        return super().connect(charge_point_id, connection, credential_version, proven)


async def test_a32_who_is_overtaken_by_a_higher_profile_is_refused(authority: Authority, server: Files) -> None:
    async with site(authority, server, rows=Overtaken([ROW])) as here:
        assert await here.status(1) == 403
        assert here.reasons() == ["downgrade"]
        assert here.row().highest_profile == 2


async def test_a33_a_configured_lower_profile_is_no_leave_to_downgrade(authority: Authority, server: Files) -> None:
    row = replace(ROW, serial_number="SN-1", highest_profile=3)
    async with site(authority, server, row) as here:
        here.change(security_profile=2)
        refused, still = await here.status(2), await here.status(3)
        here.change(allow_downgrade=True)
        allowed = await here.status(2)
        back = await here.status(3)

        assert (refused, still, allowed, back) == (403, 101, 101, 403)
        assert (here.row().highest_profile, here.row().allow_downgrade) == (2, False)


async def test_a33_there_is_no_leave_to_go_below_profile_2(authority: Authority, server: Files) -> None:
    row = replace(ROW, highest_profile=2, allow_downgrade=True)
    async with site(authority, server, row) as here:
        assert await here.status(1) == 403
        assert here.row() == row


@pytest.mark.parametrize(
    ("row", "profile", "lowest", "status"),
    [
        (ChargePoint("CP1"), 0, 0, 101),
        (ChargePoint("CP1"), 0, 1, 403),
        (ChargePoint("CP1"), 2, 1, 403),
        (ROW, 1, 1, 101),
        (ROW, 1, 2, 403),
        (ROW, 2, 2, 101),
        (ROW, 2, 3, 403),
    ],
)
async def test_nobody_is_let_in_below_the_lowest_profile(
    authority: Authority, server: Files, row: ChargePoint, profile: int, lowest: int, status: int
) -> None:
    async with site(authority, server, row, policy=Policy(PEPPER, lowest)) as here:
        assert await here.status(profile) == status
        assert here.reasons() == (["below_min_profile"] if status == 403 else [])


@pytest.mark.parametrize("profile", [1, 2])
async def test_a21_a22_wrong_credentials_are_401_before_anything_else(
    authority: Authority, server: Files, profile: int
) -> None:
    async with site(authority, server) as here:
        missing = await here.status(profile, password=None)
        wrong = await here.status(profile, password=NEW)
        wrong_and_no_version = await here.status(profile, password=NEW, offered=("ocpp0.1",))
        right_and_no_version = await here.status(profile, offered=("ocpp0.1",))

        assert (missing, wrong, wrong_and_no_version, right_and_no_version) == (401, 401, 401, 400)
        assert here.row() == ROW


@pytest.mark.parametrize("presented", [OLD, OLD.hex().encode(), OLD.hex().upper().encode()])
async def test_a36_a37_a_key_may_come_raw_or_as_hex(authority: Authority, server: Files, presented: bytes) -> None:
    async with site(authority, server) as here:
        assert await here.status(1, presented) == 101


@pytest.mark.parametrize(("used", "other"), [(NEW, OLD), (OLD, NEW)])
async def test_a38_a39_both_passwords_count_until_one_is_used(
    authority: Authority, server: Files, used: bytes, other: bytes
) -> None:
    async with site(authority, server) as here:
        await here.connect(1)
        here.rows.rotate("CP1", stored(NEW))

        first, then, again = await here.status(1, used), await here.status(1, other), await here.status(1, used)

        assert (first, then, again) == (101, 401, 101)
        assert (here.row().password_hash, here.row().next_password_hash) == (stored(used), None)


async def test_a38_a39_a_password_that_counts_after_a_reboot_outlives_connects_with_the_old_one(
    authority: Authority, server: Files
) -> None:
    async with site(authority, server) as here:
        await here.connect(1)
        here.rows.rotate("CP1", stored(NEW))
        here.rows.settle("CP1", stored(NEW), None)  # RebootRequired

        before = [await here.status(1, OLD), await here.status(1, OLD)]
        after = [await here.status(1, NEW), await here.status(1, OLD)]

        assert (before, after) == ([101, 101], [101, 401])
        assert (here.row().password_hash, here.row().next_password_hash) == (stored(NEW), None)


@pytest.mark.parametrize("is_accepted", [True, False])
async def test_a38_the_answer_of_the_charge_point_settles_it(
    authority: Authority, server: Files, is_accepted: bool
) -> None:
    async with site(authority, server) as here:
        await here.connect(1)
        here.rows.rotate("CP1", stored(NEW))
        here.rows.settle("CP1", stored(NEW), is_accepted)

        assert await here.status(1, OLD) == (401 if is_accepted else 101)
        assert await here.status(1, NEW) == (101 if is_accepted else 401)


async def test_a38_a_first_password_changes_nothing_until_it_is_used(authority: Authority, server: Files) -> None:
    async with site(authority, server, ChargePoint("CP1")) as here:
        here.rows.rotate("CP1", stored(NEW))
        without = await here.status(0)
        with_it = await here.status(1, NEW)
        without_again = await here.status(0)

        assert (without, with_it, without_again) == (101, 101, 401)


async def test_an_imported_password_gets_a_fast_hash_at_its_first_success(authority: Authority, server: Files) -> None:
    row = ChargePoint("CP1", password_hash=hash_imported(b"hunter2", SALT))
    async with site(authority, server, row) as here:
        wrong = await here.status(1, b"hunter3")
        first = await here.status(1, b"hunter2")
        kept = here.row().password_hash
        again = await here.status(1, b"hunter2")

        assert (wrong, first, again) == (401, 101, 101)
        assert kept is not None and kept.startswith("hmac-sha256$")
        assert here.row().password_hash == kept


async def test_an_imported_password_stays_slow_where_there_is_no_pepper(authority: Authority, server: Files) -> None:
    row = ChargePoint("CP1", password_hash=hash_imported(b"hunter2", SALT))
    async with site(authority, server, row, policy=Policy()) as here:
        await here.connect(1, b"hunter2")

        assert here.row().password_hash == row.password_hash


@pytest.mark.parametrize(
    ("names", "common_name", "organization", "reason"),
    [
        ({"serial_number": "SN-1"}, "SN-1", CPO, None),
        ({"serial_number": "SN-1"}, "SN-1", f"{CPO} GmbH", None),
        ({"serial_number": "SN-1"}, "SN-2", CPO, "wrong_certificate"),
        ({"serial_number": "SN-1"}, "CP1", CPO, "wrong_certificate"),
        ({"serial_number": "SN-1"}, "SN-1", "Somebody Else", "wrong_organization"),
        ({"certificate_names": ("CP1",)}, "CP1", CPO, None),
        ({"security_profile": 3}, "CP1", CPO, "wrong_certificate"),
    ],
)
async def test_a45_the_certificate_names_serial_number_and_cpo(
    authority: Authority, server: Files, names: dict[str, Any], common_name: str, organization: str, reason: str | None
) -> None:
    async with site(authority, server, ChargePoint("CP1", **names)) as here:
        status = await here.status(3, common_name=common_name, organization=organization)

        assert status == (403 if reason else 101)
        assert here.reasons() == ([reason] if reason else [])


async def test_a45_a_certificate_alone_opens_no_row_that_asks_for_a_password(
    authority: Authority, server: Files
) -> None:
    async with site(authority, server) as here:
        assert await here.status(3) == 401


async def test_a46_the_name_in_the_certificate_is_kept_with_the_connection(authority: Authority, server: Files) -> None:
    async with site(authority, server, ChargePoint("CP1", serial_number="SN-1")) as here:
        await here.connect(3)
        connection = here.row().connection

        assert connection is not None
        assert connection.certificate_name == "SN-1"


async def test_a49_forged_headers_about_certificates_count_for_nothing(authority: Authority, server: Files) -> None:
    forged = {
        "X-Client-Cert-CN": "SN-1", "X-Amzn-Mtls-Clientcert-Subject": f"CN=SN-1,O={CPO}",
        "X-SSL-Client-Verify": "SUCCESS", "X-Forwarded-Proto": "https",
    }  # fmt: skip
    async with site(authority, server, ChargePoint("CP1", serial_number="SN-1", security_profile=3)) as here:
        assert await here.status(0, headers=forged) == 403
        assert await here.status(2, password=None, headers=forged) == 403


async def test_a57_a_local_controller_speaks_for_those_that_allow_it(authority: Authority, server: Files) -> None:
    rows = MemoryRegistry([
        ChargePoint("CP1", serial_number="SN-1", certificate_names=("LC-7",)),
        ChargePoint("CP2", serial_number="SN-2", certificate_names=("LC-7",)),
        ChargePoint("CP3", serial_number="SN-3"),
    ])  # fmt: skip
    async with site(authority, server, rows=rows) as here:
        statuses = [await here.status(3, common_name="LC-7", path=f"/ocpp/CP{n}") for n in (1, 2, 3)]

        assert statuses == [101, 101, 403]


async def test_a13_without_a_common_version_the_switch_closes_after_the_101(
    authority: Authority, server: Files
) -> None:
    async with site(authority, server, closes_without_version=True) as here:
        socket = await here.connect(1, offered=("ocpp0.1",))

        assert socket.subprotocol is None
        assert await closed(socket) == 1002
        assert await here.status(1, NEW, offered=("ocpp0.1",)) == 401
        assert here.row() == ROW
        assert here.reasons() == ["no_common_subprotocol", "wrong_credentials"]


async def test_a14_who_offers_nothing_gets_the_version_of_its_row(authority: Authority, server: Files) -> None:
    async with site(authority, server, replace(ROW, default_version=V16)) as here:
        here.here.answer_everything()
        socket = await here.connect(1, offered=())
        await socket.send('[2,"h1","Heartbeat",{}]')

        assert await hear(socket) == [3, "h1", {}]
        assert "Sec-WebSocket-Protocol" not in socket.response.headers  # type: ignore[union-attr]
        assert here.here.events("connected")[0]["ocppVersion"] == "ocpp1.6"
        assert await here.status(1, offered=("ocpp0.1",)) == 400


async def test_a40_no_password_shows_up_anywhere(
    authority: Authority, server: Files, capsys: pytest.CaptureFixture[str]
) -> None:
    async with site(authority, server) as here:
        await here.status(1, NEW)
        await here.status(1, OLD)
        here.rows.rotate("CP1", stored(NEW))
        await here.status(2, NEW)
        pages = [await get(here.here.gateway.admin_port, path) for path in ("/refusals", "/metrics")]
        messages = [message.payload.decode() for message in here.here.broker.messages]

    told = capsys.readouterr().out + str(pages) + "".join(messages)
    assert "wrong_credentials" in told
    for password in (OLD, NEW):
        shown = (
            password.decode(),
            password.hex(),
            b64encode(password).decode(),
            b64encode(b"CP1:" + password).decode(),
        )
        assert [text for text in shown if text in told] == []
    assert stored(OLD) not in told


async def test_every_refusal_has_its_reason_in_the_metrics(authority: Authority, server: Files) -> None:
    async with site(authority, server) as here:
        await get(here.here.gateway.plain_port, "/ocpp/CP1")
        await here.status(1, NEW)
        await here.status(1, path="/ocpp/NOPE")
        _, metrics = await get(here.here.gateway.admin_port, "/metrics")

        for reason in ("no_websocket", "wrong_credentials", "unknown"):
            assert f'ocpp_ws_connection_rejected_total{{reason="{reason}"}} 1.0' in metrics
