"""Messages go to public https addresses and to what was allowed by name; every other form of an address is refused."""

from __future__ import annotations

import ipaddress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from modelwarden.errors import EndpointAddressRefused, SettingInvalid
from modelwarden.notify.address import Egress, is_public, parse_url

PUBLIC = "93.184.215.14"


@pytest.mark.parametrize(
    ("url", "host", "port", "target", "authority"),
    [
        ("https://example.com", "example.com", 443, "/", "example.com"),
        ("https://Example.COM./a?b=c", "example.com", 443, "/a?b=c", "example.com"),
        ("https://example.com:8443/x", "example.com", 8443, "/x", "example.com:8443"),
        ("https://[2606:4700::1111]/", "2606:4700::1111", 443, "/", "[2606:4700::1111]"),
        ("http://127.0.0.1:80/x", "127.0.0.1", 80, "/x", "127.0.0.1"),
        (
            "https://xn--bcher-kva.example/",
            "xn--bcher-kva.example",
            443,
            "/",
            "xn--bcher-kva.example",
        ),
    ],
)
def test_a_url_is_taken_apart(url: str, host: str, port: int, target: str, authority: str) -> None:
    found = parse_url(url)
    assert (found.host, found.port, found.target, found.authority) == (
        host,
        port,
        target,
        authority,
    )


@pytest.mark.parametrize(
    "url",
    [
        "", "example.com", "//example.com", "ftp://example.com", "file:///etc/passwd", "HTTPS//x", "https:/x",
        "https://", "https:///x", "https://user@example.com", "https://user:pw@example.com",
        "https://@example.com", "https://example.com#part", "https://example.com/#", "https://example.com:0",
        "https://example.com:65536", "https://example.com:x", "https://exa mple.com", "https://example.com/a b",
        "https://example.com/\r\nX-Injected: 1", "https://example.com/\x00", "https://example.com\\@evil.example",
        "https://bücher.example/", "https://exam_ple.com", "https://-x.example", "https://x..example",
        "https://" + "a" * 64 + ".example", "https://" + "a." * 130 + "example", "https://example.com/" + "a" * 3_000,
        # numbers that old programs read as addresses
        "https://2130706433/", "https://0x7f000001/", "https://0x7f.1/", "https://017700000001/", "https://127.1/",
        "https://127.0.1/", "https://0/", "https://127.0.0.0x1/", "https://0127.0.0.1/", "https://127.0.0.01/",
        "https://256.1.1.1/", "https://1.2.3.4.5/", "https://127.0.0.1.", "https://a.0x7f/",
        # IPv6 forms
        "https://[::1", "https://[fe80::1%25eth0]/", "https://[fe80::1%eth0]/", "https://[v1.x]/", "https://::1/",
        "https://[127.0.0.1]/", "https://[::1]x/",
    ],
)  # fmt: skip
def test_a_url_of_another_form_is_refused(url: str) -> None:
    with pytest.raises(EndpointAddressRefused) as refused:
        Egress().check(parse_url(url))
    assert "example" not in str(refused.value)


INSIDE = (
    "127.0.0.1", "127.255.255.254", "0.1.2.3", "10.0.0.1", "172.16.0.1", "172.31.255.255", "192.168.1.1",
    "169.254.169.254", "169.254.170.2", "100.64.0.1", "100.100.100.200", "192.0.0.192", "192.0.2.1", "198.18.0.1",
    "198.51.100.1", "203.0.113.1", "224.0.0.1", "239.255.255.255", "240.0.0.1", "255.255.255.255", "168.63.129.16",
    "::", "::1", "::7f00:1", "::ffff:127.0.0.1", "::ffff:10.0.0.1", "::ffff:169.254.169.254", "::ffff:0:127.0.0.1",
    "64:ff9b::7f00:1", "64:ff9b::a9fe:a9fe", "64:ff9b:1::1", "fe80::1", "fec0::1", "fc00::1", "fd00:ec2::254",
    "ff02::1", "2001:db8::1", "2001::1", "2002:7f00:1::", "2002:a9fe:a9fe::1", "100::1", "3fff::1", "5f00::1",
)  # fmt: skip


