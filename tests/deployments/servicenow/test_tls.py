"""A client certificate says who we are: over real TLS, with an authority made here."""

from __future__ import annotations

import ssl
from contextlib import closing
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from typing import TYPE_CHECKING

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from modelwarden.config import Settings
from modelwarden.deployments.servicenow import rows
from modelwarden.deployments.servicenow.instance import Instance, Template
from modelwarden.deployments.servicenow.opening import account_of
from modelwarden.errors import ExternalUnreadable, SettingInvalid
from tests.services.servicenow_stub import ServiceNow

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

FOUND = (rows.CHANGES, rows.query(correlation_id="req_1"), rows.CHANGE_FIELDS)


@dataclass(frozen=True)
class Authority:
    """Signs certificates for a day."""

    folder: Path
    name: str

    def __post_init__(self) -> None:
        object.__setattr__(self, "key", ec.generate_private_key(ec.SECP256R1()))
        self.file.write_bytes(self._made(self.name, self.key, is_ca=True))  # type: ignore[attr-defined]

    @property
    def file(self) -> Path:
        return self.folder / f"{self.name}.ca.pem"

    def issue(self, name: str) -> Path:
        """Return a file with a certificate and its key."""
        key = ec.generate_private_key(ec.SECP256R1())
        written = key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
        path = self.folder / f"{self.name}.{name}.pem"
        path.write_bytes(self._made(name, key, is_ca=False) + written)
        return path

    def _made(self, name: str, key: ec.EllipticCurvePrivateKey, *, is_ca: bool) -> bytes:
        signer: ec.EllipticCurvePrivateKey = self.key  # type: ignore[attr-defined]
        now = datetime.now(UTC)
        identifier = x509.SubjectKeyIdentifier.from_public_key(key.public_key())
        above = x509.AuthorityKeyIdentifier.from_issuer_public_key(signer.public_key())
        here = x509.SubjectAlternativeName([x509.IPAddress(ip_address("127.0.0.1"))])
        made = (
            x509.CertificateBuilder()
            .subject_name(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)]))
            .issuer_name(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, self.name)]))
            .public_key(key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - timedelta(hours=1))
            .not_valid_after(now + timedelta(days=1))
            .add_extension(x509.BasicConstraints(ca=is_ca, path_length=None), critical=True)
            .add_extension(identifier, critical=False)
            .add_extension(above, critical=False)
            .add_extension(here, critical=False)
            .sign(signer, hashes.SHA256())
        )
        return made.public_bytes(serialization.Encoding.PEM)


@pytest.fixture
def house(tmp_path: Path) -> Authority:
    return Authority(tmp_path, "house")


@pytest.fixture
def there(house: Authority) -> Iterator[ServiceNow]:
    """An instance that lets nobody in without a certificate of the house."""
    server = house.issue("server")
    tls = {
        "ssl_certfile": server,
        "ssl_ca_certs": str(house.file),
        "ssl_cert_reqs": ssl.CERT_REQUIRED,
    }
    with ServiceNow(certificates=True).running(tls) as running:
        yield running


def at(url: str, **given: object) -> Instance:
    settings = Settings(url="sqlite://", servicenow_url=url, **given)  # type: ignore[arg-type]
    return Instance(account_of(settings, url))


def test_a_certificate_is_enough_and_no_token_is_asked_for(
    there: ServiceNow, house: Authority
) -> None:
    ours = house.issue("modelwarden")
    with closing(at(there.url, servicenow_certificate=ours, servicenow_ca=house.file)) as instance:
        instance.create({"correlation_id": "req_1"}, Template())
        assert len(instance.found(*FOUND).rows) == 1
    assert there.tokens_given == 0


def test_without_the_right_certificates_there_is_no_answer(
    there: ServiceNow, house: Authority, tmp_path: Path
) -> None:
    stranger = Authority(tmp_path, "stranger")
    secret = tmp_path / "secret"
    secret.write_text("a secret", encoding="utf-8")
    token = {"servicenow_client_id": "modelwarden", "servicenow_secret_file": secret}
    ours, theirs = house.issue("modelwarden"), stranger.issue("modelwarden")
    for given in (
        {"servicenow_ca": house.file} | token,  # none of ours
        {"servicenow_certificate": theirs, "servicenow_ca": house.file},  # one of a stranger
        {"servicenow_certificate": ours, "servicenow_ca": stranger.file},  # theirs is a stranger's
        {"servicenow_certificate": ours},  # an authority that the machine does not know
    ):
        with (
            closing(at(there.url, **given)) as instance,
            pytest.raises(ExternalUnreadable, match="does not answer"),
        ):
            instance.found(*FOUND)
    assert there.asked == []


def test_a_file_that_is_no_certificate_is_refused_at_the_start(
    house: Authority, tmp_path: Path
) -> None:
    broken = tmp_path / "broken.pem"
    broken.write_text("no certificate", encoding="utf-8")
    locked = tmp_path / "locked.pem"
    key = ec.generate_private_key(ec.SECP256R1()).private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.BestAvailableEncryption(b"a passphrase"),
    )
    certificate = house.issue("other").read_bytes().partition(b"-----BEGIN PRIVATE")[0]
    locked.write_bytes(certificate + key)
    for given in (
        {"servicenow_certificate": broken},
        {"servicenow_certificate": tmp_path / "gone.pem"},
        {"servicenow_certificate": locked},
        {"servicenow_certificate": house.issue("ours"), "servicenow_ca": broken},
    ):
        with pytest.raises(SettingInvalid, match="certificate"):
            at("https://127.0.0.1:9", **given)
