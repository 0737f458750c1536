import hashlib
import json
from pathlib import Path

import pytest

from ocppj.versions import V16
from tests.remote_commands.desk import ARN, Desk
from web import access
from web.access import Access

RESET = "/charge-points/CP-1/commands/Reset"
SOFT = {"type": "Soft"}


def loaded(directory: Path, tokens: object = None, policy: object = None) -> Access:
    paths: dict[str, Path] = {}
    for name, content in (("tokens", tokens), ("policy", policy)):
        if content is not None:
            paths[name] = directory / f"{name}.json"
            paths[name].write_text(content if isinstance(content, str) else json.dumps(content))
    return access.load(paths.get("tokens"), paths.get("policy"))


def at_desk(callers: Access) -> Desk:
    desk = Desk(access=callers)
    for name in ("CP-1", "XX-1"):
        desk.connect(name, V16)
    return desk


def test_without_files_everybody_may_do_everything(tmp_path: Path) -> None:
    desk = at_desk(loaded(tmp_path))

    assert desk.post(RESET, SOFT).body["issuedBy"] == ARN


@pytest.mark.parametrize("stored", ["s3cret", "sha256:" + hashlib.sha256(b"s3cret").hexdigest().upper()])
def test_the_bearer_of_a_token_is_its_caller(tmp_path: Path, stored: str) -> None:
    desk = at_desk(loaded(tmp_path, tokens={"peter": "other", "olga": stored}))

    assert desk.post(RESET, SOFT, token="s3cret").body["issuedBy"] == "olga"


def test_a_token_may_come_as_a_key_where_the_request_is_signed() -> None:
    callers = Access(tokens={hashlib.sha256(b"s3cret").hexdigest(): "olga"})

    assert callers.caller({"authorization": "AWS4-HMAC-SHA256 ...", "x-api-key": "s3cret"}, ARN) == "olga"


@pytest.mark.parametrize("token", [None, "", "wrong", "S3CRET"])
def test_a_caller_without_a_known_token_is_401(tmp_path: Path, token: str | None) -> None:
    desk = at_desk(loaded(tmp_path, tokens={"olga": "s3cret"}))

    sent, listed = desk.post(RESET, SOFT, token=token), desk.get("/charge-points/CP-1/commands", token=token)

    assert (sent.status, sent.body["code"], listed.status) == (401, "token-unknown", 401)
    assert desk.post("/remote-start-transaction", "{", token=token).status == 401
    assert sent.headers["WWW-Authenticate"] == "Bearer"
    assert desk.get("/commands/cmd-1", token=token).status == 401
    assert desk.sent.published == []


POLICY = {
    "olga": [
        {"chargePoints": ["CP-*"], "actions": ["reset", "Reset"]},
        {"chargePoints": ["XX-1"], "actions": ["Get*"]},
    ],
    "*": [{"chargePoints": ["*"], "actions": []}],
}


@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("/charge-points/CP-1/commands/Reset", 202),
        ("/charge-points/CP-1/commands/reset", 202),
        ("/charge-points/XX-1/commands/reset", 403),
        ("/charge-points/XX-1/commands/Reset", 403),
        ("/charge-points/XX-1/commands/GetConfiguration", 202),
        ("/charge-points/CP-1/commands/clear-cache", 403),
        ("/charge-points/NOBODY/commands/reset", 403),
    ],
)
def test_a_caller_does_what_the_policy_lets_it(tmp_path: Path, path: str, status: int) -> None:
    desk = at_desk(loaded(tmp_path, tokens={"olga": "s3cret"}, policy=POLICY))

    reply = desk.post(path, SOFT if path.endswith("/Reset") else {}, token="s3cret")

    assert reply.status == status
    assert len(desk.sent.published) == (status == 202)


def test_the_customers_own_addresses_keep_to_the_policy(tmp_path: Path) -> None:
    desk = at_desk(loaded(tmp_path, policy=POLICY))

    reply = desk.post("/remote-stop-transaction", {"chargePointId": "CP-1", "transactionId": 1})

    assert (reply.status, reply.body["code"]) == (403, "not-allowed")


def test_who_may_not_see_a_charge_point_does_not_see_its_commands(tmp_path: Path) -> None:
    policy = {ARN: [{"chargePoints": ["CP-*"], "actions": ["*"]}]}
    desk = at_desk(loaded(tmp_path, policy=policy))
    desk.post(RESET, SOFT)

    other = {"http": {"method": "GET"}, "stage": "$default"}
    seen = desk.get("/commands/cmd-1"), desk.get("/charge-points/CP-1/commands")
    unseen = desk.get("/commands/cmd-1", requestContext=other), desk.get("/charge-points/XX-1/commands")

    assert [reply.status for reply in (*seen, *unseen)] == [200, 200, 403, 403]
