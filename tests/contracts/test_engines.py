"""The Engine contract, over everything the folders hold. A new file is covered by being there.

Does not prove that an engine starts: that takes its image and a GPU.
"""

from __future__ import annotations

import subprocess
import sys
from dataclasses import replace
from itertools import product

import pytest

from components.catalog.load import accelerators, images, models
from components.clouds import clouds
from components.engines import engines
from components.engines.simulator import PROGRAM
from components.nodes.plan import plan_pool
from components.nodes.spec import PoolSpec
from components.serving.parallelism import check_parallelism
from components.serving.plan import ask_of, check_server, plan_server
from components.serving.spec import ServerSpec
from components.storage.plan import plan_weights
from components.storage.spec import HostPathWeights, PvcWeights

TENSORS = (1, 3, 8, 12, 16)  # divides all heads, none, most; more than a node has
STORES = {
    "pvc": PvcWeights(kind="pvc", read_gb_per_second=4.8),
    "host-path": HostPathWeights(kind="host-path", path="/mnt/w", read_gb_per_second=10),
}
USED = [name for name, accelerator in accelerators().items() if not accelerator.refused]
EVERYTHING = sorted(product(engines(), models()))  # and every accelerator, within each test


class Situation:
    """One engine, model, accelerator, tensor size and store: its problems, and its plan."""

    def __init__(self, engine, model, accelerator, tensor=8, store="pvc"):
        self.spec = ServerSpec(
            model=model,
            engine=engine,
            pool="gpus",
            weights="w",
            context_tokens=min(32768, models()[model].shape.max_context_tokens),
            concurrency=16,
            parallelism={"tensor": tensor},
        )
        pool = PoolSpec(
            accelerator=accelerator, nodes=1, gpus_per_node=16, node_labels={"gpu": "any"}
        )
        self.pool = plan_pool("gpus", pool, clouds()["onprem"])
        known = [models()[model]]
        self.weights = plan_weights("w", STORES[store], known, [self.pool], {})
        self.ask = ask_of("s", self.spec, self.pool, self.weights, ("one", "two"))

    def problems(self):
        yield from check_parallelism("servers.s", self.spec, self.ask.model, self.pool)
        yield from check_server(self.spec, self.ask)

    def plan(self):
        return plan_server("s", self.spec, self.pool, self.weights, ("one", "two"), tags={})


def situations(engine, model):
    for accelerator, tensor, store in product(USED, TENSORS, STORES):
        yield Situation(engine, model, accelerator, tensor, store)


@pytest.mark.parametrize(("engine", "model"), EVERYTHING)
def test_every_combination_is_planned_or_explained(engine, model):
    for situation in situations(engine, model):
        problems = list(situation.problems())
        for problem in problems:
            assert problem.where.startswith("servers.s.")
            assert problem.what
            assert problem.fix.endswith(".")
        if not problems:
            plan = situation.plan()
            assert plan.image == images()[plan.container.image].reference
            assert plan.gpu_resource == situation.ask.accelerator.resource
            assert plan.tensor_parallel == situation.spec.parallelism.tensor


def containers(engine, model):
    for accelerator in USED:
        yield engines()[engine].container(Situation(engine, model, accelerator).ask)


@pytest.mark.parametrize(("engine", "model"), EVERYTHING)
def test_every_container_can_run_under_pod_security_restricted(engine, model):
    for container in containers(engine, model):
        assert container.user_id > 0
        assert 1024 < container.port < 65536
        assert container.health_path.startswith("/")
        assert container.shared_memory_gib >= 1
        assert container.cpu_cores >= 1
        assert {path for path in container.writable_paths if not path.startswith("/")} == set()


@pytest.mark.parametrize(("engine", "model"), EVERYTHING)
def test_every_image_stands_in_the_lock(engine, model):
    assert {container.image for container in containers(engine, model)} - set(images()) == set()


@pytest.mark.parametrize(("engine", "model"), EVERYTHING)
def test_the_same_question_gets_the_same_answer(engine, model):
    assert list(containers(engine, model)) == list(containers(engine, model))


@pytest.mark.parametrize("engine", sorted(engines()))
def test_a_model_whose_reasoning_no_engine_knows_yet_is_planned_or_explained(engine):
    """A new model is one new file: until an engine knows its words, the plan says so."""
    situation = Situation(engine, "deepseek-r1-0528", "h200-141gb")
    model = situation.ask.model.model_copy(update={"reasoning_format": "deepseek-v9"})
    problems = list(check_server(situation.spec, replace(situation.ask, model=model)))
    if engines()[engine].needs_weights:
        assert [problem.where for problem in problems] == ["servers.s.model"]
        assert "deepseek-v9" in problems[0].what
    else:
        assert problems == []


@pytest.mark.parametrize("engine", sorted(engines()))
@pytest.mark.parametrize("accelerator", sorted(accelerators().keys() - set(USED)))
def test_an_accelerator_that_is_refused_is_refused_with_its_reason(engine, accelerator):
    situation = Situation(engine, "deepseek-r1-distill-llama-8b", accelerator)
    [problem] = situation.problems()
    assert problem.where == "servers.s.pool"
    assert problem.what == f"{accelerator} is refused: {accelerators()[accelerator].refused}"


def served():
    for engine, model in EVERYTHING:
        for situation in situations(engine, model):
            if not list(situation.problems()):
                yield engine, model


@pytest.mark.medium  # every pair with every GPU
def test_every_engine_serves_some_model_and_every_model_is_served():
    pairs = set(served())
    assert {engine for engine, _ in pairs} == set(engines())
    assert {model for _, model in pairs} == set(models())


def test_the_simulator_accepts_its_own_command_line():
    """Its parser is the judge; --help stops it before it listens."""
    command = Situation("simulator", "deepseek-r1-0528", "h200-141gb").plan().container.command
    [interpreter, program, *arguments] = command
    assert (interpreter, program) == ("python3", f"/opt/engine/{PROGRAM.name}")
    done = subprocess.run(
        [sys.executable, PROGRAM, *arguments, "--help"], capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stderr) == (0, "")
    flags = {argument.partition("=")[0] for argument in arguments}
    assert flags - set(done.stdout.split()) == set()
