"""Law: no file lies around unread. What no stack and no contract reaches is dead, or misnamed."""

from __future__ import annotations

import re
import subprocess
import sys
from itertools import product

import pytest

from components.blueprint.load import STACKS, load_stack
from components.blueprint.plan import plan_blueprint
from components.catalog.load import accelerators, images
from components.clouds import clouds
from components.engines import engines
from components.gateway.plan import IMAGE as GATEWAY_IMAGE
from components.nodes.plan import plan_pool
from components.nodes.spec import PoolSpec
from components.serving.plan import ask_of
from components.serving.spec import ServerSpec

DATA = re.compile(r"^(components|templates|stacks)/.*(?<!\.py)$|^images\.lock\.yaml$")
NOT_DATA = {"stacks/README.md": "a page for people"}
# Plans every stack and renders every text; prints each file that was opened meanwhile.
PROGRAM = """
import sys
opened = set()
sys.addaudithook(lambda event, args: opened.add(str(args[0])) if event == "open" else None)
from components.blueprint.load import STACKS, load_stack
from components.blueprint.plan import plan_blueprint
from components.blueprint.render import plan_document, render_texts
from components.catalog.load import accelerators, models
from components.engines.vllm import interface
accelerators(), models(), interface()
for path in STACKS.glob("Pulumi.*.yaml"):
    plan = plan_blueprint(load_stack(path)[0])
    plan_document(plan), render_texts(plan)
print(*sorted(opened), sep="\\n")
"""


@pytest.fixture(scope="module")
def opened(root):
    fresh = subprocess.run(
        [sys.executable, "-c", PROGRAM], cwd=root, capture_output=True, text=True, check=True
    )
    return {line.removeprefix(f"{root}/") for line in fresh.stdout.splitlines()}


def test_every_catalogue_file_template_lock_and_stack_is_read(tracked, opened):
    data = {name for name in tracked if DATA.search(name)} - NOT_DATA.keys()
    assert data - opened == set()


def ask(engine, accelerator):
    pool = PoolSpec(accelerator=accelerator, nodes=1, gpus_per_node=8, node_labels={"gpu": "any"})
    server = ServerSpec(
        model="deepseek-r1-0528", engine=engine, pool="any", context_tokens=1, concurrency=1
    )
    return ask_of("any", server, plan_pool("any", pool, clouds()["onprem"]), None, ("any",))


def test_every_image_of_the_lock_is_pulled_by_an_engine_or_the_gateway():
    pulled = {
        engines()[engine].container(ask(engine, accelerator)).image
        for engine, accelerator in product(engines(), accelerators())
        if not accelerators()[accelerator].refused
    }
    assert pulled | {GATEWAY_IMAGE} == set(images())


def test_every_accelerator_and_model_file_is_named_as_it_is_found(tracked):
    """A file that ends in .yml, or lies a folder deeper, would never exist for anybody."""
    folder = re.compile(r"^components/catalog/(accelerators|models)/")
    found = {name for name in tracked if folder.search(name)}
    ours = re.compile(r"^components/catalog/(accelerators|models)/[a-z0-9.-]+\.yaml$")
    assert {name for name in found if not ours.search(name)} == set()


def test_every_stack_is_planned_and_listed(root):
    listed = re.findall(r"^\| \[`([^`]+)`\]\(Pulumi\.\1\.yaml\)", _readme(root), re.MULTILINE)
    stacks = sorted(path.name[len("Pulumi.") : -len(".yaml")] for path in STACKS.glob("*.yaml"))
    assert sorted(listed) == stacks
    for path in STACKS.glob("*.yaml"):
        plan_blueprint(load_stack(path)[0])


def _readme(root):
    return (root / "stacks/README.md").read_text("utf-8")
