"""Pods are fenced in as planned: default-deny, then the planned openings and no other."""

from __future__ import annotations

from components.problems import Problem
from operations.verify.checks import require

DEFAULT_DENY = "default-deny"
AGAIN = "Run `pulumi up --refresh`: it restores what was changed by hand."


def as_kept(spec):
    """Write a spec as the API server keeps it: empty lists are dropped, types filled in."""
    return {key: value for key, value in spec.items() if value != []}


def test_everything_is_denied_by_default(namespace, cluster, seen):
    where = f"NetworkPolicy {namespace}/{DEFAULT_DENY}"
    found = cluster.find("NetworkPolicy", namespace, DEFAULT_DENY)
    if found is None:
        fix = "Run `pulumi up` again: until then every pod that no other policy names is open."
        require([Problem(where, "it is not there", fix)])
    spec = as_kept(found["spec"])
    seen("both directions, all pods")
    if spec != {"podSelector": {}, "policyTypes": ["Ingress", "Egress"]}:
        require([Problem(where, f"it does not deny everything: {spec}", AGAIN)])


def test_the_openings_are_the_planned_ones(namespace, planned, cluster, seen):
    wanted = {
        name: as_kept(item["spec"])
        for (space, kind, name), item in planned.items()
        if (space, kind) == (namespace, "NetworkPolicy") and name != DEFAULT_DENY
    }
    found = {
        item["metadata"]["name"]: as_kept(item["spec"])
        for item in cluster.listed("NetworkPolicy", namespace)
    }
    found.pop(DEFAULT_DENY, None)
    seen(", ".join(sorted(found)))
    require(_problems(namespace, wanted, found))


def _problems(namespace, wanted, found):
    for name in sorted(wanted.keys() | found.keys()):
        where = f"NetworkPolicy {namespace}/{name}"
        if name not in found:
            yield Problem(where, "it is not there", AGAIN)
        elif name not in wanted:
            what = "it is not in the plan, and policies only add openings"
            yield Problem(where, what, f"`kubectl -n {namespace} describe networkpolicy {name}`.")
        elif wanted[name] != found[name]:
            yield Problem(where, "its rules are not those of the plan", AGAIN)
