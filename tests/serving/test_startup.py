import pytest
from hypothesis import given
from hypothesis import strategies as st

from components.serving.startup import (
    ENGINE_SECONDS,
    PROBE_PERIOD_SECONDS,
    ready_seconds,
    startup_seconds,
)

BYTES = st.integers(min_value=1, max_value=2 * 10**12)
RATES = st.integers(min_value=1, max_value=10**6)  # MB/s, the range of the spec
R1_BYTES = 688_500_000_000


@pytest.mark.parametrize(
    ("checkpoint_bytes", "mb_per_second", "seconds"),
    [
        (R1_BYTES, 4800, 890),  # 2 x 143.4 + 600 = 886.9
        (R1_BYTES, 1000, 1980),  # 2 x 688.5 + 600 = 1977, next multiple of 10
        (R1_BYTES, 600, 2900),  # 2 x 1147.5 + 600 = 2895
        (65_530_000_000, 10_000, 620),  # 2 x 6.6 + 600 = 613.1
        (1, 1_000_000, 610),  # any load at all costs a second, rounded up
    ],
)
def test_the_budget_is_the_load_of_two_readers_and_the_engines_own_ten_minutes(
    checkpoint_bytes, mb_per_second, seconds
):
    assert startup_seconds(checkpoint_bytes, mb_per_second, 2) == seconds


@given(BYTES, RATES)
def test_the_budget_is_a_whole_number_of_probes(checkpoint_bytes, rate):
    """The probe counts failures: what is left of a division would be taken from the engine."""
    assert startup_seconds(checkpoint_bytes, rate, 2) % PROBE_PERIOD_SECONDS == 0


@given(BYTES, RATES)
def test_the_budget_covers_load_and_engine_and_wastes_less_than_eleven_seconds(
    checkpoint_bytes, rate
):
    """In whole numbers: x < y + 11 s becomes x * rate < (y + 11) * rate."""
    spent, bytes_per_second = startup_seconds(checkpoint_bytes, rate, 2), rate * 10**6
    needed = 2 * checkpoint_bytes + ENGINE_SECONDS * bytes_per_second
    assert needed <= spent * bytes_per_second < needed + 11 * bytes_per_second


@given(BYTES, BYTES, RATES)
def test_a_larger_checkpoint_never_gets_less_time(one, other, rate):
    small, large = sorted((one, other))
    assert startup_seconds(small, rate, 2) <= startup_seconds(large, rate, 2)


@given(BYTES, RATES, RATES)
def test_a_slower_disk_never_gets_less_time(checkpoint_bytes, one, other):
    slow, fast = sorted((one, other))
    assert startup_seconds(checkpoint_bytes, fast, 2) <= startup_seconds(checkpoint_bytes, slow, 2)


def test_replicas_that_start_together_share_the_rate():
    assert startup_seconds(R1_BYTES, 4800, 4) == 1180  # 4 x 143.4 + 600 = 1173.8


def test_a_lone_replica_counts_on_half_the_rate():
    assert startup_seconds(R1_BYTES, 4800, 1) == startup_seconds(R1_BYTES, 4800, 2)


@pytest.mark.parametrize(
    ("checkpoint_bytes", "mb_per_second", "seconds"),
    [(R1_BYTES, 4800, 246), (R1_BYTES, 600, 1250), (1, 1_000_000, 103)],
)
def test_ready_is_expected_after_load_compile_and_capture(checkpoint_bytes, mb_per_second, seconds):
    assert ready_seconds(checkpoint_bytes, mb_per_second) == seconds


@given(BYTES, RATES)
def test_a_start_is_expected_well_within_its_budget(checkpoint_bytes, rate):
    assert ready_seconds(checkpoint_bytes, rate) < startup_seconds(checkpoint_bytes, rate, 2)
