"""Prometheus, where there is one."""

from __future__ import annotations

import httpx
import pytest

from components.problems import Problem
from operations.verify.checks import require


def test_prometheus_is_ready(target):
    if target.prometheus_url is None:
        pytest.skip(f"because {target.why_not('prometheus_url')}")
    url = f"{target.prometheus_url}/-/ready"
    try:
        what = f"it answers {httpx.get(url, trust_env=False).status_code}"
    except httpx.HTTPError as error:
        what = f"no answer: {error!r}"
    if what != "it answers 200":
        require([Problem(url, what, "`kubectl -n deepseek-monitoring get pods` says what runs.")])
