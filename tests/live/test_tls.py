"""Who the gateway says it is, and how it speaks. No key is sent before this holds."""

from __future__ import annotations

import ssl
from datetime import UTC, datetime

import pytest

from components.problems import Problem
from operations.verify.checks import require
from operations.verify.tls import EXPIRED, HOSTNAME_MISMATCH, OLD_VERSIONS, speaks

RENEW = "Issue a new certificate (`blueprint tls issue`), then `pulumi up`."


def test_the_gateway_can_be_reached(handshake, target, seen):
    seen(f"{target.url}, {handshake.version}")
    fix = "Look for its pods: `kubectl -n deepseek-gateway get pods,endpointslices`."
    if handshake.unreachable is not None:
        require([Problem(str(target.url), f"no TLS connection: {handshake.unreachable}", fix)])


def ends(certificate):
    return certificate.not_valid_after_utc


def test_the_certificate_leads_to_the_authority(reached, target, seen):
    seen(f"signed by {reached.certificate.issuer.rfc4514_string()}")
    expired = reached.verify_code == EXPIRED and ends(reached.certificate) < datetime.now(UTC)
    if reached.trusted or expired or reached.verify_code == HOSTNAME_MISMATCH:
        return
    trusted = target.ca_file or "the authorities of this machine"
    fix = "Name the CA file that belongs to this certificate, or deploy the certificate again."
    require([Problem(str(target.url), f"not trusted by {trusted}: {reached.distrust}", fix)])


def test_the_certificate_is_in_date(reached, target, seen):
    end = ends(reached.certificate)
    seen(f"until {end:%Y-%m-%d}, {(end - datetime.now(UTC)).days} days")
    if not reached.certificate.not_valid_before_utc <= datetime.now(UTC) <= end:
        require([Problem(str(target.url), f"the certificate ended at {end:%Y-%m-%d %H:%M}", RENEW)])


def test_the_certificate_has_the_planned_names(reached, plan, target, seen):
    names = set(reached.names)
    seen(", ".join(sorted(names)))
    missing = [name for name in plan.gateway.dns_names if name not in names]
    problems = [Problem(name, "this name is not in the certificate", RENEW) for name in missing]
    if reached.verify_code == HOSTNAME_MISMATCH:
        fix = "Call the gateway by one of its names, or add this one to gateway.tls.dns_names."
        problems.append(Problem(str(target.url), str(reached.distrust), fix))
    require(problems)


@pytest.mark.usefixtures("reached")
@pytest.mark.parametrize("version", OLD_VERSIONS, ids=lambda version: version.name)
def test_an_old_version_is_refused(target, version, seen):
    spoken = speaks(target.url, version)
    if spoken is None:
        pytest.skip(f"because the OpenSSL of this machine cannot speak {version.name}")
    seen("refused")
    if spoken:
        fix = "Set ssl_protocols to TLSv1.2 and TLSv1.3 in what answers there."
        require([Problem(str(target.url), f"it speaks {version.name}", fix)])


@pytest.mark.usefixtures("reached")
@pytest.mark.parametrize(
    "version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3], ids=lambda version: version.name
)
def test_a_present_version_is_spoken(target, version):
    if not speaks(target.url, version):
        fix = "Set ssl_protocols to TLSv1.2 and TLSv1.3 in what answers there."
        require([Problem(str(target.url), f"it does not speak {version.name}", fix)])
