"""A tool of one file, a cache in a temporary folder, and a stand-in for the go command."""

import json
import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path

from rehearsal.processes import until
from rehearsal.tools import provision
from rehearsal.tools.manifest import Build, OnPath, Tool

REAL_GO = shutil.which("go")
ROOT = Path(__file__).parents[2]
MAIN = """package main

import "fmt"

var version = "unset"

func main() { fmt.Println("greeter", version, "GREETING") }
"""


class World:
    """Everything that `ensure` sees, under one folder."""

    def __init__(self, folder, monkeypatch):
        self.folder, self.monkeypatch = folder, monkeypatch
        self.cache, self.programs = folder / "cache", folder / "programs"
        self.module, self.builds = folder / "module", folder / "builds"
        self.programs.mkdir()
        self.lines = []
        self.write_module("hello")
        self.set("DEEPSEEK_BLUEPRINT_CACHE", self.cache)
        self.on_path(self.programs, *os.environ["PATH"].split(os.pathsep))
        self.list(self.tool())

    def set(self, name, value):
        self.monkeypatch.setenv(name, str(value))

    def on_path(self, *folders):
        self.set("PATH", os.pathsep.join(map(str, folders)))

    def write_module(self, greeting, main=MAIN):
        self.module.mkdir(exist_ok=True)
        (self.module / "go.mod").write_text("module example.test/greeter\n\ngo 1.26\n")
        (self.module / "go.sum").write_text("")
        (self.module / "main.go").write_text(main.replace("GREETING", greeting))

    def tool(self, **changed):
        build = Build(
            module=str(self.module), package=".", variables={"main.version": "v{version}"}
        )
        on_path = OnPath(ask=("--version",), at_least="1.2.0", below="2")
        return Tool(
            **{"name": "greeter", "version": "1.2.3", "on_path": on_path, "build": build} | changed
        )

    def list(self, *tools):
        self.monkeypatch.setattr(provision, "tools", lambda: {tool.name: tool for tool in tools})

    def ensure(self):
        return provision.ensure(["greeter"], self.lines.append).path("greeter")

    def program(self, name, script):
        """Put a shell script on PATH."""
        path = self.programs / name
        path.write_text(f"#!/bin/sh\n{script}\n")
        path.chmod(0o755)
        return path

    def counting_go(self, build=f'exec "{REAL_GO}" "$@"'):
        """Put a go command on PATH that notes each build; `build` is what it then does."""
        self.program(
            "go",
            f'[ "$1" = build ] || exec "{REAL_GO}" "$@"\necho $$ >> "{self.builds}"\n{build}',
        )

    def built(self):
        return self.builds.read_text().split() if self.builds.exists() else []

    def start_ensuring(self):
        """Ensure the tool in a process of its own."""
        arguments = [str(self.module), json.dumps(sys.path)]
        return subprocess.Popen(
            [sys.executable, "-c", SCRIPT, *arguments],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            cwd=ROOT,
        )

    def await_build(self):
        assert until(lambda: self.built() and self.leftovers(), 30), "no build has begun"
        return int(self.built()[-1])

    def leftovers(self):
        return sorted(self.cache.glob("tools/greeter/.building-*"))

    def end_build(self, pid):
        """End what a killed `ensure` left running; the test started it."""
        os.killpg(pid, signal.SIGKILL)


SCRIPT = """
import sys
from rehearsal.tools import provision
from rehearsal.tools.manifest import Build, OnPath, Tool
build = Build(module=sys.argv[1], package=".", variables={"main.version": "v{version}"})
on_path = OnPath(ask=("--version",), at_least="1.2.0", below="2")
tool = Tool(name="greeter", version="1.2.3", on_path=on_path, build=build)
provision.tools = lambda: {"greeter": tool}
print(provision.ensure(["greeter"], lambda line: print(line, flush=True)).path("greeter"))
"""


def said(program):
    return subprocess.run([program], capture_output=True, text=True, check=True).stdout.strip()
