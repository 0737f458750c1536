"""IoT things on the emulator, and the pepper that fleet administration shares with the gateways."""

import pytest

from adapters import things
from domain import credentials
from fleet import charge_points
from fleet.lambda_handler import on_aws
from fleet.settings import STACK_THING_TYPE, Settings
from infra.local.cloud import AWS
from infra.options import load

TYPE = "typed-charge-point"


@pytest.fixture
def _here(aws: AWS, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in aws.environment().items():
        monkeypatch.setenv(name, value)


@pytest.mark.e2e
@pytest.mark.usefixtures("_here")
def test_things_get_the_type_that_makes_them_charge_points(aws: AWS) -> None:
    iot = aws.client("iot")
    iot.create_thing_type(thingTypeName=TYPE)
    iot.create_thing(thingName="TYPED-2")
    typed = things.connect(TYPE)

    made = {typed.create("TYPED-1"), typed.create("TYPED-2"), typed.create("TYPED-1")}

    assert len(made) == 2
    assert {iot.describe_thing(thingName=name)["thingTypeName"] for name in ("TYPED-1", "TYPED-2")} == {TYPE}
    iot.create_thing(thingName="NO-CHARGE-POINT")
    assert set(typed.names()) == {"TYPED-1", "TYPED-2"}


@pytest.mark.e2e
@pytest.mark.usefixtures("_here")
def test_generated_passwords_match_the_gateways_pepper(aws: AWS) -> None:
    arn = aws.client("secretsmanager").create_secret(Name="pepper", SecretString="pepper-of-the-gateways")["ARN"]

    ports = on_aws(Settings(pepper_secret=arn))
    password, stored = charge_points.generate(ports.random_bytes, ports.pepper)

    assert credentials.matches(stored, bytes.fromhex(password), b"pepper-of-the-gateways")


def test_on_aws_things_get_the_type_that_the_stack_asks_for() -> None:
    assert load("dev").thing_type == STACK_THING_TYPE == Settings(cloud="aws").type_of_things
    assert Settings().type_of_things is None
    assert Settings(cloud="aws", thing_type="").type_of_things is None
