import json
import socket
import ssl

import pytest

from operations.certificates import issue_certificate
from operations.verify.tls import EXPIRED, HOSTNAME_MISMATCH, OLD_VERSIONS, shake, speaks
from tests.operations.verify.servers import NAMES, serving


def test_a_certificate_of_the_authority_is_trusted(tmp_path):
    with serving(tmp_path) as (url, ca_file):
        found = shake(url, ca_file)
    assert found.trusted
    assert found.names == NAMES
    assert found.version == "TLSv1.3"


@pytest.mark.parametrize(
    ("how", "code"),
    [({"age_days": 2}, EXPIRED), ({"names": ["ai.example.internal"]}, HOSTNAME_MISMATCH)],
    ids=["expired", "another name"],
)
def test_what_a_client_would_not_trust_is_shown_with_the_reason(tmp_path, how, code):
    with serving(tmp_path, **how) as (url, ca_file):
        found = shake(url, ca_file)
    assert (found.trusted, found.verify_code, found.unreachable) == (False, code, None)
    assert found.certificate is not None


def test_another_authority_is_not_trusted(tmp_path):
    other = tmp_path / "other.crt"
    other.write_text(json.loads(issue_certificate(NAMES, days=1))["ca.crt"], "utf-8")
    with serving(tmp_path) as (url, _):
        found = shake(url, other)
    assert found.distrust == "unable to get local issuer certificate"


def test_where_nobody_listens_there_is_no_certificate():
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    found = shake(f"https://localhost:{port}", None)
    assert "Connection refused" in found.unreachable
    assert found.certificate is None


@pytest.mark.filterwarnings("ignore:ssl.TLSVersion:DeprecationWarning")
@pytest.mark.parametrize("version", OLD_VERSIONS)
def test_an_old_version_is_noticed_where_it_is_spoken(tmp_path, version):
    with serving(tmp_path, oldest=ssl.TLSVersion.TLSv1) as (url, _):
        assert speaks(url, version) is True
    with serving(tmp_path) as (url, _):
        assert speaks(url, version) is False
        assert speaks(url, ssl.TLSVersion.TLSv1_2) is True
