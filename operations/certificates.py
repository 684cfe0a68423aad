"""A private certificate authority and the one certificate that it signs."""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

CLOCK_SKEW = timedelta(minutes=5)  # a client whose clock is behind accepts a new certificate


def issue_certificate(
    dns_names: Sequence[str], *, days: int, ca_days: int | None = None, now: datetime | None = None
) -> str:
    """Issue for `dns_names`; return JSON of tls.crt, tls.key and ca.crt, all PEM.

    The authority's key is forgotten, so nobody can sign in its name; a new certificate therefore
    comes with a new authority, which clients have to trust. Without `ca_days` both end together.
    """
    start = now or datetime.now(UTC)
    ca_key, key = (ec.generate_private_key(ec.SECP256R1()) for _ in range(2))
    authority = _authority(ca_key, start, ca_days or days)
    certificate = _server(dns_names, key, authority, start, days).sign(ca_key, hashes.SHA256())
    return json.dumps(
        {
            "tls.crt": _pem(certificate),
            "tls.key": key.private_bytes(
                serialization.Encoding.PEM,
                serialization.PrivateFormat.PKCS8,
                serialization.NoEncryption(),
            ).decode(),
            "ca.crt": _pem(authority),
        }
    )


def _authority(key: ec.EllipticCurvePrivateKey, start: datetime, days: int) -> x509.Certificate:
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "deepseek-blueprint private CA")])
    builder = (
        _builder(name, name, key.public_key(), start, days)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(_usage(signs=True), critical=True)
    )
    return builder.sign(key, hashes.SHA256())


def _server(
    dns_names: Sequence[str],
    key: ec.EllipticCurvePrivateKey,
    authority: x509.Certificate,
    start: datetime,
    days: int,
) -> x509.CertificateBuilder:
    # An empty subject: clients go by the alternative names, which are critical then (RFC 5280).
    names = x509.SubjectAlternativeName([x509.DNSName(name) for name in dns_names])
    issuer_key = x509.AuthorityKeyIdentifier.from_issuer_subject_key_identifier(
        authority.extensions.get_extension_for_class(x509.SubjectKeyIdentifier).value
    )
    return (
        _builder(x509.Name([]), authority.subject, key.public_key(), start, days)
        .add_extension(names, critical=True)
        .add_extension(issuer_key, critical=False)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(_usage(signs=False), critical=True)
        .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
    )


def _builder(
    subject: x509.Name,
    issuer: x509.Name,
    key: ec.EllipticCurvePublicKey,
    start: datetime,
    days: int,
) -> x509.CertificateBuilder:
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key)
        .serial_number(x509.random_serial_number())
        .not_valid_before(start - CLOCK_SKEW)
        .not_valid_after(start + timedelta(days=days))
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key), critical=False)
    )


def _usage(*, signs: bool) -> x509.KeyUsage:
    """Let an authority sign certificates, and a server sign handshakes; nothing else."""
    return x509.KeyUsage(
        digital_signature=not signs,
        key_cert_sign=signs,
        crl_sign=signs,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        encipher_only=False,
        decipher_only=False,
    )


def _pem(certificate: x509.Certificate) -> str:
    return certificate.public_bytes(serialization.Encoding.PEM).decode()
