import pytest

from components.serving.advice import cautions, failure, fix_of
from components.serving.ask import ask
from components.serving.search import smallest_fits
from components.serving.wish import Wish, subject_of


def told(**said):
    wish = Wish(**said)
    asked = ask(wish, subject_of(wish))
    return asked, failure(asked, smallest_fits(wish, asked))


def test_weights_that_do_not_fit_are_named_with_the_smallest_changes():
    _, problem = told(model="deepseek-r1", accelerator="h100-80gb", gpus=8)
    assert problem.what == (
        "deepseek-r1 (fp8) on 8 x h100-80gb needs 79.5 GiB for weights and 8.5 beside them on each "
        "GPU; 73.3 are there"
    )
    assert problem.fix == (
        "Smallest changes that fit: precision awq-int4 (cognitivecomputations/DeepSeek-R1-AWQ) "
        "[8 GPUs]; or 16 GPUs on 2 nodes [16 GPUs]; or precision int8 "
        "(meituan/DeepSeek-R1-Block-INT8), 16 GPUs on 2 nodes [16 GPUs]."
    )


def test_a_promise_that_is_too_large_is_named():
    _, problem = told(
        model="deepseek-v3",
        accelerator="h200-141gb",
        gpus=8,
        tensor_parallel=8,
        context_tokens=32_768,
        concurrency=64,
    )
    assert problem.what == (
        "deepseek-v3 (fp8) on 8 x h200-141gb: 64 x 32768 tokens need 137.25 GiB, 41.16 GiB are "
        "left for the cache on each GPU"
    )


def test_a_fit_has_no_failure():
    _, problem = told(model="deepseek-v3", accelerator="h200-141gb", gpus=8)
    assert problem is None


def test_a_cut_context_is_told_with_its_share():
    asked, problem = told(model="deepseek-r1-distill-qwen-32b", accelerator="h100-80gb", gpus=1)
    assert problem.what == (
        "deepseek-r1-distill-qwen-32b (bf16) on 1 x h100-80gb fits with 32768 tokens of context "
        "only, 25% of what it offers"
    )
    assert "nobody declared a context: 32768 tokens fit" in next(cautions(asked)).what


@pytest.mark.parametrize(
    ("said", "words"),
    [
        (
            {"model": "deepseek-v4.1-flash", "accelerator": "gb200-192gb", "gpus": 4},
            "188.8 GiB of n-gram tables lie in pinned host memory",
        ),
        (
            {
                "model": "deepseek-v3",
                "accelerator": "h200-141gb",
                "gpus": 8,
                "engine": "tgi",
                "context_tokens": 8192,
            },
            "tgi 3.3.5 keeps keys and values of every head: 749568 bytes a token",
        ),
        (
            {
                "model": "deepseek-v4-flash",
                "accelerator": "h20-96gb",
                "gpus": 2,
                "context_tokens": 65_536,
                "memory_utilization": 0.95,
            },
            "less than the 1.5 GiB by which the estimate of the overhead usually errs",
        ),
    ],
)
def test_what_fits_and_wants_a_careful_look_is_told(said, words):
    asked, _ = told(**said)
    assert any(words in caution.what for caution in cautions(asked))


def test_where_nothing_helps_it_says_so():
    assert fix_of(()) == "No change that was tried fits; use another accelerator."
