"""Which pods serve a model, where, and why they can start. Pure: no pulumi, no clock."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace

from ..catalog.load import accelerators, images
from ..catalog.resolve import find_model
from ..catalog.schema import UNRESOLVED, Model
from ..engines import engines
from ..engines.contract import Ask, Container
from ..lifecycle import GRACE_SECONDS, LONGEST_STREAM_SECONDS, PRE_STOP_SECONDS
from ..naming import SERVING_NAMESPACE, labels, pods_service, selector
from ..nodes.plan import PoolPlan
from ..problems import Problem
from ..storage.plan import GIB, WeightsPlan, weights_path
from .gate import FitPlan, plan_fit, served_model
from .parallelism import tensor_parallel
from .spec import ServerSpec
from .startup import ENGINE_SECONDS, PROBE_PERIOD_SECONDS, ready_seconds, startup_seconds

# Page cache counts to the pod: prefetching needs checkpoint / 0.9 (vLLM's own auto-prefetch rule).
PREFETCH_SHARE = (10, 9)
# A busy engine answers /health late: only one that is silent this long is restarted.
LIVENESS_SECONDS = 180
LIVENESS_PERIOD_SECONDS = 30
READINESS_PERIOD_SECONDS = 5
READINESS_FAILURES = 2


@dataclass(frozen=True, kw_only=True, slots=True)
class ServerPlan:
    """Every decision about the pods; nothing is left to the component."""

    name: str
    namespace: str
    engine: str
    model: str
    precision: str
    fit: FitPlan | None  # None: the engine loads no weights, so nothing is to fit
    service: str
    container: Container
    image: str
    pool: str
    replicas: int
    context_tokens: int
    tensor_parallel: int
    gpu_resource: str
    taint_key: str
    node_labels: Mapping[str, str]
    claim: str | None
    memory_request_gib: int
    startup_seconds: int
    ready_seconds: int  # when it is to be expected; the budget above is when it is given up
    startup_period_seconds: int = PROBE_PERIOD_SECONDS
    readiness_period_seconds: int = READINESS_PERIOD_SECONDS
    readiness_failures: int = READINESS_FAILURES
    liveness_period_seconds: int = LIVENESS_PERIOD_SECONDS
    liveness_failures: int = LIVENESS_SECONDS // LIVENESS_PERIOD_SECONDS
    pre_stop_seconds: int = PRE_STOP_SECONDS
    grace_seconds: int = GRACE_SECONDS
    selector: Mapping[str, str]
    labels: Mapping[str, str]
    pod_labels: Mapping[str, str]  # without tags: a new cost center is no reason to reload weights

    @property
    def ready_timeout_seconds(self) -> int:
        """How long `pulumi up` waits: an update takes the replicas one after another."""
        return self.replicas * (self.grace_seconds + self.startup_seconds)

    @property
    def claims(self) -> tuple[str, ...]:
        """The claim to mount, or nothing: components loop, they do not decide."""
        return () if self.claim is None else (self.claim,)

    @property
    def file_sets(self) -> tuple[Mapping[str, str], ...]:
        """The files that the engine brings along, or nothing."""
        return (self.container.files,) if self.container.files else ()


def plan_server(  # noqa: PLR0913  # one argument per thing it is decided from
    name: str,
    spec: ServerSpec,
    pool: PoolPlan,
    weights: WeightsPlan | None,
    served_names: tuple[str, ...],
    *,
    tags: Mapping[str, str],
) -> ServerPlan:
    """Decide everything; asked when `check_server` yielded nothing."""
    ask = ask_of(name, spec, pool, weights, served_names)
    container = engines()[spec.engine].container(ask)
    selected = selector(spec.engine, name, "serving")
    return ServerPlan(
        name=name,
        namespace=SERVING_NAMESPACE,
        engine=spec.engine,
        model=ask.model.name,
        precision=ask.model.native,
        fit=_fit_of(spec, ask),
        service=pods_service(name),
        container=container,
        pool=pool.name,
        image=images()[container.image].reference,
        replicas=spec.replicas,
        context_tokens=spec.context_tokens,
        tensor_parallel=ask.tensor_parallel,
        gpu_resource=pool.gpu_resource,
        taint_key=pool.taint_key,
        node_labels=pool.node_labels,
        claim=weights.claim if weights else None,
        memory_request_gib=container.shared_memory_gib + _page_cache_gib(ask),
        startup_seconds=ask.startup_seconds,
        ready_seconds=_ready_seconds(ask, weights),
        selector=selected,
        labels=labels(tags, selected),
        pod_labels=labels({}, selected),
    )


def _fit_of(spec: ServerSpec, ask: Ask) -> FitPlan | None:
    if not engines()[spec.engine].needs_weights:
        return None
    return plan_fit(ask.where, spec, ask.accelerator, ask.tensor_parallel)


def _ready_seconds(ask: Ask, weights: WeightsPlan | None) -> int:
    if weights is None:
        return 0
    return ready_seconds(ask.model.checkpoint.size_bytes, weights.read_mb_per_second)


def ask_of(
    name: str,
    spec: ServerSpec,
    pool: PoolPlan,
    weights: WeightsPlan | None,
    served_names: tuple[str, ...],
) -> Ask:
    """Put together what the engine has to know."""
    model = served_model(spec)
    return Ask(
        where=f"servers.{name}",
        model=model,
        accelerator=accelerators()[pool.accelerator],
        served_names=served_names,
        weights_path=weights_path(model) if weights else None,
        weights_on_network=engines()[spec.engine].needs_weights
        and weights is not None
        and weights.on_network,
        tensor_parallel=tensor_parallel(spec, model, pool),
        context_tokens=spec.context_tokens,
        concurrency=spec.concurrency,
        startup_seconds=startup_seconds(
            model.checkpoint.size_bytes, weights.read_mb_per_second, readers=spec.replicas
        )
        if weights
        else ENGINE_SECONDS,
        drain_seconds=LONGEST_STREAM_SECONDS,
        extra_args=spec.extra_args,
        kv_cache_tokens=_cache_tokens(spec, pool, model),
    )


def _cache_tokens(spec: ServerSpec, pool: PoolPlan, model: Model) -> int:
    """Count what an engine without weights is to act as if it had: the cache of vLLM here."""
    if engines()[spec.engine].needs_weights:
        return 0
    likeness = spec.model_copy(update={"engine": "vllm"})
    tensor = tensor_parallel(spec, model, pool)
    fit = plan_fit("", likeness, accelerators()[pool.accelerator], tensor)
    return fit.cache_tokens if fit else 0


def check_server(spec: ServerSpec, ask: Ask) -> Iterator[Problem]:
    """Refuse what the engine, the model or the image lock does not allow."""
    engine, model = engines()[spec.engine], ask.model
    named = find_model(spec.model, spec.precision)
    if isinstance(named, Problem):
        yield replace(named, where=f"{ask.where}.{named.where}")
    if engine.needs_weights and spec.weights is None:
        yield Problem(
            f"{ask.where}.weights",
            f"{spec.engine} loads {model.name} from a volume and none is named",
            "Name an entry of weights.",
        )
    if spec.context_tokens > model.shape.max_context_tokens:
        yield Problem(
            f"{ask.where}.context_tokens",
            f"{model.name} ends at {model.shape.max_context_tokens} tokens, "
            f"{spec.context_tokens} are asked",
            f"Set it to {model.shape.max_context_tokens} or less.",
        )
    if ask.accelerator.refused:
        yield Problem(
            f"{ask.where}.pool",
            f"{ask.accelerator.name} is refused: {ask.accelerator.refused}",
            "Choose a pool of NVIDIA or AMD accelerators.",
        )
        return
    yield from engine.check(ask)
    yield from _unresolved(spec, ask)


def _unresolved(spec: ServerSpec, ask: Ask) -> Iterator[Problem]:
    """Refuse what nobody could read from a source yet: it is not to be guessed."""
    engine, model = engines()[spec.engine], ask.model
    if engine.needs_weights and model.repository == UNRESOLVED:
        yield Problem(
            f"{ask.where}.precision",
            f"which repository holds {model.name} in {model.native} could not be read from a "
            "source",
            f"Write it into components/catalog/models/{model.name}.yaml, with its source.",
        )
    image = images()[engine.container(ask).image]
    if image.tag == UNRESOLVED:
        yield Problem(
            f"{ask.where}.engine",
            f"the tag of {image.repository} could not be read from a source, so "
            f"{spec.engine} has no image for {ask.accelerator.name}",
            f"Write tag and digest of {image.name} into images.lock.yaml, with their source.",
        )


def _page_cache_gib(ask: Ask) -> int:
    if not ask.weights_on_network:
        return 0
    return -(-ask.model.checkpoint.size_bytes * PREFETCH_SHARE[0] // (PREFETCH_SHARE[1] * GIB))
