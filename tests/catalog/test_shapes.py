from typing import get_args

import pytest
from pydantic import TypeAdapter, ValidationError

from components.catalog.load import models
from components.catalog.shapes import FORMATS, Attention, Format


def test_every_format_has_its_bytes():
    assert set(FORMATS) == set(get_args(Format))


@pytest.mark.parametrize(
    ("stored", "bits"),
    [("bf16", 16), ("fp8-channel", 8), ("nvfp4", 4.5), ("mxfp4", 4.25), ("awq-g64", 4.3125)],
)
def test_scales_are_counted_into_a_format(stored, bits):
    assert FORMATS[stored] * 8 == bits


def test_an_attention_is_told_by_its_kind():
    with pytest.raises(ValidationError, match="gqa"):
        TypeAdapter(Attention).validate_python({"kind": "mqa", "heads": 1})


def test_compressed_layers_have_a_ratio_each():
    for model in models().values():
        attention = model.shape.attention
        if attention.kind == "compressed":
            assert len(attention.ratios) == model.shape.layers
