import pytest

from components.catalog.load import accelerators, models
from operations.fit_matrix import GPU_COUNTS, matrix, page


@pytest.fixture(scope="module")
def found():
    return matrix()


@pytest.mark.medium
def test_every_pair_has_a_cell(found):
    assert set(found) == set(models())
    assert all(set(cells) == set(accelerators()) for cells in found.values())
    assert GPU_COUNTS == (1, 2, 4, 8, 16)


@pytest.mark.parametrize(
    ("model", "accelerator", "gpus", "cell"),
    [
        ("deepseek-v3", "h100-80gb", 8, "no"),
        ("deepseek-v3", "h100-80gb", 16, "739k"),
        ("deepseek-v3", "a100-80gb", 8, "-"),
        ("deepseek-v3", "mi300x-192gb", 8, "1.3M"),
        ("deepseek-r1-distill-qwen-32b", "h100-80gb", 1, "~37k"),
    ],
)
def test_a_cell_says_it_in_a_word(found, model, accelerator, gpus, cell):
    assert found[model][accelerator][gpus] == cell


@pytest.mark.medium
def test_the_page_leaves_out_what_never_works():
    assert "gaudi2-96gb" not in page()
