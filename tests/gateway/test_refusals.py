import json

import pytest

from components.gateway.refusals import ENGINE_FAILED, NO_ENGINE, QUERY, REFUSALS

ALL = (*REFUSALS, ENGINE_FAILED, NO_ENGINE, QUERY)
RETRIED = {429, 502, 503, 504}


@pytest.mark.parametrize("refusal", ALL, ids=lambda refusal: refusal.code)
def test_a_body_has_the_shape_of_openai_and_survives_nginx(refusal):
    error = json.loads(refusal.body)["error"]
    assert set(error) == {"message", "type", "param", "code"}
    assert not {"'", "$"} & set(refusal.body)


@pytest.mark.parametrize("refusal", ALL, ids=lambda refusal: refusal.code)
def test_retry_after_stands_where_trying_again_can_help_and_nowhere_else(refusal):
    assert bool(refusal.retry_after) == (refusal.status in RETRIED)


def test_every_status_of_nginx_has_one_refusal():
    statuses = [status for r in REFUSALS for status in (r.status, *r.also)]
    assert sorted(statuses) == [400, 404, 405, 413, 414, 429, 494, 497, 500, 501, 503, 504, 505]
