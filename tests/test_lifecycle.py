from components import lifecycle


def test_a_pod_is_given_time_to_leave_to_finish_and_a_margin():
    assert lifecycle.GRACE_SECONDS == 635
    assert lifecycle.LONGEST_STREAM_SECONDS == 600


def test_the_endpoint_is_gone_before_the_engine_is_told_to_stop():
    """Its /health stays 200 while it drains, so nothing but the removal keeps requests away."""
    assert 0 < lifecycle.PRE_STOP_SECONDS < lifecycle.MARGIN_SECONDS
