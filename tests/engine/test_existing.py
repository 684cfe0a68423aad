"""`make up KUBECONFIG=…`: on a cluster that is not ours. Here a control plane plays it."""

import json
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest
import yaml

from components.blueprint.load import load_stack, stack_file
from components.blueprint.plan import plan_blueprint
from rehearsal import existing, kubectl, nodes
from rehearsal.control_plane import TOOLS, ControlPlane
from rehearsal.deploy import simulated
from rehearsal.tools import ensure

ROOT = Path(__file__).parents[2]
pytestmark = [pytest.mark.engine, pytest.mark.slow, pytest.mark.xdist_group("existing")]


@pytest.fixture(scope="module")
def cluster(tmp_path_factory):
    folder = tmp_path_factory.mktemp("existing")
    toolbox = ensure([*TOOLS, "kubectl"], print)
    with ControlPlane.start(folder, toolbox, attached=True, context="theirs") as running:
        yield running.kubeconfig


@pytest.fixture
def rehearse(tmp_path):
    folder = tmp_path / "state"

    def run(verb, *arguments):
        command = [sys.executable, "-m", "rehearsal", verb, "--folder", str(folder), *arguments]
        return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)

    run.folder = folder
    return run


def namespaces(kubeconfig):
    listed = kubectl.call(kubeconfig, "get", "namespaces", "-o", "name").split()
    return [name for name in listed if "deepseek" in name]


def refused(done):
    """Answer what was said, in one line: tables break it anywhere."""
    assert (done.returncode, "Traceback" in done.stderr) == (1, False)
    return " ".join((done.stdout + done.stderr).replace("│", " ").split())


def test_a_cluster_that_lacks_what_the_stack_needs_is_left_alone(cluster, rehearse):
    said = refused(rehearse("up", "--kubeconfig", str(cluster)))
    assert "2 nodes with 8 nvidia.com/gpu are needed; 0 carry" in said
    assert "kubectl label node NODE" in said
    assert namespaces(cluster) == []


def test_a_user_without_rights_is_told_which_are_missing(cluster, rehearse, tmp_path):
    content = yaml.safe_load(cluster.read_text("utf-8"))
    content["users"][0]["user"]["as"] = "visitor"
    kubectl.call(
        cluster,
        *("create", "clusterrolebinding", "visitor", "--clusterrole=view"),
        "--user=visitor",
    )
    kubectl.call(
        cluster,
        *("create", "clusterrole", "looks-at-nodes", "--verb=list,get"),
        "--resource=nodes,persistentvolumes,storageclasses.storage.k8s.io",
    )
    binding = ("create", "clusterrolebinding", "looks", "--clusterrole=looks-at-nodes")
    kubectl.call(cluster, *binding, "--user=visitor")
    visitors = tmp_path / "visitor.kubeconfig"
    visitors.write_text(yaml.safe_dump(content), "utf-8")
    said = refused(rehearse("up", "--kubeconfig", str(visitors)))
    assert "its user may not create namespaces" in said
    assert "statefulsets.apps" in said
    assert namespaces(cluster) == []
    # Nothing is there, so the folder is free for another cluster.
    assert existing.adopted(rehearse.folder) is None


def test_a_kubeconfig_that_is_none_or_leads_nowhere_is_refused(cluster, rehearse, tmp_path):
    assert "there is no file" in refused(rehearse("up", "--kubeconfig", str(tmp_path / "none")))
    content = yaml.safe_load(cluster.read_text("utf-8"))
    content["clusters"][0]["cluster"]["server"] = "https://127.0.0.1:9"
    dead = tmp_path / "dead.kubeconfig"
    dead.write_text(yaml.safe_dump(content), "utf-8")
    assert "127.0.0.1:9" in refused(rehearse("up", "--kubeconfig", str(dead)))
    assert rehearse("down").returncode == 0


def test_up_and_down_leave_the_cluster_as_it_was(cluster, rehearse):
    spec, _ = load_stack(stack_file("rehearsal"))
    [pool] = plan_blueprint(spec).pools
    nodes.register(cluster, [replace(simulated(pool), nodes=pool.usable_nodes)])
    done = rehearse("up", "--kubeconfig", str(cluster))
    assert done.returncode == 0, done.stdout + done.stderr
    assert "port-forward service/gateway 8443:443" in done.stdout
    access = json.loads((rehearse.folder / "access.json").read_text("utf-8"))
    assert (access["gateway_url"], access["stack"]) == (None, "rehearsal")
    assert "kubectl port-forward" in access["reasons"]["gateway_url"]
    assert not (rehearse.folder / "control-plane").exists()
    assert namespaces(cluster) == ["namespace/deepseek-gateway", "namespace/deepseek-serving"]

    assert "what lies here is deployed to a cluster of" in refused(rehearse("up"))

    assert rehearse("down").returncode == 0
    assert not rehearse.folder.exists()
    assert namespaces(cluster) == []
    assert kubectl.call(cluster, "get", "persistentvolumes", "-o", "name") == ""


@pytest.mark.parametrize(
    ("arguments", "handed"),
    [((), False), (("KUBECONFIG=/else",), True)],
    ids=["exported", "typed"],
)
def test_make_takes_a_kubeconfig_only_where_it_was_typed(arguments, handed):
    done = subprocess.run(
        ["make", "--dry-run", "up", *arguments],
        cwd=ROOT,
        env={"PATH": "/usr/bin:/bin", "KUBECONFIG": "/exported"},
        capture_output=True,
        text=True,
        check=True,
    )
    assert ('--kubeconfig "/else"' in done.stdout) == handed
    assert "/exported" not in done.stdout
