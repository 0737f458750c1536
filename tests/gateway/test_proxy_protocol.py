"""PROXY protocol v2 headers."""

import struct
from ipaddress import ip_address

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.proxy_protocol import PREFIX_SIZE, SIGNATURE, ProxyProtocolError, Source, size_of_rest, source_of


def header(command: int, family: int, rest: bytes) -> bytes:
    return SIGNATURE + bytes([command, family]) + struct.pack("!H", len(rest)) + rest


def read(data: bytes) -> Source | None:
    prefix = data[:PREFIX_SIZE]
    return source_of(prefix, data[PREFIX_SIZE : PREFIX_SIZE + size_of_rest(prefix)])


@given(st.ip_addresses(), st.integers(0, 65535), st.binary(max_size=50))
def test_the_source_is_the_address_the_load_balancer_saw(address: object, port: int, more: bytes) -> None:
    packed = ip_address(str(address)).packed
    family = 0x11 if len(packed) == 4 else 0x21
    rest = packed + packed + struct.pack("!HH", port, 443) + more

    assert read(header(0x21, family, rest)) == Source(str(address), port)


def test_a_health_check_of_the_load_balancer_has_no_source() -> None:
    assert read(header(0x20, 0x00, b"")) is None


def test_an_unspecified_family_has_no_source() -> None:
    assert read(header(0x21, 0x00, b"")) is None


@pytest.mark.parametrize(
    "data",
    [
        b"GET /CP001 HTTP/1.1\r\n\r\n",
        b"PROXY TCP4 1.2.3.4 5.6.7.8 1 2\r\n",
        header(0x11, 0x11, b"\0" * 12),
        header(0x21, 0x11, b"\0" * 11),
        header(0x21, 0x21, b"\0" * 12),
        SIGNATURE + b"\x21\x11\xff\xff",
        SIGNATURE[:5],
    ],
)
def test_anything_else_is_refused(data: bytes) -> None:
    with pytest.raises(ProxyProtocolError):
        read(data)


@given(st.binary(max_size=40))
def test_arbitrary_bytes_raise_nothing_else(data: bytes) -> None:
    try:
        read(SIGNATURE + data)
    except ProxyProtocolError:
        return
