"""One certificate authority per control plane, and what it signs."""

from __future__ import annotations

import datetime as dt
import ipaddress
import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

_VALID = dt.timedelta(days=3650)
_CLOCK_SKEW = dt.timedelta(hours=1)
_PEM = serialization.Encoding.PEM


def write_private(path: Path, content: str | bytes) -> None:
    """Write a file that only its owner can read, at no moment otherwise."""
    fresh = path.with_name(f".{path.name}.{os.getpid()}")
    fresh.unlink(missing_ok=True)
    with os.fdopen(os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
        file.write(content.encode() if isinstance(content, str) else content)
    fresh.replace(path)


@dataclass(frozen=True)
class Credential:
    """A certificate with its key, as PEM."""

    certificate: bytes
    key: bytes


class Authority:
    """Signs servers and clients; kept in a folder, so that what it signed outlives a restart."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        self.certificate_file, key_file = folder / "ca.crt", folder / "ca.key"
        self._folder = folder
        if not (self.certificate_file.exists() and key_file.exists()):
            key = ec.generate_private_key(ec.SECP256R1())
            name = _name("rehearsal-ca", None)
            made = _builder(name, name, key.public_key(), None).sign(key, hashes.SHA256())
            write_private(key_file, _pem(key))
            write_private(self.certificate_file, made.public_bytes(_PEM))
        self._certificate = x509.load_pem_x509_certificate(self.certificate_file.read_bytes())
        loaded = serialization.load_pem_private_key(key_file.read_bytes(), password=None)
        if not isinstance(loaded, ec.EllipticCurvePrivateKey):
            raise TypeError(f"{key_file} holds no elliptic-curve key")
        self._key = loaded

    def issue(
        self, name: str, organization: str | None = None, hosts: Sequence[str] = ()
    ) -> Credential:
        """Sign for a client, and for a server where `hosts` (names or addresses) are given."""
        key = ec.generate_private_key(ec.SECP256R1())
        builder = _builder(
            _name(name, organization), self._certificate.subject, key.public_key(), hosts
        )
        made = builder.sign(self._key, hashes.SHA256())
        return Credential(made.public_bytes(_PEM), _pem(key))

    def issue_files(
        self, name: str, organization: str | None = None, hosts: Sequence[str] = ()
    ) -> tuple[Path, Path]:
        """Sign, and write certificate and key; the certificate file holds the key as well."""
        issued = self.issue(name, organization, hosts)
        certificate, key = self._folder / f"{name}.crt", self._folder / f"{name}.key"
        write_private(certificate, issued.certificate + issued.key)
        write_private(key, issued.key)
        return certificate, key

    def signing_key(self, name: str) -> Path:
        """Keep a key that signs tokens."""
        path = self._folder / f"{name}.key"
        if not path.exists():
            write_private(path, _pem(ec.generate_private_key(ec.SECP256R1())))
        return path


def _pem(key: ec.EllipticCurvePrivateKey) -> bytes:
    return key.private_bytes(
        # The form that Go reads for token keys as well as for certificates.
        _PEM,
        serialization.PrivateFormat.TraditionalOpenSSL,
        serialization.NoEncryption(),
    )


def _name(name: str, organization: str | None) -> x509.Name:
    attributes = [x509.NameAttribute(NameOID.COMMON_NAME, name)]
    if organization is not None:
        attributes.append(x509.NameAttribute(NameOID.ORGANIZATION_NAME, organization))
    return x509.Name(attributes)


def _builder(
    subject: x509.Name,
    issuer: x509.Name,
    key: ec.EllipticCurvePublicKey,
    hosts: Sequence[str] | None,  # None: an authority
) -> x509.CertificateBuilder:
    now = dt.datetime.now(dt.UTC)
    builder = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key)
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - _CLOCK_SKEW)
        .not_valid_after(now + _VALID)
        .add_extension(x509.BasicConstraints(ca=hosts is None, path_length=None), critical=True)
    )
    if hosts is None:
        return builder
    usages = [ExtendedKeyUsageOID.CLIENT_AUTH]
    if hosts:
        usages.append(ExtendedKeyUsageOID.SERVER_AUTH)
        names = x509.SubjectAlternativeName([_general_name(host) for host in hosts])
        builder = builder.add_extension(names, critical=False)
    return builder.add_extension(x509.ExtendedKeyUsage(usages), critical=False)


def _general_name(host: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ipaddress.ip_address(host))
    except ValueError:
        return x509.DNSName(host)
