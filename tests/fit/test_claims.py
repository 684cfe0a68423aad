"""Claims in circulation that are wrong, and what the arithmetic says instead."""

from __future__ import annotations

import pytest

from components.catalog.load import accelerators, models, runtimes
from components.catalog.schema import Checkpoint, Model, Shape
from components.catalog.shapes import Formats, GroupedQuery
from components.serving.ask import ask
from components.serving.fit import Question, answer
from components.serving.memory import GIB, Split
from components.serving.parameters import checkpoint_bytes
from components.serving.records import CacheType
from components.serving.runtime import behaviour
from components.serving.wish import Wish, subject_of


def asked(**said):
    wish = Wish(**said)
    return ask(wish, subject_of(wish)).answer


def test_v3_in_bf16_is_ten_times_134_gb():
    shape = models()["deepseek-v3"].shape
    size = checkpoint_bytes(shape, Formats(linear="bf16"), with_draft=False)
    assert round(size / 10**9) == 1342


@pytest.mark.parametrize("precision", ["bf16", "awq-int4"])
def test_v3_does_not_fit_two_a100_in_any_form_they_compute(precision):
    found = asked(model="deepseek-v3", accelerator="a100-80gb", gpus=2, precision=precision)
    assert found.verdict == "does-not-fit"
    assert found.stage.weights.total_bytes > 2 * found.usable_bytes


def test_r1_in_fp8_does_not_fit_eight_h100():
    found = asked(model="deepseek-r1", accelerator="h100-80gb", gpus=8)
    assert found.verdict == "does-not-fit"
    assert round(found.stage.weights.total_bytes / GIB, 1) == 79.5
    assert round(found.budget_bytes / GIB, 1) == 73.3


def thirteen_billion():
    """A dense model of which there is none by DeepSeek: 40 layers of 40 heads."""
    shape = Shape(
        source="Llama 2 13B",
        layers=40,
        hidden_size=5120,
        vocabulary_size=32000,
        max_context_tokens=4096,
        attention=GroupedQuery(kind="gqa", heads=40, kv_heads=40, head_size=128),
        intermediate_size=13824,
    )
    stored = Checkpoint(
        source="derived",
        precision="bf16",
        repository="a/b",
        size_bytes=26 * 10**9,
        size_origin="derived",
        formats=Formats(linear="bf16"),
    )
    return Model(
        source="test",
        name="thirteen",
        license="none",
        shape=shape,
        native="bf16",
        checkpoints={"bf16": stored},
        engines={"vllm": "0.5.0"},
    )


def test_thirteen_billion_parameters_in_bf16_do_not_fit_24_gb():
    """26 GB of weights; not "borderline"."""
    question = Question(
        model=thirteen_billion(),
        accelerator=accelerators()["rtx4090-24gb"],
        behaviour=behaviour(runtimes()["vllm"]),
        nodes=1,
        split=Split(),
        context_tokens=1,
        concurrency=1,
        utilization=1.0,
        cache_type=CacheType("bfloat16", 2),
        batched_tokens=1,
        sequences=1,
    )
    found = answer(question)
    assert round(found.stage.weights.total_bytes / 10**9, 1) == 26.0
    assert found.verdict == "does-not-fit"


def test_every_expert_is_resident_whatever_is_routed():
    """Routing changes compute, not memory: the sum is the same for any number per token."""
    shape = models()["deepseek-v3"].shape
    one = shape.model_copy(update={"experts": shape.experts.model_copy(update={"per_token": 1})})
    formats = models()["deepseek-v3"].checkpoint.formats
    assert checkpoint_bytes(one, formats, with_draft=True) == checkpoint_bytes(
        shape, formats, with_draft=True
    )
