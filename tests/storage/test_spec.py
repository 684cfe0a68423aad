from decimal import Decimal

import pytest
import yaml
from pydantic import TypeAdapter, ValidationError

from components.storage.spec import WeightsSpec

WEIGHTS = TypeAdapter(WeightsSpec)
PVC = {"kind": "pvc", "read_gb_per_second": 4.8}
HOST_PATH = {"kind": "host-path", "read_gb_per_second": 10, "path": "/mnt/weights"}


def complaint(good, **changed):
    with pytest.raises(ValidationError) as refused:
        WEIGHTS.validate_python(good | changed)
    [line] = refused.value.errors()
    return line["loc"], line["msg"]


@pytest.mark.parametrize(
    ("text", "rate"), [("4.8", "4.8"), ("10", "10"), ("0.001", "0.001"), ("'0.6'", "0.6")]
)
def test_a_rate_is_exactly_what_stands_in_the_file(text, rate):
    """YAML makes a binary float of 4.8: Decimal(4.8) would be 4.79999999999999982236431605997."""
    data = PVC | {"read_gb_per_second": yaml.safe_load(text)}
    assert WEIGHTS.validate_python(data).read_gb_per_second == Decimal(rate)


@pytest.mark.parametrize(
    ("rate", "message"),
    [
        (0, "Input should be greater than 0"),
        (-1, "Input should be greater than 0"),
        (1000.001, "Input should be less than or equal to 1000"),
        (0.0005, "Decimal input should have no more than 3 decimal places"),
        (float("nan"), "Input should be a finite number"),
        (float("inf"), "Input should be a finite number"),
        ("fast", "Input should be a valid decimal"),
        ([4.8], "Decimal input should be an integer, float, string or Decimal object"),
    ],
)
def test_a_rate_that_no_storage_has_is_refused(rate, message):
    assert complaint(PVC, read_gb_per_second=rate) == (("pvc", "read_gb_per_second"), message)


def test_yes_is_no_rate():
    assert complaint(PVC, read_gb_per_second=True)[0] == ("pvc", "read_gb_per_second")


def test_a_kind_that_we_do_not_have_is_refused_with_those_we_have():
    assert complaint(PVC, kind="nfs") == (
        (),
        (
            "Input tag 'nfs' found using 'kind' does not match any of the expected tags: "
            "'pvc', 'host-path'"
        ),
    )


def test_a_field_of_the_other_kind_is_refused():
    assert complaint(PVC, path="/mnt/weights") == (
        ("pvc", "path"),
        "Extra inputs are not permitted",
    )
    assert complaint(HOST_PATH, claim="weights") == (
        ("host-path", "claim"),
        "Extra inputs are not permitted",
    )


@pytest.mark.parametrize("path", ["mnt/weights", "/", "", "/mnt/my weights", "C:/weights"])
def test_a_folder_is_an_absolute_path_without_blanks(path):
    assert complaint(HOST_PATH, path=path)[0] == ("host-path", "path")


def test_a_folder_that_leads_back_up_is_refused():
    """Kubernetes refuses `..` in a hostPath, in the middle of an update."""
    assert complaint(HOST_PATH, path="/mnt/../etc")[0] == ("host-path", "path")


@pytest.mark.parametrize("size", [0, -1, 1.5, "700"])
def test_a_size_is_a_positive_whole_number(size):
    assert complaint(PVC, size_gib=size)[0] == ("pvc", "size_gib")


@pytest.mark.parametrize("field", ["claim", "storage_class"])
@pytest.mark.parametrize("name", ["weights.v2", "2026-weights", "w" * 60])
def test_what_exists_may_have_any_name_that_kubernetes_allows(field, name):
    """Names of ours are short labels; these were given by somebody else."""
    assert getattr(WEIGHTS.validate_python(PVC | {field: name}), field) == name
