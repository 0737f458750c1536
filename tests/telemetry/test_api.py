"""The telemetry API: stations as they are now, samples as they were."""

import base64
import hashlib
from datetime import timedelta

import orjson
import pytest

from domain.models import ChargePoint
from ocppj import timestamps
from telemetry.inbox import FRAME_QUEUE, STATION_QUEUE
from tests.telemetry.front import TelemetryFront
from tests.telemetry.house import NOW, frame, meter_values, payload, published
from web.access import Access, Rule


@pytest.fixture
def front() -> TelemetryFront:
    """Three stations, one of them registered, and a charge point with samples of three moments."""
    front = TelemetryFront()
    house = front.house
    house.things.names["S1"] = None
    messages = [
        published(payload(name, status=status), name)
        for name, status in (("S2", "full"), ("S1", "online"), ("S3", "full"))
    ]
    house.inbox.take(STATION_QUEUE, messages)
    house.registry.add(ChargePoint("CP001"))
    taken = [meter_values(str(1000 + second), NOW - timedelta(seconds=second), f"m{second}") for second in (70, 20, 10)]
    house.inbox.take(FRAME_QUEUE, [frame(each) for each in [*taken, [*meter_values("5")[:3], {}]]])
    return front


def test_stations_are_listed_with_numbers_as_numbers_and_iso_times(front: TelemetryFront) -> None:
    status, body = front.get("/stations")

    assert (status, body["count"], body["nextCursor"]) == (200, 3, None)
    assert body["stations"][0] == {
        "station_id": "S1", "battery_available": 8, "battery_charging": 2, "temperature": 25.5, "humidity": 60,
        "status": "online", "timestamp": timestamps.write(NOW), "received_at": timestamps.write(NOW),
        "registered": True, "partner": None,
    }  # fmt: skip


def test_stations_come_in_pages(front: TelemetryFront) -> None:
    first = front.ask("/stations?limit=2")
    body = orjson.loads(first["body"])
    link = first["headers"]["Link"]

    _, second = front.get(link[1:].partition(">")[0].replace("%3D", "="))

    assert [each["station_id"] for each in body["stations"]] == ["S1", "S2"]
    assert (body["count"], base64.urlsafe_b64decode(body["nextCursor"])) == (2, b"S2")
    assert [each["station_id"] for each in second["stations"]] == ["S3"]


@pytest.mark.parametrize(
    ("query", "expected"),
    [("status=full", ["S2", "S3"]), ("registered=true", ["S1"]), ("registered=false&status=online", [])],
)
def test_stations_are_filtered(front: TelemetryFront, query: str, expected: list[str]) -> None:
    _, body = front.get(f"/stations?{query}")

    assert [each["station_id"] for each in body["stations"]] == expected
    assert body["count"] == len(expected)


def test_one_station_is_found_and_another_is_not(front: TelemetryFront) -> None:
    assert front.get("/stations/S2")[1]["station_id"] == "S2"

    status, problem = front.get("/stations/S9")

    assert (status, problem["code"], problem["status"]) == (404, "station-unknown", 404)
    assert front.ask("/stations/S9")["headers"]["Content-Type"] == "application/problem+json"


def test_samples_of_a_charge_point_by_measurand_and_time(front: TelemetryFront) -> None:
    since = timestamps.write(NOW - timedelta(seconds=60))

    status, body = front.get(f"/charge-points/CP001/samples?measurand=Power.Active.Import&from={since}")

    assert status == 200
    assert [sample["value"] for sample in body["data"]] == [7400, 7400]
    assert body["data"][0] == {
        "at": timestamps.write(NOW - timedelta(seconds=20)), "connector": "1", "transactionId": "42", "value": 7400,
        "measurand": "Power.Active.Import", "unit": "W", "context": "Sample.Periodic", "location": "Outlet",
    }  # fmt: skip


def test_samples_are_averaged_over_the_resolution(front: TelemetryFront) -> None:
    _, body = front.get("/charge-points/CP001/samples?measurand=Energy.Active.Import.Register&resolution=1m")

    shown = [(each["at"], each["value"], each["min"], each["max"], each["count"]) for each in body["data"]]
    assert shown == [
        ("2026-11-21T05:28:00.000Z", 1070, 1070, 1070, 1),
        ("2026-11-21T05:29:00.000Z", 1015, 1010, 1020, 2),
    ]


def test_the_latest_sample_of_every_series_is_at_hand(front: TelemetryFront) -> None:
    _, body = front.get("/charge-points/CP001/samples/latest")

    assert sorted(each["value"] for each in body["data"]) == [1010, 7400]


@pytest.mark.parametrize(
    ("path", "status", "where"),
    [
        ("/stations?limit=0", 422, "limit"),
        ("/stations?registered=maybe", 422, "registered"),
        ("/charge-points/CP001/samples?from=yesterday", 422, "from"),
        ("/charge-points/CP001/samples?to=2026-11-21T05:00:00Z&from=2026-11-21T06:00:00Z", 422, "from"),
        ("/charge-points/CP001/samples?from=2026-01-01T00:00:00Z", 422, "from"),
        ("/charge-points/CP001/samples?resolution=5y", 422, "resolution"),
        ("/charge-points/NOBODY/samples", 404, "NOBODY"),
        ("/charge-points/%20/samples/latest", 404, "%20"),
        ("/stations/S1/more", 404, "/stations/S1/more"),
    ],
)
def test_what_can_not_be_answered_is_a_problem_that_names_it(
    front: TelemetryFront, path: str, status: int, where: str
) -> None:
    answered = front.ask(path)

    assert answered["statusCode"] == status
    assert answered["headers"]["Content-Type"] == "application/problem+json"
    assert where in answered["body"]


