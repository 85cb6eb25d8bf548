"""One message to a real server that misbehaves: a status or a problem comes back, within the deadline, and no body."""

from __future__ import annotations

import socket
import ssl
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from modelwarden.notify.address import Egress, parse_url
from modelwarden.notify.post import Line
from tests.notify.receiver import Receiver, receiving

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from modelwarden.notify.delivery import Result
    from tests.notify.receiver import Answer

HERE = Egress(["127.0.0.0/8"])


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with receiving() as found:
        yield found


def posted(receiver: Receiver, *, body: bytes = b"{}", deadline_s: float = 10.0) -> Result:
    address = parse_url(receiver.url)
    return Line(HERE, deadline_s=deadline_s).post(address, {"webhook-id": "7"}, body)


def test_a_message_arrives_as_it_was_sent(receiver: Receiver) -> None:
    result = posted(receiver, body=b'{"a":1}')
    assert (result.status, result.problem, result.is_ok) == (200, None, True)
    (got,) = receiver.requests
    assert (got.path, got.body, got.id) == ("/hooks/T00/secret-in-the-path", b'{"a":1}', "7")
    assert got.headers["host"] == f"127.0.0.1:{receiver.port}"
    assert got.headers["content-type"] == "application/json"


def test_a_redirect_is_an_answer_and_not_followed(receiver: Receiver) -> None:
    with receiving() as other:
        receiver.always = (307, {"Location": other.url})
        assert posted(receiver).status == 307
        assert (len(receiver.requests), other.requests) == (1, [])


@pytest.mark.parametrize(
    ("answer", "status", "problem"),
    [
        (204, 204, None),
        (500, 500, None),
        ("hints", 204, None),
        ("flood", 200, None),
        ("drop", 0, "answer_malformed"),
        ("garbage", 0, "answer_malformed"),
        ("heads", 0, "answer_malformed"),
        ("early", 0, "answer_malformed"),
        ("hang", 0, "timed_out"),
        ("drip", 0, "timed_out"),
    ],
)
def test_whatever_it_does_there_is_a_result(
    receiver: Receiver, answer: Answer, status: int, problem: str | None
) -> None:
    receiver.always = answer
    result = posted(receiver, deadline_s=1.0)
    assert (result.status, result.problem) == (status, problem)


def test_nobody_listening_is_a_result_too() -> None:
    with socket.socket() as bound:
        bound.bind(("127.0.0.1", 0))
        address = parse_url(f"http://127.0.0.1:{bound.getsockname()[1]}/")
        assert Line(HERE).post(address, {}, b"{}").problem == "unreachable"


def test_a_name_that_is_unknown_or_inside_is_a_result_too() -> None:
    def unknown(_host: str, _port: int) -> list[str]:
        raise socket.gaierror

    name = parse_url("https://name.example/")
    assert Line(HERE, unknown).post(name, {}, b"{}").problem == "name_unknown"
    assert Line(HERE, lambda _h, _p: []).post(name, {}, b"{}").problem == "unreachable"
    inside = Line(HERE, lambda _h, _p: ["169.254.169.254"]).post(name, {}, b"{}")
    assert inside.problem == "endpoint_address_refused"


@pytest.mark.parametrize(
    ("text", "asked"),
    [
        ("120", timedelta(seconds=120)),
        ("0", timedelta(0)),
        ("9" * 30, timedelta(seconds=10**6)),
        ("-5", None),
        ("soon", None),
        ("1" * 100, None),
        ("Wed, 21 Oct 2015 07:28:00 GMT", timedelta(0)),
    ],
)
def test_a_receiver_says_when_it_wants_to_be_asked_again(
    receiver: Receiver, text: str, asked: timedelta | None
) -> None:
    receiver.always = (429, {"Retry-After": text})
    assert posted(receiver).retry_after == asked


def test_a_receiver_may_name_a_date(receiver: Receiver) -> None:
    until = datetime.now(UTC) + timedelta(minutes=10)
    receiver.always = (503, {"Retry-After": until.strftime("%a, %d %b %Y %H:%M:%S GMT")})
    asked = posted(receiver).retry_after
    assert asked is not None
    assert timedelta(minutes=8) < asked < timedelta(minutes=11)


def test_the_very_address_that_was_judged_is_called(receiver: Receiver) -> None:
    asked: list[str] = []

    def rebinding(host: str, _port: int) -> list[str]:
        asked.append(host)
        return ["127.0.0.1"] if len(asked) == 1 else ["127.0.0.2"]

    address = replace(parse_url(f"http://localhost:{receiver.port}/x"), host="localhost")
    line = Line(Egress(["127.0.0.1/32"]), rebinding)
    assert line.post(address, {}, b"{}").status == 200
    assert line.post(address, {}, b"{}").problem == "endpoint_address_refused"
    assert (asked, len(receiver.requests)) == (["localhost", "localhost"], 1)
    assert receiver.requests[0].headers["host"] == f"localhost:{receiver.port}"


def test_a_line_that_was_cut_sends_nothing_any_more(receiver: Receiver) -> None:
    line = Line(HERE)
    line.cut()
    assert line.post(parse_url(receiver.url), {}, b"{}").problem == "unreachable"
    assert receiver.requests == []


def certified(folder: Path, name: str) -> Path:
    """Write a key and a certificate that this name signed itself."""
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    now = datetime.now(UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(name)]), critical=False)
        .sign(key, hashes.SHA256())
    )
    pem = key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )
    path = folder / f"{name}.pem"
    path.write_bytes(pem + certificate.public_bytes(serialization.Encoding.PEM))
    return path


def test_over_tls_the_name_is_checked_although_the_address_was_chosen(tmp_path: Path) -> None:
    pem = certified(tmp_path, "hooks.example")
    server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    server.load_cert_chain(pem)
    asked: list[str | None] = []
    server.sni_callback = lambda _socket, name, _context: asked.append(name)
    trusting = ssl.create_default_context(cafile=str(pem))
    with receiving(tls=server) as receiver:
        line = Line(HERE, lambda _h, _p: ["127.0.0.1"], tls=trusting, deadline_s=5.0)
        good = parse_url(f"https://hooks.example:{receiver.port}/x")
        assert line.post(good, {}, b"{}").status == 200
        assert receiver.requests[0].headers["host"] == f"hooks.example:{receiver.port}"
        other = parse_url(f"https://other.example:{receiver.port}/x")
        assert line.post(other, {}, b"{}").problem == "tls_failed"
        strict = Line(HERE, lambda _h, _p: ["127.0.0.1"], deadline_s=5.0)
        assert strict.post(good, {}, b"{}").problem == "tls_failed"
    assert asked == ["hooks.example", "other.example", "hooks.example"]
    assert len(receiver.requests) == 1
