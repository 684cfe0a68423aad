import pytest

from components.catalog import load
from components.catalog.load import accelerators, images, load_folder, models
from components.catalog.schema import UNRESOLVED, Accelerator, Image
from components.problems import PlanError

GPU = """\
source: a page
vendor: nvidia
architecture: hopper
resource: nvidia.com/gpu
taint_key: nvidia.com/gpu
usable_mib_per_gpu: 81561
native_precisions: [bf16]
"""
SCHEMA = "See Accelerator in components/catalog/schema.py."


def image(**changed):
    good = {
        "name": "nginx",
        "source": "a page",
        "repository": "docker.io/library/nginx",
        "tag": "1.30.6",
        "digest": UNRESOLVED,
        "date": "2026-11-22",
    }
    return Image.model_validate(good | changed)


@pytest.fixture
def folder(tmp_path):
    """Load a folder of these files as accelerators."""

    def holding(**files):
        for name, text in files.items():
            (tmp_path / f"{name}.yaml").write_text(text)
        return load_folder(tmp_path, Accelerator)

    return holding


def refusal(folder, **files):
    with pytest.raises(PlanError) as refused:
        folder(**files)
    return [str(p).partition("/")[2] for p in refused.value.problems]


def test_a_fact_is_found_under_the_name_of_its_file(folder):
    found = folder(b200=GPU)
    assert list(found) == ["b200"]
    assert found["b200"].name == "b200"
    assert found["b200"].usable_mib_per_gpu == 81561


def test_every_broken_file_is_named_at_once(folder):
    no_memory = GPU.replace("usable_mib_per_gpu: 81561\n", "")
    in_words = GPU.replace("81561", "eighty")
    assert refusal(folder, no_memory=no_memory, good=GPU, in_words=in_words) == [
        "in_words.yaml.usable_mib_per_gpu: Input should be a valid integer. " + SCHEMA,
        "no_memory.yaml.usable_mib_per_gpu: Field required. " + SCHEMA,
    ]


def test_a_number_in_quotes_is_no_number(folder):
    assert refusal(folder, b200=GPU.replace("81561", '"81561"')) == [
        "b200.yaml.usable_mib_per_gpu: Input should be a valid integer. " + SCHEMA
    ]


def test_a_fact_without_its_source_is_refused(folder):
    assert refusal(folder, b200=GPU.replace("source: a page\n", 'source: ""\n')) == [
        "b200.yaml.source: String should have at least 1 character. " + SCHEMA
    ]


def test_a_misspelt_field_is_refused(folder):
    assert refusal(folder, b200=GPU + "taint: x\n") == [
        "b200.yaml.taint: Extra inputs are not permitted. " + SCHEMA
    ]


def test_a_file_cannot_call_itself_by_another_name(folder):
    """The file name is the identifier: two names for one fact, or one for two, cannot exist."""
    assert len(refusal(folder, b200="name: h100\n" + GPU)) == 1


def test_an_empty_file_lacks_every_field(folder):
    assert len(refusal(folder, b200="")) == 7


def test_a_file_that_is_no_yaml_is_named_like_any_other(folder):
    broken = refusal(folder, b200="source: [\n", h300=GPU.replace("bf16", "int2"))
    assert [line.partition(".yaml")[0] for line in broken] == ["b200", "h300"]


def test_an_image_with_a_digest_is_pulled_by_it():
    digest = f"sha256:{'0' * 64}"
    assert image(digest=digest).reference == f"docker.io/library/nginx:1.30.6@{digest}"


def test_an_image_without_a_digest_is_pulled_by_tag():
    assert image().reference == "docker.io/library/nginx:1.30.6"


@pytest.mark.parametrize("digest", ["", "sha256:abc", "0" * 64, f"sha256:{'G' * 64}"])
def test_a_digest_is_whole_or_says_that_nobody_read_it(digest):
    with pytest.raises(ValueError, match="String should match pattern"):
        image(digest=digest)


def test_the_lock_follows_no_moving_tag():
    assert [i.name for i in images().values() if i.tag in {"latest", "nightly", "main"}] == []


def test_a_broken_lock_is_named_like_any_other_file(tmp_path, monkeypatch):
    lock = tmp_path / "images.lock.yaml"
    lock.write_text("nginx: {repository: r, tag: 1.30.6, digest: unresolved, source: s}\n")
    monkeypatch.setattr(load, "IMAGES", lock)
    with pytest.raises(PlanError) as refused:
        images.__wrapped__()
    assert str(refused.value) == (
        "- images.lock.yaml.nginx.date: Field required. See Image in components/catalog/schema.py."
    )


def test_the_tables_have_an_entry_for_every_file():
    assert set(accelerators()) >= {"a100-80gb", "h100-80gb", "h200-141gb", "mi300x-192gb"}
    assert set(models()) >= {"deepseek-r1-0528", "deepseek-v3.1"}


def test_no_gpu_has_more_memory_than_its_name_says():
    """GB in a name are 10^9 bytes at least and GiB at most; a card keeps one per cent back."""
    for name, gpu in accelerators().items():
        named = int(name.rpartition("-")[2].removesuffix("gb"))
        assert gpu.usable_mib_per_gpu <= named * 1024, name
        assert gpu.usable_mib_per_gpu * 2**20 >= named * 10**9 * 0.99, name
