"""Handshakes with the gateway: what it shows, and whether that is to be trusted."""

from __future__ import annotations

import socket
import ssl
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar
from urllib.parse import urlsplit

from cryptography import x509

Answer = TypeVar("Answer")
_SECONDS = 10.0
HOSTNAME_MISMATCH = 62  # X509_V_ERR_HOSTNAME_MISMATCH
EXPIRED = 10  # X509_V_ERR_CERT_HAS_EXPIRED
OLD_VERSIONS = (ssl.TLSVersion.TLSv1, ssl.TLSVersion.TLSv1_1)
# What OpenSSL says where the other side refuses a version, and where it cannot try one itself.
_REFUSED = (
    *("TLSV1_ALERT_PROTOCOL_VERSION", "UNSUPPORTED_PROTOCOL", "WRONG_VERSION_NUMBER"),
    *("SSLV3_ALERT_HANDSHAKE_FAILURE", "UNEXPECTED_EOF_WHILE_READING"),
)


@dataclass(frozen=True, kw_only=True)
class Handshake:
    """How a connection began: trusted, or why it is not; None of both where nobody answered."""

    unreachable: str | None = None  # why
    distrust: str | None = None  # why
    verify_code: int = 0  # OpenSSL's, of the distrust
    certificate: x509.Certificate | None = None
    version: str | None = None

    @property
    def trusted(self) -> bool:
        return self.unreachable is None and self.distrust is None

    @property
    def names(self) -> tuple[str, ...]:
        if self.certificate is None:
            return ()
        try:
            found = self.certificate.extensions.get_extension_for_class(
                x509.SubjectAlternativeName
            ).value
        except x509.ExtensionNotFound:
            return ()
        names = found.get_values_for_type(x509.DNSName)
        return (*names, *map(str, found.get_values_for_type(x509.IPAddress)))


def shake(url: str, ca_file: Path | None) -> Handshake:
    """Look at the certificate without trusting it, then again as a client would."""
    open_eyed = ssl.create_default_context()
    open_eyed.check_hostname, open_eyed.verify_mode = False, ssl.CERT_NONE
    try:
        der, version = _connect(url, open_eyed, _shown)
    except OSError as error:
        return Handshake(unreachable=str(error))
    certificate = x509.load_der_x509_certificate(der) if der else None
    try:
        _connect(url, ssl.create_default_context(cafile=ca_file), lambda _: None)
    except ssl.SSLCertVerificationError as error:
        return Handshake(
            distrust=error.verify_message,
            verify_code=error.verify_code,
            certificate=certificate,
            version=version,
        )
    except OSError as error:
        return Handshake(unreachable=str(error))
    return Handshake(certificate=certificate, version=version)


def _shown(tls: ssl.SSLSocket) -> tuple[bytes | None, str | None]:
    return tls.getpeercert(binary_form=True), tls.version()


def speaks(url: str, version: ssl.TLSVersion) -> bool | None:
    """Try one version of TLS alone; None where this machine's own OpenSSL cannot."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    try:
        context.set_ciphers("ALL:@SECLEVEL=0")  # OpenSSL refuses the old ones above level 0
        context.minimum_version = context.maximum_version = version
        _connect(url, context, lambda _: None)
    except ssl.SSLError as error:
        return False if error.reason in _REFUSED else None
    except ConnectionResetError:
        return False
    return True


def _connect(url: str, context: ssl.SSLContext, look: Callable[[ssl.SSLSocket], Answer]) -> Answer:
    place = urlsplit(url)
    host, port = str(place.hostname), place.port or 443
    with (
        socket.create_connection((host, port), timeout=_SECONDS) as plain,
        context.wrap_socket(plain, server_hostname=host) as tls,
    ):
        return look(tls)
