from typing import Annotated

import pytest
from pydantic import TypeAdapter, ValidationError

from components.registry import discover, known, name_of


@pytest.fixture
def package(tmp_path, monkeypatch, request):
    """An extension point with one extension, `my_engine.py`, and a contract."""
    name = f"extensions_{request.node.name}"
    (tmp_path / name).mkdir()
    (tmp_path / name / "__init__.py").touch()
    (tmp_path / name / "contract.py").touch()
    monkeypatch.syspath_prepend(tmp_path)

    def holding(declared_name):
        source = f"class Engine:\n    name = {declared_name!r}\n\nENGINE = Engine()\n"
        (tmp_path / name / "my_engine.py").write_text(source)
        return name

    return holding


def test_a_file_is_found_by_being_there_and_the_contract_is_no_extension(package):
    assert list(discover(package("my-engine"), "ENGINE")) == ["my-engine"]


def test_a_file_that_calls_itself_otherwise_is_refused(package):
    with pytest.raises(ValueError, match=r"my_engine calls itself 'engine'; rename one"):
        discover(package("engine"), "ENGINE")


def test_an_extension_without_the_declaration_is_not_passed_over(package):
    with pytest.raises(AttributeError, match="CLOUD"):
        discover(package("my-engine"), "CLOUD")


@pytest.mark.parametrize(
    ("key", "refusal"),
    [
        ("vlm", "unknown engine 'vlm'. Did you mean 'vllm'? Known: tgi, vllm"),
        ("ray", "unknown engine 'ray'. Known: tgi, vllm"),
    ],
)
def test_an_unknown_key_is_refused_with_the_nearest_and_all_known(key, refusal):
    with pytest.raises(ValueError, match="unknown") as refused:
        known("engine", {"vllm": 1, "tgi": 2}, key)
    assert str(refused.value) == refusal


def test_a_known_key_is_looked_up():
    assert known("engine", {"vllm": 1, "tgi": 2}, "tgi") == 2


def test_a_field_that_names_an_entry_reads_the_table_when_it_is_checked():
    """The table is a function: an extension that appears after the import counts."""
    table = {}
    field = TypeAdapter(Annotated[str, name_of("engine", lambda: table)])
    with pytest.raises(ValidationError, match=r"unknown engine 'sglang'. Known: "):
        field.validate_python("sglang")
    table["sglang"] = object()
    assert field.validate_python("sglang") == "sglang"
