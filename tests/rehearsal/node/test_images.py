import subprocess
from pathlib import Path

import pytest
import yaml

from rehearsal.node import images, programs
from rehearsal.node.images import Image, Images, NoImageError

PROGRAMS = ("nginx", "python", "coredns", *programs.IMAGE_TOOLS)
IMAGES = Images({name: f"/store/{name}" for name in PROGRAMS})
LOCK = Path(__file__).parents[3] / "images.lock.yaml"
WRAPPER = images.TABLE.with_name("nginx.sh")


@pytest.mark.parametrize(
    "reference",
    ["nginx", "nginx:1.30.6", "docker.io/library/nginx:1.30.6@sha256:abc", "host:5000/nginx"],
)
def test_registry_tag_and_digest_do_not_count(reference):
    assert IMAGES.find(reference).stop_signal == "SIGQUIT"


def test_a_repository_of_two_words_is_found_by_both():
    assert IMAGES.find("registry.k8s.io/coredns/coredns:v1").entrypoint == ("coredns",)
    with pytest.raises(NoImageError):
        IMAGES.find("coredns")


def test_an_unknown_image_names_the_table_and_what_it_has():
    with pytest.raises(NoImageError) as refused:
        IMAGES.find("vllm/vllm-openai:v0.32.0")
    assert "vllm/vllm-openai:v0.32.0 has no local program" in str(refused.value)
    assert str(images.TABLE) in str(refused.value)
    known = "busybox, coredns/coredns, nginx, prom/alertmanager, prom/prometheus, python"
    assert known in str(refused.value)


def test_a_program_that_nobody_handed_over_is_named():
    with pytest.raises(NoImageError, match="the program nginx was not handed"):
        Images({}).find("nginx")


def test_every_program_of_the_table_is_placed():
    for name in yaml.safe_load(images.TABLE.read_text()):
        image = IMAGES.find(name)
        assert all(Path(place).is_absolute() for place in (*image.files.values(), *image.trees))


def test_the_images_of_gateway_and_simulator_are_in_the_table():
    lock = yaml.safe_load(LOCK.read_text())
    for name in ("nginx", "python"):
        IMAGES.find(f"{lock[name]['repository']}:{lock[name]['tag']}")


@pytest.mark.parametrize(
    ("container", "argv"),
    [
        ({}, ["e", "c"]),
        ({"args": ["a"]}, ["e", "a"]),
        ({"command": ["x"]}, ["x"]),
        ({"command": ["x"], "args": ["a"]}, ["x", "a"]),
    ],
)
def test_command_and_args_replace_those_of_the_image(container, argv):
    assert Image(entrypoint=("e",), command=("c",)).argv(container) == argv


@pytest.mark.parametrize(
    ("given", "left"),
    [
        (["-e", "stderr", "-c", "/x", "-g", "load_module modules/js.so;"], "-e stderr -c /x"),
        (["-t", "-q", "-g", "daemon off;"], "-t -q -g daemon off;"),
        (["-g"], "-g"),
        ([], ""),
    ],
)
def test_the_nginx_of_the_table_drops_the_module_that_it_has_built_in(given, left, tmp_path):
    text = WRAPPER.read_text().replace("exec /opt/image/libexec/nginx", "echo")
    script = tmp_path / "nginx"
    script.write_text(text)
    done = subprocess.run(["sh", script, *given], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == left
