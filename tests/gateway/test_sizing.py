from hypothesis import given
from hypothesis import strategies as st

from components.gateway.sizing import MIB, max_body_bytes, plan_resources


def test_the_longest_context_bounds_a_body_and_nginx_default_is_the_least():
    assert max_body_bytes([4096]) == MIB
    assert max_body_bytes([4096, 1_000_000, 32768]) == 6_000_000


def test_a_small_gateway_has_two_workers_and_a_thousand_connections():
    needs = plan_resources(streams=10, body_bytes=MIB)
    assert (needs.workers, needs.worker_connections) == (2, 1024)
    assert needs.cpu_request_millicores == 110
    assert (needs.memory_request_mib, needs.memory_limit_mib) == (196, 206)


def test_a_large_one_grows_with_its_streams():
    needs = plan_resources(streams=4000, body_bytes=2 * MIB)
    assert (needs.workers, needs.worker_connections) == (5, 3200)
    assert (needs.memory_request_mib, needs.memory_limit_mib) == (1442, 9442)


@given(streams=st.integers(min_value=0, max_value=100_000))
def test_every_stream_finds_its_two_connections_and_a_request_fits_its_limit(streams):
    needs = plan_resources(streams, MIB)
    assert needs.workers * needs.worker_connections >= 4 * streams
    assert needs.cpu_request_millicores <= needs.workers * 1000
    assert needs.memory_request_mib <= needs.memory_limit_mib
