"""The language host, as the engine meets it: over gRPC, by signals.

A stand-in for `pulumi-language-python-exec` writes down what it was given. That real programs and
policy packs run through the real one is shown in test_engine.py.
"""

import json
import os
import signal
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import grpc
import pytest
from google.protobuf import empty_pb2
from pulumi.runtime.proto import language_pb2 as language
from pulumi.runtime.proto import language_pb2_grpc

from rehearsal.processes import until
from rehearsal.tools.toolbox import LANGUAGE_HOST

pytestmark = pytest.mark.medium

RUNNER = """
import json, os, sys
json.dump({"argv": sys.argv[1:], "env": dict(os.environ)}, open("ran.json", "w"))
exec(open("program.py").read())
"""


NO_PYTHON = (
    "the runtime option virtualenv names ROOT/absent, where no bin/python is; "
    "create it, or run `pulumi install`"
)


@pytest.fixture
def project(tmp_path):
    folder = tmp_path / "project"
    folder.mkdir()
    (tmp_path / "runner.py").write_text(RUNNER)
    (folder / "program.py").write_text("")
    return folder


def start(project, **options):
    command = [sys.executable, "-P", LANGUAGE_HOST, "--exec", project.parent / "runner.py"]
    command += ["--logtostderr", "-v=9", "--tracing", "file:/x", "127.0.0.1:7"]
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
    return subprocess.Popen(command, **pipes, start_new_session=True, **options)


@pytest.fixture
def host(project, monkeypatch):
    """Start a host and connect; whatever a test left of it ends here."""
    monkeypatch.setenv("PULUMI_HOME", str(project / "home"))
    process = start(project)
    with grpc.insecure_channel(f"127.0.0.1:{int(process.stdout.readline())}") as channel:
        yield SimpleNamespace(
            process=process, call=language_pb2_grpc.LanguageRuntimeStub(channel), project=project
        )
    process.kill()
    process.communicate()


def info(project, **options):
    made = language.ProgramInfo(
        root_directory=str(project), program_directory=str(project), entry_point="."
    )
    made.options.update(options)
    return made


def run(host, **options):
    request = language.RunRequest(
        project="p",
        stack="s",
        pwd=str(host.project),
        monitor_address="127.0.0.1:8",
        dryRun=True,
        parallel=4,
        args=["extra"],
        config={"p:key": "value"},
        configSecretKeys=["p:key"],
        info=info(host.project, **options),
    )
    return host.call.Run(request)


def ran(host):
    return json.loads((host.project / "ran.json").read_text())


def test_it_says_which_sdk_it_speaks_for(host):
    host.call.Handshake(language.LanguageHandshakeRequest(engine_address="127.0.0.1:9"))
    assert host.call.GetPluginInfo(empty_pb2.Empty()).version == "3.259.0"


def test_a_program_gets_addresses_config_and_arguments(host):
    assert run(host) == language.RunResponse()
    assert ran(host)["argv"] == [
        *("--monitor", "127.0.0.1:8", "--engine", "127.0.0.1:7", "--project", "p", "--stack", "s"),
        *("--organization", "organization", "--root_directory", str(host.project)),
        *("--pwd", str(host.project), "--dry_run", "true", "--parallel", "4"),
        *(f"{host.project}/.", "extra"),
    ]
    assert json.loads(ran(host)["env"]["PULUMI_CONFIG"]) == {"p:key": "value"}
    assert json.loads(ran(host)["env"]["PULUMI_CONFIG_SECRET_KEYS"]) == ["p:key"]


@pytest.mark.parametrize(
    ("program", "answer"),
    [
        ("sys.exit(32)", language.RunResponse(bail=True)),
        (
            "sys.exit(1)",
            language.RunResponse(error="Program exited with non-zero exit code: 1"),
        ),
    ],
)
def test_a_program_that_fails_is_reported_as_the_official_host_does(host, program, answer):
    (host.project / "program.py").write_text(program)
    assert run(host) == answer


def test_the_virtualenv_is_found_from_the_root_of_the_project(host):
    folder = host.project / "env"
    (folder / "bin").mkdir(parents=True)
    python = folder / "bin" / "python"
    python.write_text(f'#!/bin/sh\nMARK=ours exec {sys.executable} "$@"\n')
    python.chmod(0o755)
    assert run(host, virtualenv="env").error == ""
    environment = ran(host)["env"]
    assert (environment["MARK"], environment["VIRTUAL_ENV"]) == ("ours", str(folder))
    assert environment["PATH"].split(os.pathsep)[0] == str(folder / "bin")


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (
            {"virtualenv": "absent"},
            NO_PYTHON,
        ),
        ({"toolchain": "uv"}, "this language host has no toolchain 'uv', only 'pip'"),
        ({"typechecker": "mypy"}, "this language host knows no runtime option typechecker"),
    ],
)
def test_options_that_it_cannot_serve_are_refused_in_words(host, options, words):
    expected = words.replace("ROOT", str(host.project))
    assert run(host, **options).error == expected
    with pytest.raises(grpc.RpcError) as refused:
        host.call.About(language.AboutRequest(info=info(host.project, **options)))
    assert refused.value.details() == expected


