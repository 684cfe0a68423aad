"""A good spec, to be broken in one way at a time."""

from copy import deepcopy

import pytest

from components.blueprint.load import parse_spec
from components.blueprint.plan import plan_blueprint
from components.problems import PlanError

GOOD = {
    "cloud": "onprem",
    "cluster": {"mode": "adopt", "context": "test"},
    "network": {"exposure": "internal", "egress": "closed"},
    "pools": {"h100": {"accelerator": "h100-80gb", "nodes": 2, "gpus_per_node": 8}},
    "weights": {"nvme": {"kind": "host-path", "path": "/mnt/w", "read_gb_per_second": 10}},
    "servers": {
        "r1": {
            "model": "deepseek-r1-distill-llama-70b",
            "engine": "vllm",
            "pool": "h100",
            "weights": "nvme",
            "replicas": 2,
            "context_tokens": 32768,
            "concurrency": 16,
        }
    },
    "gateway": {
        "tls": {"mode": "private-ca", "dns_names": ["localhost"]},
        "aliases": {"deepseek-r1": {"r1": 100}},
        "tiers": {"gold": {"requests_per_minute": 60, "concurrent_requests": 8}},
        "tenants": {"acme": {"tier": "gold", "models": ["deepseek-r1"]}},
    },
}


@pytest.fixture
def planned():
    """Plan the good spec after `change` has changed it."""

    def plan(change=lambda _: None):
        spec = deepcopy(GOOD)
        change(spec)
        return plan_blueprint(parse_spec(spec))

    return plan


@pytest.fixture
def refusal(planned):
    """Answer the problems of the changed spec as where → (what, fix)."""

    def problems(change):
        with pytest.raises(PlanError) as refused:
            planned(change)
        return {p.where: (p.what, p.fix) for p in refused.value.problems}

    return problems
