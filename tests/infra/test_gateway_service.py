"""The gateways of the whole stack: their network, listeners, tasks, and how many there are."""

import re
from pathlib import Path

import pytest

from domain.tracing import ENDPOINT
from tests.infra.synthesised import Template, container, environment

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(300)]
OPERATE = (Path(__file__).parents[2] / "docs" / "operate.md").read_text()
WAYS_IN = ("OCPPGW_WS_PORT", "OCPPGW_SECOND_PORT", "OCPPGW_PLAIN_PORT")


def test_the_network_is_what_egress_says(dev: Template, passthrough: Template, balanced: Template) -> None:
    def made(template: Template, kind: str) -> int:
        return len(template.of_type(f"AWS::EC2::{kind}"))

    assert (made(dev, "Subnet"), made(dev, "NatGateway"), made(dev, "VPCEndpoint")) == (1, 0, 2)
    assert (made(balanced, "Subnet"), made(balanced, "NatGateway"), made(balanced, "VPCEndpoint")) == (4, 2, 2)
    # Two of them are gateway endpoints, which cost nothing.
    assert (made(passthrough, "Subnet"), made(passthrough, "NatGateway"), made(passthrough, "VPCEndpoint")) == (6, 0, 9)
    for template, has in ((dev, "ENABLED"), (passthrough, "DISABLED"), (balanced, "DISABLED")):
        assert template.only("AWS::EC2::VPC")["CidrBlock"] == "10.0.0.0/16"
        for service in template.of_type("AWS::ECS::Service").values():
            assert service["NetworkConfiguration"]["AwsvpcConfiguration"]["AssignPublicIp"] == has


def test_tasks_are_reached_by_the_load_balancer_only(template: Template) -> None:
    for name, group in template.of_type("AWS::EC2::SecurityGroup").items():
        ingress = group.get("SecurityGroupIngress", [])
        if "BalancerGroup" in name:
            assert {rule["ToPort"] for rule in ingress} <= {80, 443}
        elif "EndpointsGroup" in name:
            assert {rule["CidrIp"] for rule in ingress} == {"10.0.0.0/16"}
        else:
            assert not ingress
    for rule in template.of_type("AWS::EC2::SecurityGroupIngress").values():
        assert "BalancerGroup" in rule["SourceSecurityGroupId"]["Fn::GetAtt"][0]


def test_charge_points_come_from_where_it_is_allowed(balanced: Template) -> None:
    groups = balanced.of_type("AWS::EC2::SecurityGroup")
    (balancer,) = [group for name, group in groups.items() if "BalancerGroup" in name]

    assert {rule["CidrIp"] for rule in balancer["SecurityGroupIngress"]} == {"203.0.113.0/24"}


def listeners(template: Template) -> dict[int, str]:
    return {
        each["Port"]: each["Protocol"] for each in template.of_type("AWS::ElasticLoadBalancingV2::Listener").values()
    }


def test_tls_ends_where_the_option_says(dev: Template, passthrough: Template, balanced: Template) -> None:
    assert listeners(dev) == {80: "TCP"}
    assert listeners(passthrough) == {443: "TCP", 80: "TCP"}
    assert listeners(balanced) == {443: "TLS"}
    secrets = {each["Name"] for each in container(passthrough)["Secrets"]}
    assert {"OCPPGW_TLS_CERT", "OCPPGW_TLS_KEY", "OCPPGW_TLS_CLIENT_CA"} <= secrets
    assert environment(balanced)["OCPPGW_TLS_OFFLOADED"] == "1"
    certificates = balanced.of_type("AWS::CertificateManager::Certificate").values()
    assert {each["ValidationMethod"] for each in certificates} == {"DNS"}
    names = {each["Name"] for each in balanced.of_type("AWS::Route53::RecordSet").values()}
    assert names == {"ocpp.example.com.", "api.example.com."}


def target_ports(template: Template) -> set[int]:
    return {int(value) for name, value in environment(template).items() if name in WAYS_IN}


def test_a_listener_shares_charge_points_out_to_two_ports_of_each_task(balanced: Template, dev: Template) -> None:
    (listener,) = balanced.of_type("AWS::ElasticLoadBalancingV2::Listener").values()
    (action,) = listener["DefaultActions"]
    groups = balanced.of_type("AWS::ElasticLoadBalancingV2::TargetGroup")
    chosen = [(each["TargetGroupArn"]["Ref"], each["Weight"]) for each in action["ForwardConfig"]["TargetGroups"]]

    assert {groups[name]["Port"]: weight for name, weight in chosen} == {9000: 1, 9002: 1}
    served = balanced.only("AWS::ECS::Service")["LoadBalancers"]
    assert {each["ContainerPort"] for each in served} == target_ports(balanced) == {9000, 9002}
    assert target_ports(dev) == {9000}


