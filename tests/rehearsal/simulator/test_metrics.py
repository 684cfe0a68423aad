"""The exposition, compared with one of vLLM 0.32, and its values with what was asked."""

import json
import re
from pathlib import Path

import httpx
import pytest

REAL = json.loads(Path(__file__).with_name("vllm-0.32.0-exposition.json").read_text("utf-8"))
# vLLM has it too, with more labels; an engine that never started does not show it.
OURS = "vllm:cache_config_info"


def shown(text):
    types, samples = {}, {}
    for line in text.splitlines():
        if line.startswith("# TYPE"):
            _, _, name, kind = line.split()
            types[name] = kind
        elif not line.startswith("#"):
            name, labels = re.fullmatch(r"([\w:]+)(\{.*\}) \S+", line).groups()
            samples.setdefault(name, []).append(labels)
    return types, {name: summary(labels) for name, labels in samples.items()}


def summary(labels):
    edges = [found[1] for text in labels if (found := re.search(r'le="([^"]+)"', text))]
    if edges:
        return {"labels": re.sub(r'le="[^"]+"', 'le="*"', labels[0]), "le": " ".join(edges)}
    return {"labels": labels if len(labels) > 1 else labels[0]}


def test_names_types_labels_and_buckets_are_vllms(simulator):
    types, samples = shown(simulator.client.get("/metrics").text)
    assert types.pop(OURS) == "gauge"
    assert 'num_gpu_blocks="112"' in samples.pop(OURS)["labels"]
    assert types == REAL["types"]
    assert samples == REAL["samples"]


def test_the_values_are_those_of_what_was_asked(start):
    simulator = start("--decode-tokens-per-second=1000", "--kv-cache-tokens=160")
    prompt = "x" * 160  # 40 tokens: two full blocks
    for _ in range(2):
        asked = {"model": "r1", "prompt": prompt, "max_tokens": 5}
        assert httpx.post(f"{simulator.url}/v1/completions", json=asked).status_code == 200
    count = simulator.metric
    assert count("vllm:prompt_tokens_total") == 80
    assert count("vllm:generation_tokens_total") == 10
    assert count("vllm:prefix_cache_queries_total") == 80
    assert count("vllm:prefix_cache_hits_total") == 32
    assert count("vllm:prompt_tokens_by_source_total", source="local_compute") == 48
    assert count("vllm:request_success_total", finished_reason="length") == 2
    assert count("vllm:request_success_total") == 2
    assert count("vllm:request_prompt_tokens_bucket", le="20.0") == 0
    assert count("vllm:request_prompt_tokens_bucket", le="50.0") == 2
    assert count("vllm:request_prompt_tokens_sum") == 80
    assert count("vllm:time_to_first_token_seconds_count") == 2
    assert count("vllm:inter_token_latency_seconds_count") == 8
    assert count("vllm:iteration_tokens_total_sum") == 40 + 4 + 8 + 4
    assert count("vllm:kv_cache_usage_perc") == 0


@pytest.mark.medium
def test_a_request_in_the_batch_is_seen_in_the_gauges(start, until):
    simulator = start("--decode-tokens-per-second=4", "--kv-cache-tokens=160")
    with simulator.stream(max_tokens=90) as lines:
        next(lines)
        assert simulator.metric("vllm:num_requests_running") == 1
        assert simulator.metric("vllm:kv_cache_usage_perc") == 0.1
    until(lambda: simulator.metric("vllm:request_success_total", finished_reason="abort") == 1)
    assert simulator.metric("vllm:num_requests_running") == 0


@pytest.mark.parametrize("options", [(), ("--no-prefix-cache",)])
def test_a_cache_that_is_off_has_no_hits(start, options):
    simulator = start("--decode-tokens-per-second=1000", *options)
    for _ in range(2):
        simulator.ask(max_tokens=1, messages=[{"role": "user", "content": "x" * 320}])
    assert simulator.metric("vllm:prefix_cache_hits_total") == (0 if options else 64)
