"""TGI's metrics, from what the batch counts for vLLM's; TGI has no histogram of first tokens.

Source: text-generation-inference docs/source/reference/metrics.md at db931fc. Those of its
validation, of batches and of skipped tokens are missing: the simulator has nothing to say there.
The edges of its histograms are not in that page, and so not TGI's.
"""

from __future__ import annotations

from collections.abc import Iterator

from .engine import Engine
from .metrics import Histogram, Value
from .metrics import exposition as written

HISTOGRAMS = {
    "tgi_request_duration": "e2e_request_latency_seconds",
    "tgi_request_queue_duration": "request_queue_time_seconds",
    "tgi_request_inference_duration": "request_inference_time_seconds",
    "tgi_request_mean_time_per_token_duration": "request_time_per_output_token_seconds",
    "tgi_request_input_length": "request_prompt_tokens",
    "tgi_request_generated_tokens": "request_generation_tokens",
    "tgi_request_max_new_tokens": "request_params_max_tokens",
}


def exposition(engine: Engine) -> str:
    return written([*_values(engine), *_histograms(engine)])


def _values(engine: Engine) -> Iterator[Value]:
    batch, options, values = engine.batch, engine.options, engine.metrics.values
    refused = values["admission_rejections"].values
    done = dict(
        zip(("stop", "length", "abort", "error"), values["request_success"].values, strict=False)
    )
    made = values["generation_tokens"].values[0]
    for kind, name, value in (
        ("gauge", "tgi_queue_size", len(batch.waiting)),
        ("gauge", "tgi_batch_current_size", len(batch.running)),
        ("gauge", "tgi_batch_current_max_tokens", options.kv_cache_tokens),
        ("counter", "tgi_request_count", sum(done.values()) + sum(refused) + batch.unfinished),
        ("counter", "tgi_request_success", done["stop"] + done["length"]),
        ("counter", "tgi_batch_inference_count", made),
        ("counter", "tgi_batch_inference_success", made),
    ):
        shown = Value(name=name, kind=kind, help="Simulated.", labels={})
        shown.put(value)
        yield shown
    failure = Value("tgi_request_failure", "counter", "Simulated.", {}, [{"err": "overloaded"}])
    failure.values = [sum(refused)]
    yield failure


def _histograms(engine: Engine) -> Iterator[Histogram]:
    for name, source in HISTOGRAMS.items():
        of = engine.metrics.histograms[source]
        shown = Histogram(name, "Simulated.", {}, of.edges)
        shown.counts, shown.total = of.counts, of.total
        yield shown
