"""The constants of the overhead are what the observations say, and every row has a source."""

import pytest

from components.serving import advice
from components.serving.overhead import GRAPHS_GIB, RUNTIME_GIB_ONE_GPU, RUNTIME_GIB_SEVERAL_GPUS
from operations.calibration import (
    graphs_median,
    meetings,
    observations,
    overhead_error_gib,
    page,
    runtime_medians,
)

SEEN = observations()


def test_the_runtime_constants_are_the_medians_of_what_is_left_over():
    medians = runtime_medians(SEEN)
    assert pytest.approx(medians[False], abs=0.05) == RUNTIME_GIB_ONE_GPU
    assert pytest.approx(medians[True], abs=0.05) == RUNTIME_GIB_SEVERAL_GPUS


def test_the_graphs_constant_is_the_median_of_the_engines_own_estimates():
    assert graphs_median() == GRAPHS_GIB


def test_the_error_that_people_are_warned_of_is_the_median_error():
    assert overhead_error_gib(SEEN) == pytest.approx(advice.OVERHEAD_ERROR_GIB, abs=0.1)


def test_no_constant_rests_on_one_row():
    assert sum(not row.several for row in SEEN) == 2
    assert sum(row.several for row in SEEN) == 11


def test_every_row_has_a_source():
    assert [row.case for row in SEEN if not row.source] == []


def test_leaving_a_row_out_changes_only_its_own_constant():
    """The median of the other rows: no row decides over itself."""
    by_case = {m.observation.case: m for m in meetings(SEEN)}
    fleet = by_case["v4-flash-8xb200-tp8"]
    assert abs(fleet.error - fleet.error_without) < 0.02


def test_the_page_reports_both_errors():
    text = page()
    assert "Median error of the tokens: 15.0%; left out: 19.3%." in text
    assert text.count("\n| v4-") == 6
