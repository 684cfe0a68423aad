"""Law: a spec field is done when changing it changes the plan. A field without a row here fails."""

from __future__ import annotations

import copy
import types
from pathlib import Path
from typing import Annotated, Literal, Union, get_args, get_origin

import pytest
import yaml
from pydantic import BaseModel

from components.blueprint.load import parse_spec
from components.blueprint.plan import plan_blueprint
from components.blueprint.render import plan_document
from components.blueprint.spec import BlueprintSpec
from components.clouds import clouds

BASE = yaml.safe_load(Path(__file__).with_name("spec.yaml").read_text("utf-8"))

# field → the values that change with it: path in BASE → another value
CHANGES = {
    "cluster.context": {"cluster.context": "staging"},
    "cluster.dns_domain": {"cluster.dns_domain": "example.internal"},
    "network.exposure": {"network.exposure": "public"},
    "network.egress": {"network.egress": "open"},
    "network.client_cidrs": {"network.client_cidrs": ["10.20.0.0/16"]},
    "pools.*.accelerator": {"pools.h200.accelerator": "h200-nvl-141gb"},
    "pools.*.nodes": {"pools.h200.nodes": 5},
    "pools.*.gpus_per_node": {"pools.h100.gpus_per_node": 4},
    "pools.*.spare_nodes": {"pools.h200.spare_nodes": 1},
    "pools.*.node_labels.*": {"pools.h200.node_labels": {"gpu": "h200-sxm"}},
    "weights.*(pvc).kind": {
        "weights.shared": {"kind": "host-path", "path": "/mnt/r1", "read_gb_per_second": 4.8}
    },
    "weights.*(pvc).read_gb_per_second": {"weights.shared.read_gb_per_second": 0.6},
    "weights.*(pvc).claim": {"weights.shared.claim": "existing"},
    "weights.*(pvc).storage_class": {"weights.shared.storage_class": "lustre"},
    "weights.*(pvc).size_gib": {"weights.shared.size_gib": 4800},
    "weights.*(host-path).kind": {"weights.nvme": {"kind": "pvc", "read_gb_per_second": 10}},
    "weights.*(host-path).read_gb_per_second": {"weights.nvme.read_gb_per_second": 0.5},
    "weights.*(host-path).path": {"weights.nvme.path": "/mnt/nvme"},
    "servers.*.model": {"servers.r1.model": "deepseek-v3.1"},
    "servers.*.engine": {"servers.r1.engine": "simulator"},
    "servers.*.precision": {"servers.r1.precision": "awq-int4"},
    "servers.*.pool": {"servers.llama.pool": "h100"},
    "servers.*.weights": {"servers.r1.weights": "nvme", "servers.llama.weights": "shared"},
    "servers.*.replicas": {"servers.r1.replicas": 1},
    "servers.*.context_tokens": {"servers.r1.context_tokens": 16384},
    "servers.*.concurrency": {"servers.r1.concurrency": 17},
    "servers.*.parallelism.tensor": {"servers.llama.parallelism": {"tensor": 4}},
    "servers.*.accept_marginal": {"servers.r1.accept_marginal": True},
    "servers.*.extra_args": {"servers.r1.extra_args": ["--max-num-queued-reqs=64"]},
    "gateway.replicas": {"gateway.replicas": 3},
    "gateway.tls.mode": {"gateway.tls": {"mode": "secret", "secret": "edge"}},
    "gateway.tls.secret": {"gateway.tls": {"mode": "secret", "secret": "other-edge"}},
    "gateway.tls.dns_names": {"gateway.tls.dns_names": ["ai.example.internal"]},
    "gateway.aliases.*.*": {"gateway.aliases.both": {"r1": 90, "llama": 10}},
    "gateway.tiers.*.requests_per_minute": {"gateway.tiers.gold.requests_per_minute": 602},
    "gateway.tiers.*.concurrent_requests": {"gateway.tiers.gold.concurrent_requests": 66},
    "gateway.tenants.*.tier": {"gateway.tenants.acme.tier": "bronze"},
    "gateway.tenants.*.models": {"gateway.tenants.acme.models": ["r1", "both"]},
    "tags.*": {"tags": {"owner": "platform"}},
}


def fields(model, prefix=""):
    """Walk the model: every field that holds a value of the user, with its type."""
    for name, field in model.model_fields.items():
        yield from _values(field.annotation, f"{prefix}{name}")


def _values(kind, path):
    origin, arguments = get_origin(kind), get_args(kind)
    if origin is Annotated:
        yield from _values(arguments[0], path)
    elif origin in {Union, types.UnionType}:
        options = [option for option in arguments if option is not type(None)]
        for option in options:
            place = path if len(options) == 1 else f"{path}({_kind_of(option)})"
            yield from _values(option, place)
    elif origin is dict:
        yield from _values(arguments[1], f"{path}.*")
    elif isinstance(kind, type) and issubclass(kind, BaseModel):
        yield from fields(kind, f"{path}.")
    else:
        yield path, kind


def _kind_of(option):
    return get_args(option.model_fields["kind"].annotation)[0]


FIELDS = dict(fields(BlueprintSpec))


def has_one_value(path):
    """Nothing to change yet: the row is due with the second value."""
    if path == "cloud":
        return len(clouds()) == 1
    kind = FIELDS[path]
    return get_origin(kind) is Literal and len(get_args(kind)) == 1 and path not in CHANGES


def document(changes):
    data = copy.deepcopy(BASE)
    for path, value in changes.items():
        *parents, last = path.split(".")
        place = data
        for name in parents:
            place = place[name]
        place[last] = value
    return plan_document(plan_blueprint(parse_spec(data)))


def test_every_field_has_a_row_and_every_row_a_field():
    assert set(CHANGES) == {path for path in FIELDS if not has_one_value(path)}


@pytest.mark.parametrize("field", sorted(CHANGES))
def test_changing_the_field_changes_the_plan(field):
    assert document(CHANGES[field]) != document({})


def test_the_secret_that_is_named_is_the_one_that_is_used():
    """Mode and name change together above; here the name alone."""
    assert document(CHANGES["gateway.tls.mode"]) != document(CHANGES["gateway.tls.secret"])


def test_the_same_spec_gives_the_same_plan():
    assert document({}) == document({})


def backwards(value):
    if isinstance(value, dict):
        return {key: backwards(value[key]) for key in reversed(value)}
    return value


def test_the_order_of_keys_does_not_change_the_plan():
    """Pulumi hands the program sorted keys: what was reviewed would not be what is deployed."""
    other = parse_spec(backwards(BASE))
    assert plan_document(plan_blueprint(other)) == document({})