def test_target_ports_speak_proxy_v2_and_drain_as_long_as_a_task_does(template: Template) -> None:
    groups = template.of_type("AWS::ElasticLoadBalancingV2::TargetGroup").values()

    assert {group["Port"] for group in groups} == target_ports(template)
    for group in groups:
        attributes = {each["Key"]: each["Value"] for each in group["TargetGroupAttributes"]}
        assert attributes["proxy_protocol_v2.enabled"] == "true"
        assert int(attributes["deregistration_delay.timeout_seconds"]) >= container(template)["StopTimeout"] == 120
        assert attributes["deregistration_delay.connection_termination.enabled"] == "false"
        assert (group["HealthCheckPath"], group["HealthCheckPort"], group["HealthCheckProtocol"]) == (
            "/readyz",
            "9090",
            "HTTP",
        )


def test_a_gateway_drains_within_its_stop_time_out(template: Template) -> None:
    assert 60 < float(environment(template)["OCPPGW_DRAIN_SECONDS"]) < container(template)["StopTimeout"]


def test_no_stack_looks_at_a_last_will_while_the_lease_of_its_gateway_may_run(template: Template) -> None:
    lease_s = float(environment(template)["OCPPGW_LEASE_S"])
    delay = template.body["Parameters"]["DisconnectDelaySeconds"]

    assert lease_s < delay["MinValue"] <= delay["Default"]


def test_gateways_are_arm64_with_a_file_descriptor_for_every_charge_point(template: Template) -> None:
    for task in template.of_type("AWS::ECS::TaskDefinition").values():
        assert task["RuntimePlatform"]["CpuArchitecture"] == "ARM64"
    assert container(template)["Ulimits"] == [{"Name": "nofile", "HardLimit": 1_048_576, "SoftLimit": 1_048_576}]


def test_the_gateways_settings_exist_and_secrets_are_no_settings(template: Template) -> None:
    given = environment(template)
    secret = {each["Name"] for each in container(template)["Secrets"]}
    known = {f"OCPPGW_{name}" for name in re.findall(r"`OCPPGW_(\w+)`", OPERATE)}
    known |= {name for name in given if name.endswith("_KEPT_DAYS")}  # docs/privacy.md has these
    known |= {ENDPOINT} if ENDPOINT in OPERATE else set()

    assert set(given) | secret <= known
    assert {"OCPPGW_PEPPER", "OCPPGW_MQTT_CERT", "OCPPGW_MQTT_KEY"} <= secret
    assert given["OCPPGW_MIN_PROFILE"] == "1"
    assert given["OCPPGW_PROXY_PROTOCOL"] == "1"


def test_options_reach_the_gateways(dev: Template, passthrough: Template) -> None:
    names = ("OCPPGW_HEARTBEATS", "OCPPGW_CHARGE_POINTS_PER_LINK")

    assert [environment(dev)[name] for name in names] == ["edge", "45"]
    assert [environment(passthrough)[name] for name in names] == ["forward", "1"]


def test_a_deploy_never_has_fewer_tasks_than_before(template: Template) -> None:
    for service in template.of_type("AWS::ECS::Service").values():
        deployment = service["DeploymentConfiguration"]
        assert (deployment["MinimumHealthyPercent"], deployment["MaximumPercent"]) == (100, 200)
        assert deployment["DeploymentCircuitBreaker"] == {"Enable": True, "Rollback": True}


def test_prod_has_two_tasks_in_two_zones_at_least(dev: Template, balanced: Template) -> None:
    def least(template: Template) -> int:
        return int(template.only("AWS::ApplicationAutoScaling::ScalableTarget")["MinCapacity"])

    assert (least(dev), least(balanced)) == (1, 2)
    assert dev.only("AWS::ApplicationAutoScaling::ScalableTarget")["MaxCapacity"] == 20


def test_gateways_scale_out_by_three_figures_and_in_one_by_one(balanced: Template) -> None:
    policies = balanced.of_type("AWS::ApplicationAutoScaling::ScalingPolicy").values()
    kinds = ("TargetTrackingScalingPolicyConfiguration", "StepScalingPolicyConfiguration")
    tracking, (step,) = [[each[kind] for each in policies if kind in each] for kind in kinds]

    followed = {
        each.get("PredefinedMetricSpecification", {}).get("PredefinedMetricType")
        or each["CustomizedMetricSpecification"]["MetricName"]: each["TargetValue"]
        for each in tracking
    }
    assert followed == {
        "ECSServiceAverageCPUUtilization": 60,
        "ECSServiceAverageMemoryUtilization": 70,
        "Connections": 10_000,
    }
    assert all(each["DisableScaleIn"] for each in tracking)
    assert step["Cooldown"] == 900
    assert [each["ScalingAdjustment"] for each in step["StepAdjustments"]] == [-1]
