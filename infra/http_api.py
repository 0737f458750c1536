"""One name for all of the HTTP API, in front of the functions that have URLs: a REST API, for that can carry a WAF.

An HTTP API of API Gateway can't, and CloudFront would sign for everybody who comes. Callers sign (SigV4, service
`execute-api`), as they do for Function URLs, and need `HttpApiPolicy`.
"""

from aws_cdk import Aws
from aws_cdk import aws_apigateway as apigateway
from aws_cdk import aws_certificatemanager as acm
from aws_cdk import aws_iam as iam
from aws_cdk import aws_route53 as route53
from aws_cdk import aws_route53_targets as targets
from aws_cdk import aws_wafv2 as waf
from constructs import Construct

from infra.local.function_urls import READS, ROUTES
from infra.messaging import allow
from infra.nag import answer_for
from infra.options import Domain, Options
from infra.processing import Processing

STAGE, REST_API = "api", "RestApi"
REQUESTS_PER_S, AT_ONCE = 100, 200
# What is below one charge point, but not the fleet's.
BELOW_ONE = {"commands": "CommandsFunctionUrl", "samples": "TelemetryFunctionUrl"}


class HttpApi(Construct):
    """The API, its name, and who may call it."""

    def __init__(
        self, scope: Construct, construct_id: str, options: Options, domain: Domain, processing: Processing
    ) -> None:
        super().__init__(scope, construct_id)
        self._uris = {
            f"{url.node.id.removesuffix('Url')}FunctionUrl": function.attr_arn
            for url, function in zip(processing.urls, processing.with_urls, strict=True)
        }
        self._role = iam.Role(self, "Role", assumed_by=iam.ServicePrincipal("apigateway.amazonaws.com"))
        self._role.add_to_policy(allow(["lambda:InvokeFunction"], list(self._uris.values())))
        self.api = apigateway.RestApi(
            self,
            "Api",
            rest_api_name="ocpp-gateway",
            cloud_watch_role=False,  # a setting of the account
            disable_execute_api_endpoint=True,
            endpoint_types=[apigateway.EndpointType.REGIONAL],
            default_method_options=apigateway.MethodOptions(authorization_type=apigateway.AuthorizationType.IAM),
            deploy_options=apigateway.StageOptions(
                stage_name=STAGE,
                throttling_rate_limit=REQUESTS_PER_S,
                throttling_burst_limit=AT_ONCE,
                metrics_enabled=False,
            ),
        )
        resource = self.api.node.default_child
        assert isinstance(resource, apigateway.CfnRestApi)  # noqa: S101  that is what CDK makes of a RestApi
        resource.override_logical_id(REST_API)
        self._add_routes()
        self._name(domain)
        policy = iam.ManagedPolicy(
            self,
            "HttpApiPolicy",
            description="May call the HTTP API by its name",
            statements=[allow(["execute-api:Invoke"], [self.api.arn_for_execute_api()])],
        )
        own = f"execute-api:<AWS::Region>:<AWS::AccountId>:<{REST_API}>/*/*/*"
        whole = f"AwsSolutions-IAM5[Resource::arn:<AWS::Partition>:{own}]"
        answer_for(policy, whole, "every path of this API; the policy of the house says who may what")
        if options.web_acl_arn:
            stage = f"arn:{Aws.PARTITION}:apigateway:{Aws.REGION}::/restapis/{self.api.rest_api_id}/stages/{STAGE}"
            association = waf.CfnWebACLAssociation(
                self, "Firewall", resource_arn=stage, web_acl_arn=options.web_acl_arn
            )
            association.node.add_dependency(self.api.deployment_stage)
        self._answer()

    def _add_routes(self) -> None:
        for segment, output in ROUTES.items():
            at = self.api.root.add_resource(segment)
            self._route(at, output)
            if segment != "charge-points":
                self._route(at.add_proxy(any_method=False), output)
                continue
            one = at.add_resource("{chargePointId}")
            for below, its in ((one, output), *((one.add_resource(name), its) for name, its in BELOW_ONE.items())):
                self._route(below, its)
                self._route(below.add_proxy(any_method=False), its)

    def _route(self, at: apigateway.IResource, output: str) -> None:
        at.add_method("ANY", self._integration(output))
        if output in READS:
            at.add_method("GET", self._integration(READS[output]))

    def _integration(self, output: str) -> apigateway.Integration:
        functions = f"arn:{Aws.PARTITION}:apigateway:{Aws.REGION}:lambda:path/2015-03-31/functions"
        return apigateway.Integration(
            type=apigateway.IntegrationType.AWS_PROXY,
            integration_http_method="POST",
            uri=f"{functions}/{self._uris[output]}/invocations",
            options=apigateway.IntegrationOptions(credentials_role=self._role),
        )

    def _name(self, domain: Domain) -> None:
        zone = route53.HostedZone.from_hosted_zone_attributes(
            self, "Zone", hosted_zone_id=domain.hosted_zone_id, zone_name=domain.zone
        )
        certificate: acm.ICertificate = (
            acm.Certificate.from_certificate_arn(self, "Certificate", domain.certificate_arn)
            if domain.certificate_arn
            else acm.Certificate(
                self, "Certificate", domain_name=domain.name, validation=acm.CertificateValidation.from_dns(zone)
            )
        )
        name = self.api.add_domain_name(
            "Name",
            domain_name=domain.name,
            certificate=certificate,
            endpoint_type=apigateway.EndpointType.REGIONAL,
            security_policy=apigateway.SecurityPolicy.TLS_1_2,
        )
        alias = route53.RecordTarget.from_alias(targets.ApiGatewayDomain(name))
        route53.ARecord(self, "Address", zone=zone, record_name=f"{domain.name}.", target=alias)

    def _answer(self) -> None:
        for rule, reason in (
            ("AwsSolutions-APIG1", "the functions log each request"),
            ("AwsSolutions-APIG2", "the functions check each request, and say what is wrong"),
            ("AwsSolutions-APIG3", "web_acl_arn associates one"),
            ("AwsSolutions-APIG6", "the functions log each request"),
            ("AwsSolutions-COG4", "callers sign: IAM says who they are"),
        ):
            answer_for(self.api, rule, reason)
