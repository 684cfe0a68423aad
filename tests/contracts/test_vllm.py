"""vLLM's command line and environment, word by word against the interface of the pinned version.

Its parser accepts a unique prefix of a flag; we do not: the next version may have two of them.
Does not prove that the values make sense together.
"""

from __future__ import annotations

from dataclasses import replace
from itertools import product

import pytest

from components.catalog.load import accelerators, images, models
from components.engines.contract import Ask
from components.engines.vllm import ENGINE, IMAGES, INTERFACE, REFUSED, VERSION, interface

# Variables that vllm.envs does not read, and who reads them.
NOT_OF_VLLM = {
    "HF_HOME": "huggingface_hub and transformers: their cache, on a writable path",
    "HF_HUB_OFFLINE": "huggingface_hub: never ask the hub",
    "HOME": "everything that falls back to it; the root file system is read-only",
    "TORCHINDUCTOR_CACHE_DIR": "torch.compile: its cache, else in a folder by user name",
    "TRITON_CACHE_DIR": "triton: its cache, else under HOME",
    "USER": "getpass.getuser, which torch calls at import",
    "XDG_CONFIG_HOME": "configuration files, else under HOME",
}
R1 = Ask(
    where="servers.s",
    model=models()["deepseek-r1-0528"],
    accelerator=accelerators()["h200-141gb"],
    served_names=("r1", "r2"),
    weights_path="/weights/org/model",
    weights_on_network=True,
    tensor_parallel=8,
    context_tokens=32768,
    concurrency=16,
    startup_seconds=890,
    drain_seconds=600,
    extra_args=(),
)
ONE_FLAG = "Write one flag an entry, as --flag or --flag=value."
ONE_OF_EACH_VENDOR = ("h200-141gb", "mi300x-192gb")  # what the words can depend on
EXTRA = ((), ("--max-num-queued-reqs=64", "--disable-uvicorn-access-log"))


def command(**changed):
    return ENGINE.container(replace(R1, **changed)).command


def refusals(*extra_args):
    return [str(problem) for problem in ENGINE.check(replace(R1, extra_args=extra_args))]


def parsed(words):
    """Group a command line into flags and their values, as the engine's parser does."""
    groups = []
    for word in words:
        if word.startswith("--"):
            flag, equals, value = word.partition("=")
            groups.append((flag, [value] if equals else []))
        else:
            groups[-1][1].append(word)
    return groups


def faults(words):
    flags = interface()["flags"]
    for flag, values in parsed(words):
        if flag not in flags:
            yield f"{flag} is no flag"
        elif flags[flag]["takes_value"] != bool(values):
            yield f"{flag} takes {'a' if flags[flag]['takes_value'] else 'no'} value"
        else:
            choices = flags[flag].get("choices", values)
            yield from (f"{flag} cannot be {value}" for value in values if value not in choices)


@pytest.mark.parametrize(
    ("model", "accelerator", "on_network", "extra_args"),
    sorted(product(models(), ONE_OF_EACH_VENDOR, [False, True], EXTRA)),
)
def test_every_flag_is_one_of_the_pinned_version_and_well_formed(
    model, accelerator, on_network, extra_args
):
    words = command(
        model=models()[model],
        accelerator=accelerators()[accelerator],
        weights_on_network=on_network,
        extra_args=extra_args,
    )
    assert words[:3] == ("vllm", "serve", "/weights/org/model")
    assert list(faults(words[3:])) == []


def test_the_check_above_sees_a_prefix_a_missing_value_and_a_wrong_choice():
    wrong = ["--max-model=8", "--port", "--safetensors-load-strategy=fast", "--enable-lora=yes"]
    assert list(faults(wrong)) == [
        "--max-model is no flag",
        "--port takes a value",
        "--safetensors-load-strategy cannot be fast",
        "--enable-lora takes no value",
    ]


def test_the_command_line_of_r1_on_eight_gpus_is_exactly_this():
    assert command() == (
        *("vllm", "serve", "/weights/org/model", "--served-model-name", "r1", "r2"),
        *("--port=8000", "--tensor-parallel-size=8", "--max-model-len=32768"),
        *("--max-num-seqs=16", "--shutdown-timeout=600", "--enable-force-include-usage"),
        *("--disable-access-log-for-endpoints=/health,/metrics",),
        *("--safetensors-load-strategy=prefetch", "--reasoning-parser=deepseek_r1"),
    )


