import pytest

from components.catalog.load import accelerators, runtimes
from components.catalog.schema import Change
from components.serving.runtime import (
    behaviour,
    default_batched_tokens,
    default_sequences,
    number,
)

VLLM = runtimes()["vllm"]


@pytest.mark.parametrize("runtime", runtimes().values(), ids=lambda runtime: runtime.name)
def test_the_first_change_states_every_field(runtime):
    fields = set(Change.model_fields)
    assert {name for name in fields if getattr(runtime.changes[0], name) is None} == set()


@pytest.mark.parametrize("runtime", runtimes().values(), ids=lambda runtime: runtime.name)
def test_changes_stand_in_order_and_the_released_version_knows_all(runtime):
    versions = [number(change.since) for change in runtime.changes]
    assert versions == sorted(set(versions))
    assert number(runtime.released) >= versions[-1]


@pytest.mark.parametrize(
    ("version", "utilization", "batches", "graphs", "latent"),
    [
        ("0.7.0", 0.9, 1, False, ()),
        ("0.7.1", 0.9, 1, False, ("nvidia",)),
        ("0.8.2", 0.9, 1, False, ("nvidia",)),
        ("0.22.0", 0.9, 1, True, ("nvidia", "amd")),
        ("0.26.0", 0.9, 2, True, ("nvidia", "amd")),
        (None, 0.92, 2, True, ("nvidia", "amd")),
    ],
)
def test_a_version_behaves_as_the_last_change_before_it(
    version, utilization, batches, graphs, latent
):
    found = behaviour(VLLM, version)
    assert found.memory_utilization == utilization
    assert found.batches_in_flight == batches
    assert found.reserves_graphs is graphs
    assert found.absorbs_latent_on == latent


@pytest.mark.parametrize(
    ("gpu", "tokens", "sequences"),
    [
        ("a100-80gb", 2048, 256),
        ("h100-80gb", 8192, 1024),
        ("h200-141gb", 8192, 1024),
        ("mi300x-192gb", 16384, 1024),
        ("b200-180gb", 16384, 1024),
        ("l4-24gb", 2048, 256),
    ],
)
def test_defaults_follow_the_size_of_the_device(gpu, tokens, sequences):
    found, accelerator = behaviour(VLLM), accelerators()[gpu]
    assert default_sequences(found, accelerator) == sequences
    assert default_batched_tokens(found, accelerator, 163_840, sequences) == tokens


def test_a_batch_is_no_larger_than_all_requests_together():
    assert default_batched_tokens(behaviour(VLLM), accelerators()["h100-80gb"], 100, 4) == 400


def test_without_chunks_a_batch_is_the_context():
    old, gpu = behaviour(VLLM, "0.6.4"), accelerators()["rtx3090-24gb"]
    assert default_batched_tokens(old, gpu, 20_000, 256) == 20_000
    assert default_batched_tokens(old, gpu, 163_840, 256) == 2048  # long contexts were chunked
    assert default_batched_tokens(behaviour(VLLM, "0.7.1"), gpu, 163_840, 256) == 163_840


def test_a_version_before_all_knowledge_is_refused():
    with pytest.raises(ValueError, match=r"nothing is known of vllm 0\.4\.0; .* is 0\.5\.0"):
        behaviour(VLLM, "0.4.0")
