import pytest

from components.catalog.load import accelerators, models
from components.serving.records import CACHE_NAMES, CacheType, cache_type, packs_records

H200, B200, MI300X = (accelerators()[name] for name in ("h200-141gb", "b200-180gb", "mi300x-192gb"))


@pytest.mark.parametrize(
    ("name", "gpu", "said", "kind"),
    [
        ("deepseek-v3", H200, "auto", CacheType("bfloat16", 2)),
        ("deepseek-v3", H200, "fp8_e4m3", CacheType("fp8", 1)),
        ("deepseek-v3.2", H200, "auto", CacheType("fp8_ds_mla", 1, packed=True)),
        ("deepseek-v3.2", MI300X, "auto", CacheType("bfloat16", 2)),
        ("deepseek-v3.2", MI300X, "fp8", CacheType("fp8_ds_mla", 1, packed=True)),
        ("deepseek-v4-flash", MI300X, "auto", CacheType("fp8_ds_mla", 1, packed=True)),
        ("deepseek-v4-flash", H200, "bf16", CacheType("bfloat16", 2)),
        (
            "deepseek-v4.1-flash",
            B200,
            "nvfp4_ds_mla",
            CacheType("nvfp4_ds_mla", 1, packed=True, four_bit=True, mxfp8_records=True),
        ),
    ],
)
def test_a_cache_type_is_resolved_as_the_engine_resolves_it(name, gpu, said, kind):
    assert cache_type(models()[name].shape, gpu, said) == kind


def test_only_sparse_models_have_packed_records():
    assert [name for name in models() if packs_records(models()[name].shape)] == [
        name for name in models() if "v3.2" in name or "v4" in name
    ]


def test_every_short_name_leads_to_a_word_of_the_engine():
    assert set(CACHE_NAMES.values()) == {
        "auto",
        "bfloat16",
        "fp8",
        "fp8_ds_mla",
        "nvfp4_ds_mla",
    }
