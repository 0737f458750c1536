"""The load balancer before the gateways: TCP through to them, or TLS ending here; PROXY v2 tells who is there."""

from dataclasses import dataclass
from typing import Literal

from aws_cdk import Duration
from aws_cdk import aws_certificatemanager as acm
from aws_cdk import aws_ec2 as ec2
from aws_cdk import aws_ecs as ecs
from aws_cdk import aws_elasticloadbalancingv2 as elbv2
from aws_cdk import aws_route53 as route53
from aws_cdk import aws_route53_targets as targets
from constructs import Construct

from infra.nag import answer_for
from infra.network import Network
from infra.options import Domain, Options

WSS, PLAIN = 443, 80  # of the load balancer
PORT, PLAIN_PORT, SECOND_PORT, ADMIN_PORT = 9000, 9001, 9002, 9090
DEREGISTRATION_S = 120


@dataclass(frozen=True, slots=True)
class Way:
    """From a port of the load balancer to ports of the tasks, each of which takes its share of the connections."""

    name: str
    port: int
    protocol: Literal["TCP", "TLS"]
    target_ports: tuple[int, ...]


class Balancer(Construct):
    """`serve` a service; `target_ports` are those its tasks listen on."""

    def __init__(
        self, scope: Construct, construct_id: str, options: Options, network: Network, tasks: ec2.SecurityGroup
    ) -> None:
        super().__init__(scope, construct_id)
        self._ways = ways(options)
        self._network = network
        self.target_ports = tuple(port for way in self._ways for port in way.target_ports)
        self.target_groups: list[elbv2.NetworkTargetGroup] = []
        group = network.group("BalancerGroup", "Load balancer: charge points come in")
        self.balancer = elbv2.NetworkLoadBalancer(
            self,
            "LoadBalancer",
            vpc=network.vpc,
            internet_facing=True,
            cross_zone_enabled=True,
            security_groups=[group],
        )
        answer_for(
            self.balancer,
            "AwsSolutions-ELB2",
            "it logs TLS requests only; the gateways log every connection and refusal",
        )
        for cidr in options.allowed_cidrs:
            for way in self._ways:
                group.add_ingress_rule(ec2.Peer.ipv4(cidr), ec2.Port.tcp(way.port), "Charge points")
        answer_for(group, "AwsSolutions-EC23", "charge points come from anywhere, unless allowed_cidrs says otherwise")
        for port in (*self.target_ports, ADMIN_PORT):
            tasks.add_ingress_rule(group, ec2.Port.tcp(port), "From the load balancer")
        self._name = options.domain.name if options.domain else None
        self._certificate = self._named(options.domain, options.tls == "load_balancer") if options.domain else None

    @property
    def public_url(self) -> str:
        """Where charge points connect, without a path; the name of the load balancer where there is no domain."""
        scheme = "ws" if self._ways[0].port == PLAIN else "wss"
        return f"{scheme}://{self._name or self.balancer.load_balancer_dns_name}"

    def serve(self, service: ecs.FargateService) -> None:
        """Send charge points to the tasks of a service."""
        for way in self._ways:
            groups = [self._targets(way, port, service) for port in way.target_ports]
            has_tls = way.protocol == "TLS"
            self.balancer.add_listener(
                way.name,
                port=way.port,
                protocol=elbv2.Protocol.TLS if has_tls else elbv2.Protocol.TCP,
                certificates=[self._certificate] if has_tls and self._certificate else None,
                # The strictest policy that has TLS 1.2, which OCPP demands.
                ssl_policy=elbv2.SslPolicy.TLS13_RES if has_tls else None,
                default_action=_shared_out(groups),
            )
            self.target_groups += groups

    def _targets(self, way: Way, port: int, service: ecs.FargateService) -> elbv2.NetworkTargetGroup:
        return elbv2.NetworkTargetGroup(
            self,
            f"{way.name}Targets" if port == way.target_ports[0] else f"{way.name}Targets{port}",
            vpc=self._network.vpc,
            port=port,
            protocol=elbv2.Protocol.TCP,
            targets=[service.load_balancer_target(container_name="gateway", container_port=port)],
            proxy_protocol_v2=True,
            # An old task gets no new charge points, and those it has keep their connection while it drains.
            deregistration_delay=Duration.seconds(DEREGISTRATION_S),
            connection_termination=False,
            health_check=elbv2.HealthCheck(
                protocol=elbv2.Protocol.HTTP,
                path="/readyz",
                port=str(ADMIN_PORT),
                interval=Duration.seconds(10),
                timeout=Duration.seconds(5),
                healthy_threshold_count=2,
                unhealthy_threshold_count=2,
            ),
        )

    def _named(self, domain: Domain, has_certificate: bool) -> acm.ICertificate | None:
        zone = route53.HostedZone.from_hosted_zone_attributes(
            self, "Zone", hosted_zone_id=domain.hosted_zone_id, zone_name=domain.zone
        )
        alias = route53.RecordTarget.from_alias(targets.LoadBalancerTarget(self.balancer))
        route53.ARecord(self, "Address", zone=zone, record_name=f"{domain.name}.", target=alias)
        if not has_certificate:
            return None
        if domain.certificate_arn:
            return acm.Certificate.from_certificate_arn(self, "Certificate", domain.certificate_arn)
        validation = acm.CertificateValidation.from_dns(zone)
        return acm.Certificate(self, "Certificate", domain_name=domain.name, validation=validation)


def ways(options: Options) -> tuple[Way, ...]:
    """443 to the main ports, and 80 to the plain one; without TLS only 80, to the main ones."""
    main = (PORT, SECOND_PORT)[: options.target_ports]
    if options.tls == "none":
        return (Way("Ws", PLAIN, "TCP", main),)
    wss = Way("Wss", WSS, "TLS" if options.tls == "load_balancer" else "TCP", main)
    return (wss, Way("Ws", PLAIN, "TCP", (PLAIN_PORT,))) if options.plain else (wss,)


def _shared_out(groups: list[elbv2.NetworkTargetGroup]) -> elbv2.NetworkListenerAction:
    if len(groups) == 1:
        return elbv2.NetworkListenerAction.forward(groups)
    return elbv2.NetworkListenerAction.weighted_forward(
        [elbv2.NetworkWeightedTargetGroup(target_group=group, weight=1) for group in groups]
    )
