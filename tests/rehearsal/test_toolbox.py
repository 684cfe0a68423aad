"""What a user's shell gets: PATH, plugins, and the right language host; and a sound manifest."""

import os
import sys
import tomllib
from pathlib import Path

import pytest

from rehearsal.tools import Toolbox, tools
from rehearsal.tools.golang import MINIMUM
from rehearsal.tools.manifest import FOLDER

ROOT = Path(__file__).parents[2]


@pytest.fixture
def cached(tmp_path, monkeypatch):
    """Put a stand-in of a program into the cache."""
    monkeypatch.setenv("DEEPSEEK_BLUEPRINT_CACHE", str(tmp_path / "cache"))

    def put(name, *beside, host=b"#!/bin/sh\n", root=tmp_path / "cache"):
        folder = root / "tools" / name
        folder.mkdir(parents=True)
        for file in (name, *beside):
            (folder / file).write_bytes(host)
            (folder / file).chmod(0o755)
        return folder / name

    return put


def test_the_environment_finds_our_programs_first(cached, tmp_path):
    etcd = cached("etcd")
    settings = Toolbox({"etcd": etcd}).environment(tmp_path / "home")
    assert settings == {
        "PATH": os.pathsep.join([str(tmp_path / "home/bin"), os.environ["PATH"]]),
        "PULUMI_HOME": str(tmp_path / "home"),
        "PULUMI_SKIP_UPDATE_CHECK": "true",
        "PULUMI_DISABLE_AUTOMATIC_PLUGIN_ACQUISITION": "true",
    }
    assert (tmp_path / "home/bin/etcd").resolve() == etcd


def test_the_provider_is_a_plugin_of_the_wheels_version_and_not_on_path(cached, tmp_path):
    provider = cached("pulumi-resource-kubernetes", "schema.json")
    Toolbox({"pulumi-resource-kubernetes": provider}).environment(tmp_path / "home")
    plugin = tmp_path / "home/plugins/resource-kubernetes-v4.25.0"
    assert not plugin.is_symlink()
    assert sorted(file.name for file in plugin.iterdir()) == [
        "pulumi-resource-kubernetes",
        "schema.json",
    ]
    assert (plugin / "schema.json").resolve() == provider.with_name("schema.json")
    assert list((tmp_path / "home/bin").iterdir()) == []


def test_a_rebuilt_tool_replaces_the_link_to_the_old_one(cached, tmp_path):
    Toolbox({"etcd": cached("etcd")}).environment(tmp_path / "home")
    newer = cached("etcd", root=tmp_path / "cache" / "newer")
    Toolbox({"etcd": newer}).environment(tmp_path / "home")
    assert (tmp_path / "home/bin/etcd").resolve() == newer


def test_a_cli_that_we_built_runs_programs_through_our_language_host(cached, tmp_path):
    pulumi = cached("pulumi", "pulumi-language-python")
    settings = Toolbox({"pulumi": pulumi}).environment(tmp_path / "home")
    assert settings["REHEARSAL_PYTHON"] == sys.executable
    assert settings["REHEARSAL_LANGUAGE_HOST"] == str(FOLDER / "language_host.py")
    assert settings["PULUMI_IGNORE_AMBIENT_PLUGINS"] == "true"


@pytest.mark.parametrize("place", ["downloaded", "installed"])
def test_an_official_cli_keeps_its_own_language_host(cached, tmp_path, place):
    elsewhere = tmp_path / ("cache" if place == "downloaded" else "opt")
    pulumi = cached("pulumi", "pulumi-language-python", host=b"\x7fELF", root=elsewhere)
    settings = Toolbox({"pulumi": pulumi}).environment(tmp_path / "home")
    assert "REHEARSAL_LANGUAGE_HOST" not in settings
    assert settings["PULUMI_IGNORE_AMBIENT_PLUGINS"] == "true"


def test_a_cli_whose_language_host_is_elsewhere_on_path_still_finds_it(cached, tmp_path):
    pulumi = cached("pulumi", root=tmp_path / "opt")
    settings = Toolbox({"pulumi": pulumi}).environment(tmp_path / "home")
    assert "PULUMI_IGNORE_AMBIENT_PLUGINS" not in settings


def test_the_tools_have_the_versions_of_the_wheels_that_speak_to_them():
    pinned = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["dependencies"]
    assert f"pulumi=={tools()['pulumi'].version}" in pinned
    assert f"pulumi-kubernetes=={tools()['pulumi-resource-kubernetes'].version}" in pinned


@pytest.mark.parametrize("tool", [tool for tool in tools().values() if tool.build], ids=str)
def test_every_build_has_a_module_with_pinned_checksums(tool):
    lines = (tool.build.folder / "go.mod").read_text().splitlines()
    assert lines[0] == f"module deepseek-blueprint/tools/{tool.build.module}"
    assert [line for line in lines if line.startswith("go ")] == [f"go {MINIMUM}.0"]
    assert (tool.build.folder / "go.sum").stat().st_size > 0


def test_every_module_belongs_to_a_tool():
    used = {tool.build.module for tool in tools().values() if tool.build}
    assert {folder.name for folder in (FOLDER / "modules").iterdir()} == used


@pytest.mark.parametrize("tool", [tool for tool in tools().values() if tool.download], ids=str)
def test_every_download_is_encrypted_and_has_a_checksum_list_of_the_same_publisher(tool):
    release, sums = tool.download.url.split("/"), tool.download.checksums.split("/")
    assert (release[0], release[2]) == ("https:", sums[2])