@pytest.mark.parametrize("address", INSIDE)
def test_addresses_of_the_house_are_never_called(address: str) -> None:
    host = f"[{address}]" if ":" in address else address
    with pytest.raises(EndpointAddressRefused):
        Egress().check(parse_url(f"https://{host}/"))
    with pytest.raises(EndpointAddressRefused):
        Egress().found(parse_url("https://name.example/"), lambda _host, _port: [address])
    assert not is_public(ipaddress.ip_address(address))


@pytest.mark.parametrize("address", [PUBLIC, "1.1.1.1", "2606:4700::1111", "64:ff9b::5db8:d70e"])
def test_public_addresses_are(address: str) -> None:
    name = parse_url("https://name.example/")
    assert Egress().found(name, lambda _host, _port: [address]) == address
    assert is_public(ipaddress.ip_address(address))


@given(st.ip_addresses())
def test_no_address_is_public_that_python_calls_private(
    address: ipaddress.IPv4Address | ipaddress.IPv6Address,
) -> None:
    kinds = ("private", "loopback", "link_local", "multicast", "unspecified")
    if is_public(address):
        assert [kind for kind in kinds if getattr(address, f"is_{kind}")] == []


def test_one_address_of_the_house_among_several_spoils_the_name() -> None:
    name = parse_url("https://name.example/")
    with pytest.raises(EndpointAddressRefused):
        Egress().found(name, lambda _host, _port: [PUBLIC, "10.0.0.1"])


def test_a_name_is_looked_up_once_and_its_judged_address_is_called() -> None:
    asked: list[str] = []

    def rebinding(host: str, _port: int) -> list[str]:
        asked.append(host)
        return [PUBLIC] if len(asked) == 1 else ["169.254.169.254"]

    name = parse_url("https://name.example/")
    assert Egress().found(name, rebinding) == PUBLIC
    assert asked == ["name.example"]
    with pytest.raises(EndpointAddressRefused):
        Egress().found(name, rebinding)


def test_http_is_for_this_machine_where_it_was_allowed() -> None:
    allowed = Egress(["127.0.0.0/8", "10.0.0.0/8"])
    allowed.check(parse_url("http://127.0.0.1:9/"))
    assert (
        allowed.found(parse_url("http://localhost/"), lambda _h, _p: ["127.0.0.1"]) == "127.0.0.1"
    )
    for url in ("http://10.0.0.1/", f"http://{PUBLIC}/", "http://name.example/", "http://[::1]/"):
        with pytest.raises(EndpointAddressRefused):
            allowed.check(parse_url(url))
    with pytest.raises(EndpointAddressRefused):
        Egress().check(parse_url("http://127.0.0.1/"))
    with pytest.raises(EndpointAddressRefused):
        allowed.found(parse_url("http://localhost/"), lambda _h, _p: [PUBLIC])


def test_an_allowed_network_is_allowed_in_every_form_and_no_other_is() -> None:
    allowed = Egress(["10.1.0.0/16"])
    allowed.check(parse_url("https://10.1.2.3/"))
    allowed.check(parse_url("https://[::ffff:10.1.2.3]/"))
    for url in ("https://10.2.0.1/", "https://127.0.0.1/", "https://[fd00::1]/"):
        with pytest.raises(EndpointAddressRefused):
            allowed.check(parse_url(url))


@pytest.mark.parametrize("text", ["", "10.0.0.1/8", "house", "10.0.0.0/33"])
def test_what_is_no_network_is_said_at_the_start(text: str) -> None:
    with pytest.raises(SettingInvalid, match="endpoint_allow"):
        Egress([text])


def test_what_follows_the_host_is_never_shown() -> None:
    found = parse_url("https://hooks.example:444/services/T0/secret?key=secret")
    assert found.shown == "https://hooks.example:444/…"
    assert "secret" not in repr(found)
