"""What is issued. tests/gateway shows that nginx serves it and that OpenSSL trusts it."""

import json
from datetime import UTC, datetime, timedelta

import pytest
from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import load_pem_private_key
from cryptography.x509.verification import PolicyBuilder, Store, VerificationError

from operations.certificates import CLOCK_SKEW, issue_certificate

NOW = datetime(2027, 1, 1, tzinfo=UTC)
NAMES = ["gateway.deepseek-gateway.svc", "*.example.internal"]


def parsed(text):
    files = json.loads(text)
    assert sorted(files) == ["ca.crt", "tls.crt", "tls.key"]
    server, authority = (
        x509.load_pem_x509_certificate(files[name].encode()) for name in ("tls.crt", "ca.crt")
    )
    return server, authority, load_pem_private_key(files["tls.key"].encode(), password=None)


def verify(text, name, when):
    server, authority, _ = parsed(text)
    verifier = (
        PolicyBuilder()
        .store(Store([authority]))
        .time(when)
        .build_server_verifier(x509.DNSName(name))
    )
    return len(verifier.verify(server, []))


def test_a_client_that_trusts_the_authority_accepts_every_name_and_no_other():
    issued = issue_certificate(NAMES, days=90, now=NOW)
    assert verify(issued, "gateway.deepseek-gateway.svc", NOW) == 2
    assert verify(issued, "chat.example.internal", NOW) == 2
    with pytest.raises(VerificationError):
        verify(issued, "example.com", NOW)


def test_it_is_valid_for_the_days_asked_and_a_little_before():
    server, authority, _ = parsed(issue_certificate(NAMES, days=90, now=NOW))
    for certificate in (server, authority):
        assert certificate.not_valid_before_utc == NOW - CLOCK_SKEW
        assert certificate.not_valid_after_utc == NOW + timedelta(days=90)


def test_the_authority_may_live_longer():
    server, authority, _ = parsed(issue_certificate(NAMES, days=90, ca_days=3650, now=NOW))
    assert server.not_valid_after_utc == NOW + timedelta(days=90)
    assert authority.not_valid_after_utc == NOW + timedelta(days=3650)


def test_the_key_is_the_certificates_and_on_the_curve_p_256():
    server, _, key = parsed(issue_certificate(NAMES, days=1))
    assert isinstance(key, ec.EllipticCurvePrivateKey)
    assert key.curve.name == "secp256r1"
    assert key.public_key() == server.public_key()


def test_each_certificate_has_an_authority_of_its_own():
    server, _, _ = parsed(issue_certificate(NAMES, days=1))
    _, other, _ = parsed(issue_certificate(NAMES, days=1))
    with pytest.raises(InvalidSignature):
        server.verify_directly_issued_by(other)