def test_weights_on_the_node_itself_are_not_prefetched():
    local = command(weights_on_network=False)
    assert [word for word in local if word.startswith("--safetensors")] == []


def test_a_model_without_a_reasoning_format_gets_no_parser():
    silent = R1.model.model_copy(update={"reasoning_format": None})
    assert [word for word in command(model=silent) if "parser" in word] == []


@pytest.mark.parametrize("accelerator", ONE_OF_EACH_VENDOR)
def test_every_variable_is_vllms_own_or_has_a_known_reader(accelerator):
    environment = ENGINE.container(replace(R1, accelerator=accelerators()[accelerator])).environment
    assert set(environment) - set(interface()["environment"]) == set(NOT_OF_VLLM)


def test_the_engine_waits_for_itself_as_long_as_its_startup_probe_does():
    environment = ENGINE.container(R1).environment
    assert environment["VLLM_ENGINE_READY_TIMEOUT_S"] == "890"


def test_every_cache_lies_on_a_writable_path():
    container = ENGINE.container(R1)
    cached = {name: path for name, path in container.environment.items() if path.startswith("/")}
    assert len(cached) == 6
    assert {
        name
        for name, path in cached.items()
        if not any(path == w or path.startswith(f"{w}/") for w in container.writable_paths)
    } == set()


def test_no_refused_flag_has_left_the_interface():
    """A refusal of a flag that is gone would hide that its successor is allowed."""
    assert set(REFUSED) - set(interface()["flags"]) == set()


def test_interface_and_image_are_of_one_version():
    assert INTERFACE.name == f"vllm-{VERSION}.json"
    assert images()[IMAGES["nvidia"]].tag == f"v{VERSION}"


@pytest.mark.parametrize(
    ("argument", "refusal"),
    [
        (
            "--max-model-len=4096",
            "--max-model-len is decided by the plan. Remove it; see the spec fields.",
        ),
        (
            "--api-key=abc",
            (
                "--api-key is refused: it would put a key into the process list; "
                "the gateway checks keys. Remove it."
            ),
        ),
        (
            "--max-num-queued-req=64",
            (
                "vLLM 0.32.0 has no flag '--max-num-queued-req'. "
                f"Did you mean '--max-num-queued-reqs'? {ONE_FLAG}"
            ),
        ),
        ("64", f"vLLM 0.32.0 has no flag '64'. {ONE_FLAG}"),
        (
            "--max-num-queued-reqs",
            (
                "'--max-num-queued-reqs' is not how --max-num-queued-reqs is written. "
                "Write --max-num-queued-reqs=VALUE."
            ),
        ),
        (
            "--enable-lora=true",
            "'--enable-lora=true' is not how --enable-lora is written. Write --enable-lora.",
        ),
        (
            "--kv-transfer=x",
            (
                "vLLM 0.32.0 has no flag '--kv-transfer'. "
                f"Did you mean '--kv-transfer-config'? {ONE_FLAG}"
            ),
        ),
        (
            "--kv-offloading-backend=disk",
            "--kv-offloading-backend cannot be 'disk'. Choose one of lmcache, native.",
        ),
    ],
)
def test_an_argument_that_vllm_or_the_plan_refuses_is_explained(argument, refusal):
    assert refusals("--seed=1", argument) == [f"servers.s.extra_args.1: {refusal}"]


@pytest.mark.parametrize(
    "argument",
    [
        "--no-enable-force-include-usage",  # undoes what the gateway's accounts rest on
        "--config=/weights/flags.yaml",  # a file of flags: none of them would be checked
        "--pipeline-parallel-size=2",  # more GPUs than the pod asks for
        "--data-parallel-size=2",
        "--data-parallel-size-local=2",
        "--prefill-context-parallel-size=2",
        "--nnodes=2",
        "--model=/weights/other",  # not the model that was planned
        "--headless",  # no HTTP at all: the probes never succeed
        "--host=127.0.0.1",  # not the address that the probes and the gateway call
        "--uds=/tmp/socket",
        "--ssl-certfile=/tmp/cert",  # the gateway and the probes speak plain HTTP
        "--help",
    ],
)
def test_an_argument_that_would_undo_the_plan_is_refused(argument):
    assert len(refusals(argument)) == 1
