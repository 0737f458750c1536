"""How a client of the AWS Common Runtime is set up: TLS, signing, and a behaviour as plain as it gets."""

from functools import cache, lru_cache, partial
from typing import Any

import awscrt.auth  # type: ignore[import-untyped]
import awscrt.io  # type: ignore[import-untyped]
import awscrt.mqtt5 as crt  # type: ignore[import-untyped]

from adapters.mqtt_awsiot_settings import AwsIotSettings
from adapters.mqtt_settings import AWS_ALPN, AWS_ALPN_PORT

_NEVER_MS = 86_400_000  # whoever lost the connection stops the client long before it would connect again


def client_options(settings: AwsIotSettings) -> Any:
    """Options of a client for one connection, without callbacks."""
    socket = awscrt.io.SocketOptions()
    socket.connect_timeout_ms = int(settings.connect_timeout_s * 1_000)
    return crt.ClientOptions(
        host_name=settings.host,
        port=settings.port,
        bootstrap=_bootstrap(),
        socket_options=socket,
        tls_ctx=_tls(settings),
        websocket_handshake_transform=partial(_sign, settings) if settings.certificate is None else None,
        connect_options=_connect(settings),
        session_behavior=crt.ClientSessionBehaviorType.CLEAN,
        # Its own idea of AWS IoT's limits would refuse long topics, and pace what we pace already.
        extended_validation_and_flow_control_options=crt.ExtendedValidationAndFlowControlOptions.NONE,
        offline_queue_behavior=crt.ClientOperationQueueBehaviorType.FAIL_ALL_ON_DISCONNECT,
        min_reconnect_delay_ms=_NEVER_MS,
        max_reconnect_delay_ms=_NEVER_MS,
        retry_jitter_mode=crt.ExponentialBackoffJitterMode.NONE,
        ping_timeout_ms=settings.keepalive_s * 500,
        connack_timeout_ms=int(settings.connect_timeout_s * 1_000),
        disable_metrics=True,
    )


def _connect(settings: AwsIotSettings) -> Any:
    will = None
    if settings.will is not None:
        topic, payload = settings.will
        will = crt.PublishPacket(topic=topic, payload=payload, qos=crt.QoS.AT_LEAST_ONCE)
    return crt.ConnectPacket(
        keep_alive_interval_sec=settings.keepalive_s,
        client_id=settings.client_id,
        username=settings.username,
        password=settings.password,
        receive_maximum=settings.receive_maximum,
        maximum_packet_size=settings.max_packet_size,
        will=will,
    )


def _tls(settings: AwsIotSettings) -> Any:
    if not settings.is_encrypted:
        return None
    protocol = None
    if settings.port == AWS_ALPN_PORT:
        protocol = "http/1.1" if settings.certificate is None else AWS_ALPN
    return _tls_context(settings.ca, settings.certificate, settings.key, protocol)


def _sign(settings: AwsIotSettings, transform_args: Any) -> None:
    request = transform_args.http_request
    if settings.server_name is not None:
        request.headers.set("host", settings.server_name)
    signing = awscrt.auth.AwsSigningConfig(
        algorithm=awscrt.auth.AwsSigningAlgorithm.V4,
        signature_type=awscrt.auth.AwsSignatureType.HTTP_REQUEST_QUERY_PARAMS,
        credentials_provider=settings.credentials or _default_credentials(),
        region=settings.region,
        service="iotdevicegateway",
        omit_session_token=True,  # AWS IoT wants the token added after signing
    )
    signed = awscrt.auth.aws_sign_request(request, signing)
    signed.add_done_callback(lambda finished: transform_args.set_done(finished.exception()))


@lru_cache(maxsize=4)
def _tls_context(ca: bytes | None, certificate: bytes | None, key: bytes | None, protocol: str | None) -> Any:
    if certificate is None:
        options = awscrt.io.TlsContextOptions()
    else:
        options = awscrt.io.TlsContextOptions.create_client_with_mtls(certificate, key)
    if ca is not None:
        options.override_default_trust_store(ca)
    if protocol is not None:
        options.alpn_list = [protocol]
    return awscrt.io.ClientTlsContext(options)


@cache
def _bootstrap() -> Any:
    # One thread for all links: it does the TLS, and our loop could not follow two of them.
    threads = awscrt.io.EventLoopGroup(1)
    return awscrt.io.ClientBootstrap(threads, awscrt.io.DefaultHostResolver(threads))


@cache
def _default_credentials() -> Any:
    return awscrt.auth.AwsCredentialsProvider.new_default_chain(_bootstrap())