def test_a_caller_sees_what_the_policy_lets_it() -> None:
    front = TelemetryFront(
        access=Access(policy={"*": [Rule.model_validate({"chargePoints": ["OTHER-*"], "actions": ["*"]})]})
    )
    front.house.registry.add(ChargePoint("CP001"))

    assert front.get("/charge-points/CP001/samples")[0] == 403


TOKENS = {hashlib.sha256(name.encode()).hexdigest(): name for name in ("anna", "vera", "boss", "clerk", "nobody")}
POLICY = {
    "anna": [Rule.model_validate({"chargePoints": ["*"], "actions": ["*"], "partners": ["acme"]})],
    "vera": [Rule.model_validate({"chargePoints": ["*"], "actions": ["*"], "partners": ["volt"]})],
    "boss": [Rule.model_validate({"chargePoints": ["*"], "actions": ["*"]})],
    "clerk": [Rule.model_validate({"chargePoints": ["V-*"], "actions": []})],
}


@pytest.fixture
def shared() -> TelemetryFront:
    """A station and a charge point of each of two partners, and a station that nobody registered."""
    front = TelemetryFront(access=Access(TOKENS, POLICY))
    front.house.things.names |= {"A-S": "acme", "V-S": "volt"}
    front.house.inbox.take(STATION_QUEUE, [published(payload(name), name) for name in ("A-S", "N-S", "V-S")])
    for name, partner in (("A-CP", "acme"), ("V-CP", "volt")):
        front.house.registry.add(ChargePoint(name, partner=partner))
        front.house.inbox.take(FRAME_QUEUE, [frame(meter_values("5"), name)])
    return front


@pytest.mark.parametrize(
    ("caller", "expected"),
    [("anna", ["A-S"]), ("vera", ["V-S"]), ("boss", ["A-S", "N-S", "V-S"]), ("clerk", ["V-S"]), ("nobody", [])],
)
def test_each_partner_sees_its_own_stations_only(shared: TelemetryFront, caller: str, expected: list[str]) -> None:
    _, listed = shared.get("/stations", **{"x-api-key": caller})
    found = [
        name for name in ("A-S", "N-S", "V-S") if shared.get(f"/stations/{name}", **{"x-api-key": caller})[0] == 200
    ]

    assert [each["station_id"] for each in listed["stations"]] == expected
    assert found == expected
    assert listed["count"] == len(expected)


def test_anothers_station_looks_as_if_it_were_not_there(shared: TelemetryFront) -> None:
    others = shared.get("/stations/V-S", **{"x-api-key": "anna"})
    nobodys = shared.get("/stations/X-S", **{"x-api-key": "anna"})

    assert others[0] == nobodys[0] == 404
    assert others[1]["detail"] == nobodys[1]["detail"].replace("X-S", "V-S")
    assert shared.get("/stations?partner=volt", **{"x-api-key": "anna"})[1]["stations"] == []
    assert [
        each["partner"] for each in shared.get("/stations?partner=volt", **{"x-api-key": "boss"})[1]["stations"]
    ] == ["volt"]
    assert shared.get("/stations")[0] == 401


@pytest.mark.parametrize("path", ["samples", "samples/latest"])
def test_anothers_samples_look_as_if_they_were_not_there(shared: TelemetryFront, path: str) -> None:
    def asked(caller: str, name: str) -> int:
        return shared.get(f"/charge-points/{name}/{path}", **{"x-api-key": caller})[0]

    assert [asked("anna", name) for name in ("A-CP", "V-CP", "X-CP")] == [200, 404, 404]
    assert [asked("boss", name) for name in ("A-CP", "V-CP")] == [200, 200]
    assert asked("clerk", "A-CP") == 403


def test_problems_say_what_is_left_too() -> None:
    front = TelemetryFront(per_minute=5)

    assert front.ask("/stations/S9")["headers"]["RateLimit-Remaining"] == "4"
    assert front.ask("/stations?limit=x")["headers"]["RateLimit-Remaining"] == "3"


def test_reads_are_limited_and_say_what_is_left() -> None:
    front = TelemetryFront(per_minute=2)

    first, second, third = (front.ask("/stations") for _ in range(3))
    front.now_s = 60.0
    later = front.ask("/stations")

    assert [each["statusCode"] for each in (first, second, third, later)] == [200, 200, 429, 200]
    assert first["headers"]["RateLimit"] == '"reads";r=1;t=60'
    assert first["headers"]["RateLimit-Policy"] == '"reads";q=2;w=60'
    assert (third["headers"]["RateLimit-Remaining"], third["headers"]["Retry-After"]) == ("0", "60")
    assert orjson.loads(third["body"])["code"] == "too-many-requests"


def test_pages_of_other_sites_may_read() -> None:
    front = TelemetryFront()

    before = front.ask("/stations", "OPTIONS", Origin="https://example.org")
    answered = front.ask("/stations", Origin="https://example.org")

    assert before["statusCode"] == 204
    assert "GET" in before["headers"]["Access-Control-Allow-Methods"]
    assert answered["headers"]["Access-Control-Allow-Origin"] == "*"
