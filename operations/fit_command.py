"""The flags of `blueprint fit`; what they mean is decided in components/serving/wish.py."""

from __future__ import annotations

from typing import Annotated, Any, TypeAlias

import typer

Text: TypeAlias = str | None
Count: TypeAlias = int | None


def _option(text: str, *names: str) -> Any:  # noqa: ANN401  # typer's own type is not exported
    return typer.Option(*names, help=text)


def fit(  # noqa: PLR0913  # one parameter per flag
    *,
    model: Annotated[Text, _option("an id of the catalogue, or a Hugging Face repository")] = None,
    accelerator: Annotated[Text, _option("an id of the catalogue")] = None,
    gpus: Annotated[Count, _option("GPUs of one replica, on all its nodes together")] = None,
    nodes: Annotated[Count, _option("nodes of one replica; as few as the GPUs need")] = None,
    engine: Annotated[str, _option("vllm or tgi")] = "vllm",
    engine_version: Annotated[Text, _option("the version that our images have")] = None,
    precision: Annotated[Text, _option("the checkpoint's native one")] = None,
    tensor_parallel: Annotated[Count, _option("GPUs over which a layer is split")] = None,
    pipeline_parallel: Annotated[Count, _option("stages, one after another")] = None,
    data_parallel: Annotated[Count, _option("ranks with a cache of their own")] = None,
    expert_parallel: Annotated[bool | None, _option("whole experts on each GPU")] = None,
    decode_context_parallel: Annotated[Count, _option("ranks that share out a cache")] = None,
    context_tokens: Annotated[Count, _option("tokens that one request may have")] = None,
    concurrency: Annotated[Count, _option("requests promised at once")] = None,
    kv_cache_dtype: Annotated[Text, _option("auto, bf16, fp8, fp8_ds_mla or nvfp4_ds_mla")] = None,
    kv_cache_bytes: Annotated[Count, _option("a cache of fixed size per GPU")] = None,
    memory_utilization: Annotated[float | None, _option("share of the device to use")] = None,
    max_batched_tokens: Annotated[Count, _option("tokens of one step")] = None,
    max_sequences: Annotated[Count, _option("requests of one step")] = None,
    cuda_graphs: Annotated[bool, _option("off is the engine's eager mode")] = True,
    engram_on_host: Annotated[bool, _option("n-gram tables in host memory")] = True,
    mig_profile: Annotated[Text, _option("a MIG slice, as 3g.40gb")] = None,
    accept_marginal: Annotated[bool, _option("exit 0 within the margin too")] = False,
    matrix: Annotated[bool, _option("print what fits where, for every model")] = False,
    as_json: Annotated[bool, _option("print one JSON document (schema 1)", "--json")] = False,
) -> None:
    """Say whether a model fits, with the arithmetic and the smallest changes if not."""
    said = {name: value for name, value in locals().items() if name not in OURS}
    if matrix:
        _show_matrix(as_json=as_json)
        return
    raise typer.Exit(_answer(said, accept_marginal=accept_marginal, as_json=as_json))


OURS = {"accept_marginal", "matrix", "as_json"}
REQUIRED = ("model", "accelerator", "gpus")


def _answer(said: dict[str, Any], *, accept_marginal: bool, as_json: bool) -> int:
    from components.serving.wish import Wish

    from . import fit as fitting
    from . import fit_output, output

    if missing := [f"--{name}" for name in REQUIRED if said[name] is None]:
        raise typer.BadParameter(f"give {', '.join(missing)}, or --matrix")
    fitted = fitting.fit(Wish(**said))
    if as_json:
        document = fitting.document(fitted)
        output.print_json(document.pop("verdict"), **document)
    else:
        fit_output.show(fitted)
    return fitted.exit_code(accept_marginal=accept_marginal)


def _show_matrix(*, as_json: bool) -> None:
    from . import fit_matrix, output

    if as_json:
        output.print_json("ok", matrix=fit_matrix.matrix())
    else:
        typer.echo(fit_matrix.page(), nl=False)