def test_plugins_are_named_when_they_are_there(host):
    request = language.GetRequiredPackagesRequest(info=info(host.project))
    assert list(host.call.GetRequiredPackages(request).packages) == []
    (host.project / "home/plugins/resource-kubernetes-v4.25.0").mkdir(parents=True)
    [package] = host.call.GetRequiredPackages(request).packages
    assert (package.name, package.kind, package.version) == ("kubernetes", "resource", "4.25.0")


def test_dependencies_are_those_of_the_programs_python(host):
    request = language.GetProgramDependenciesRequest(info=info(host.project))
    direct = {d.name: d.version for d in host.call.GetProgramDependencies(request).dependencies}
    request.transitiveDependencies = True
    every = {d.name: d.version for d in host.call.GetProgramDependencies(request).dependencies}
    assert every["pulumi"] == "3.259.0"
    assert "pulumi" not in direct  # pulumi-kubernetes requires it
    assert direct.items() < every.items()


def test_about_names_the_interpreter(host):
    answer = host.call.About(language.AboutRequest(info=info(host.project)))
    version = ".".join(map(str, sys.version_info[:3]))
    assert (answer.executable, answer.version) == (sys.executable, version)


@pytest.mark.slow
def test_a_missing_virtualenv_is_made_and_requirements_are_installed(host):
    (host.project / "requirements.txt").write_text("# nothing is needed\n")
    request = language.InstallDependenciesRequest(
        directory=str(host.project), info=info(host.project, virtualenv="env")
    )
    for _ in host.call.InstallDependencies(request):
        pass
    assert (host.project / "env/bin/python").exists()
    assert run(host, virtualenv="env").error == ""


def test_a_requirement_that_cannot_be_met_is_an_error(host):
    (host.project / "requirements.txt").write_text("./absent\n")
    request = language.InstallDependenciesRequest(
        directory=str(host.project), info=info(host.project)
    )
    with pytest.raises(grpc.RpcError) as refused:
        list(host.call.InstallDependencies(request))
    assert refused.value.details().endswith("-r requirements.txt` ended with exit status 1")


def test_a_plugin_streams_its_output_and_then_its_exit_status(host):
    (host.project / "__main__.py").write_text(
        "import os, sys\nprint(sys.argv[1:], os.environ['GIVEN'])\n"
        "print('careful', file=sys.stderr)\nsys.exit(3)\n"
    )
    request = language.RunPluginRequest(
        kind="resource", args=["a", "b"], env=["GIVEN=yes"], info=info(host.project)
    )
    told = list(host.call.RunPlugin(request))
    assert b"".join(part.stdout for part in told) == b"['a', 'b'] yes\n"
    assert b"".join(part.stderr for part in told) == b"careful\n"
    assert told[-1].WhichOneof("output") == "exitcode"
    assert told[-1].exitcode == 3


def test_a_plugin_ends_when_the_engine_cancels_it(host):
    (host.project / "__main__.py").write_text(
        "import os, time\nprint(os.getpid(), flush=True)\ntime.sleep(600)\n"
    )
    told = host.call.RunPlugin(language.RunPluginRequest(info=info(host.project)))
    pid = int(next(told).stdout)
    told.cancel()
    assert until(lambda: not alive(pid), 5)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_it_leaves_at_once_and_silently_when_signalled(host, number):
    (host.project / "program.py").write_text(
        "import time\nopen('pid', 'w').write(str(os.getpid()))\ntime.sleep(600)\n"
    )
    running = host.call.Run.future(
        language.RunRequest(pwd=str(host.project), info=info(host.project))
    )
    pid_file = host.project / "pid"
    assert until(lambda: pid_file.exists() and pid_file.read_text(), 10)
    host.process.send_signal(number)
    assert host.process.wait(timeout=1) == 0
    assert until(lambda: not alive(int(pid_file.read_text())), 5)
    running.cancel()
    assert host.process.stderr.read() == b""


def test_an_interrupt_while_it_starts_prints_no_traceback(project):
    process = start(project)
    loaded = Path(f"/proc/{process.pid}/maps")
    assert until(lambda: "grpc" in loaded.read_text(), 10)  # half of its imports are done
    process.send_signal(signal.SIGINT)
    _, errors = process.communicate(timeout=5)
    assert b"Traceback" not in errors


def test_it_leaves_when_the_engine_was_killed():
    program = "import subprocess, sys; subprocess.run(sys.argv[1:])"
    host = [sys.executable, "-P", str(LANGUAGE_HOST), "--exec", "x", "127.0.0.1:7"]
    engine = subprocess.Popen([sys.executable, "-c", program, *host], stdout=subprocess.PIPE)
    engine.stdout.readline()
    engine.kill()
    # Its end of the pipe closes when the host, the last that holds it, is gone.
    rest, _ = engine.communicate(timeout=10)
    assert rest == b""


def alive(pid):
    """Tell whether a process runs; one that nobody has waited for yet does not."""
    try:
        return "\nState:\tZ" not in Path(f"/proc/{pid}/status").read_text()
    except OSError:
        return False
