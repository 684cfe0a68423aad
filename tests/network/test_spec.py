from ipaddress import ip_network

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from components.network.spec import NetworkSpec

GOOD = {"exposure": "internal", "egress": "closed"}


def cidrs(*texts):
    return NetworkSpec(**GOOD, client_cidrs=texts).client_cidrs


def complaint(**changed):
    with pytest.raises(ValidationError) as refused:
        NetworkSpec(**GOOD | changed)
    [line] = refused.value.errors()
    return line["loc"], line["msg"]


def test_nothing_is_exposed_or_let_out_by_default():
    """Neither has a default: who reaches what is never an accident."""
    with pytest.raises(ValidationError) as refused:
        NetworkSpec()
    assert [line["loc"] for line in refused.value.errors()] == [("exposure",), ("egress",)]


@pytest.mark.parametrize(
    ("text", "network"),
    [
        ("10.20.0.0/16", "10.20.0.0/16"),
        ("10.20.0.7", "10.20.0.7/32"),
        ("10.0.0.0/255.0.0.0", "10.0.0.0/8"),
        ("FD00::/8", "fd00::/8"),
        ("fd00:0:0:0::/64", "fd00::/64"),
    ],
)
def test_a_network_is_kept_in_its_canonical_form(text, network):
    assert cidrs(text) == (network,)


@pytest.mark.parametrize(
    ("text", "complaint_text"),
    [
        ("10.20.0.1/16", "Value error, 10.20.0.1/16 has host bits set"),
        (
            "10.20.0.0/33",
            "Value error, '10.20.0.0/33' does not appear to be an IPv4 or IPv6 network",
        ),
        ("office", "Value error, 'office' does not appear to be an IPv4 or IPv6 network"),
        ("", "Value error, '' does not appear to be an IPv4 or IPv6 network"),
    ],
)
def test_what_is_no_network_is_refused_with_its_place(text, complaint_text):
    assert complaint(client_cidrs=["10.0.0.0/8", text]) == (("client_cidrs", 1), complaint_text)


def test_a_network_with_a_zone_is_refused():
    """Python reads `%eth0`; Kubernetes refuses the policy in the middle of an update."""
    assert complaint(client_cidrs=["fe80::%eth0/64"])[0] == ("client_cidrs", 0)


def test_a_list_of_nobody_is_refused():
    """Absent means derived from exposure; an empty list would mean that nobody may come."""
    assert complaint(client_cidrs=[])[0] == ("client_cidrs",)


@pytest.mark.parametrize("exposure", ["vpc-only", "Internal", "", None])
def test_an_exposure_that_we_do_not_have_is_refused(exposure):
    path, message = complaint(exposure=exposure)
    assert path == ("exposure",)
    assert message == "Input should be 'internal' or 'public'"


@given(st.ip_addresses(), st.integers(min_value=0, max_value=32))
def test_every_network_of_the_standard_library_is_kept_unchanged(address, prefix):
    network = ip_network((address, prefix), strict=False)
    assert cidrs(str(network)) == (str(network),)
