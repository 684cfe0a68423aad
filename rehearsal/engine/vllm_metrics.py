"""What vLLM 0.32 exposes of its engine, without --kv-cache-metrics and --enable-mfu-metrics."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence

from .answering import Answer
from .metrics import Histogram, Value, exposition

# Edges as vLLM 0.32 has them; a test compares all of this with a real exposition.
COUNTS = (1, 2, 5, 10, 20, 50, 100, 200, 500, 1000)
STEPS = (1, 8, 16, 32, 64, 128, 256, 512, 1024, 2048, 4096, 8192, 16384)
FEW = (1, 2, 5, 10, 20)
PREEMPTIONS = (1, 2, 3, 4, 5, 10, 20)
FIRST = (
    *(0.001, 0.005, 0.01, 0.02, 0.04, 0.06, 0.08, 0.1, 0.25, 0.5, 0.75, 1, 2.5, 5, 7.5, 10),
    *(20, 40, 80, 160, 640, 2560),
)
BETWEEN = (
    *(0.01, 0.025, 0.05, 0.075, 0.1, 0.15, 0.2, 0.3, 0.4, 0.5, 0.75, 1, 2.5, 5, 7.5, 10),
    *(20, 40, 80),
)
LONG = (
    *(0.3, 0.5, 0.8, 1, 1.5, 2, 2.5, 5, 10, 15, 20, 30, 40, 50, 60, 120, 240, 480, 960),
    *(1920, 7680),
)
GAUGES = {
    "num_requests_running": ("requests in the batch", "", ()),
    "num_requests_waiting": ("requests in the queue", "", ()),
    "num_requests_waiting_by_reason": ("by why they wait", "reason", ("capacity", "deferred")),
    "engine_sleep_state": (
        "sleep levels",
        "sleep_state",
        ("awake", "weights_offloaded", "discard_all"),
    ),
    "kv_cache_usage_perc": ("share of the KV cache in use, 0 to 1", "", ()),
}
_SOURCES = ("local_compute", "local_cache_hit", "external_kv_transfer")
_TIERS = ("device", "host", "p2p", "disk", "external_unspecified")
FINISHED = ("stop", "length", "abort", "error", "repetition")
COUNTERS = {
    "prefix_cache_queries": ("prompt tokens looked up in the prefix cache", "", ()),
    "prefix_cache_hits": ("prompt tokens found there", "", ()),
    "external_prefix_cache_queries": ("the same, of other instances", "", ()),
    "external_prefix_cache_hits": ("the same, of other instances", "", ()),
    "mm_cache_queries": ("items looked up in the multi-modal cache", "", ()),
    "mm_cache_hits": ("items found there", "", ()),
    "num_preemptions": ("requests that lost their place to another", "", ()),
    "prompt_tokens": ("prompt tokens", "", ()),
    "prompt_tokens_by_source": ("prompt tokens", "source", _SOURCES),
    "prompt_tokens_cached": ("prompt tokens that a cache had", "", ()),
    "prompt_tokens_cached_by_source": ("prompt tokens that a cache had", "source", _TIERS),
    "generation_tokens": ("generated tokens", "", ()),
    "request_success": ("finished requests", "finished_reason", FINISHED),
}
REJECTIONS = ("max_num_queued_reqs", "max_num_queued_tokens")
HISTOGRAMS = {
    "request_prompt_tokens": COUNTS,
    "request_generation_tokens": COUNTS,
    "iteration_tokens_total": STEPS,
    "request_max_num_generation_tokens": COUNTS,
    "request_params_n": FEW,
    "request_params_max_tokens": COUNTS,
    "time_to_first_token_seconds": FIRST,
    "inter_token_latency_seconds": BETWEEN,
    "request_time_per_output_token_seconds": BETWEEN,
    "e2e_request_latency_seconds": LONG,
    "request_queue_time_seconds": LONG,
    "request_inference_time_seconds": LONG,
    "request_prefill_time_seconds": LONG,
    "request_decode_time_seconds": LONG,
    "request_num_preemptions": PREEMPTIONS,
    "request_prefill_kv_computed_tokens": COUNTS,
}


Row = tuple[str, str, Sequence[str]]  # what it counts; its own label, and the values of that


def _value(kind: str, name: str, row: Row, labels: Mapping[str, str]) -> Value:
    (text, own, variants), is_counter = row, kind == "counter"
    return Value(
        name=f"vllm:{name}{'_total' * is_counter}",
        kind=kind,
        help=f"Simulated: {text}.",
        labels=labels,
        variants=[{own: variant} for variant in variants] or [{}],
        created=time.time() if is_counter else None,
    )


class VllmMetrics:
    """Named as vLLM names them, without prefix and `_total`."""

    def __init__(self, model: str, cache_config: Mapping[str, str]) -> None:
        labels = {"engine": "0", "model_name": model}
        self.values = {n: _value("gauge", n, row, labels) for n, row in GAUGES.items()}
        self.values |= {n: _value("counter", n, row, labels) for n, row in COUNTERS.items()}
        # The frontend counts these: it knows no engine.
        name, row = "admission_rejections", ("refused at the door", "reason", REJECTIONS)
        self.values[name] = _value("counter", name, row, {"model_name": model})
        self.histograms = {
            name: Histogram(f"vllm:{name}", "Simulated.", labels, edges, time.time())
            for name, edges in HISTOGRAMS.items()
        }
        info = _value(
            "gauge", "cache_config_info", ("the KV cache", "", ()), {"engine": "0", **cache_config}
        )
        info.put(1)
        self.values["cache_config_info"] = info
        self.values["engine_sleep_state"].put(1, sleep_state="awake")

    def text(self) -> str:
        return exposition([*self.values.values(), *self.histograms.values()])

    def admitted(self, answer: Answer) -> None:
        """Count a prompt where it enters the batch for the first time."""
        add = self.values
        add["prefix_cache_queries"].add(answer.prompt_tokens)
        add["prefix_cache_hits"].add(answer.cached)
        add["prompt_tokens_cached_by_source"].add(answer.cached, source="device")

    def token(self, answer: Answer, now: float) -> None:
        self.values["generation_tokens"].add()
        if answer.made > 1:
            self.histograms["inter_token_latency_seconds"].observe(now - answer.last)
            return
        computed = answer.prompt_tokens - answer.cached
        self.values["prompt_tokens"].add(answer.prompt_tokens)
        self.values["prompt_tokens_cached"].add(answer.cached)
        self.values["prompt_tokens_by_source"].add(computed, source="local_compute")
        self.values["prompt_tokens_by_source"].add(answer.cached, source="local_cache_hit")
        self.histograms["time_to_first_token_seconds"].observe(now - answer.arrival)

    def finished(self, answer: Answer, now: float, reason: str) -> None:
        self.values["request_success"].add(finished_reason=reason)
        see = {name: histogram.observe for name, histogram in self.histograms.items()}
        see["request_prompt_tokens"](answer.prompt_tokens)
        see["request_generation_tokens"](answer.made)
        see["request_max_num_generation_tokens"](answer.made)
        see["request_params_n"](answer.n)
        see["request_params_max_tokens"](answer.max_tokens)
        see["request_num_preemptions"](answer.preemptions)
        see["request_prefill_kv_computed_tokens"](answer.prompt_tokens - answer.cached)
        see["e2e_request_latency_seconds"](now - answer.arrival)
        if answer.started is None or answer.first is None:
            return  # it left the queue, or its prefill
        see["request_queue_time_seconds"](answer.started - answer.arrival)
        see["request_inference_time_seconds"](answer.last - answer.started)
        see["request_prefill_time_seconds"](answer.first - answer.started)
        see["request_decode_time_seconds"](answer.last - answer.first)
        if answer.made > 1:
            each = (answer.last - answer.first) / (answer.made - 1)
            see["request_time_per_output_token_seconds"](each)
