"""The Pulumi engine's language host for Python, for CLIs that come without the official one.

The engine starts it, reads a port from its first line and talks gRPC (`LanguageRuntime`). Programs
run through `pulumi-language-python-exec` of the Pulumi SDK, as under the official host; settings,
exit statuses and words follow that host too. It is run as a file, which starts fastest.
"""
# ruff: noqa: N802, ARG002 - the service names its methods; many requests say nothing we need

from __future__ import annotations

import signal

if __name__ == "__main__":
    # The engine may stop us while the imports below still run: end without Python's traceback.
    signal.signal(signal.SIGINT, signal.SIG_DFL)

import argparse
import json
import logging
import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from concurrent import futures
from importlib.metadata import version
from pathlib import Path
from typing import NoReturn

import grpc
from google.protobuf import empty_pb2, json_format
from pulumi.runtime.proto import language_pb2 as language
from pulumi.runtime.proto import language_pb2_grpc, plugin_pb2

sys.path.append(str(Path(__file__).parents[2]))
from rehearsal.python_runtime import LIST_PACKAGES, Children, Interpreter, RefusedError, output

_SHOWN_TO_USER = 32  # exit status of a program whose error the SDK has already printed
_LARGEST_MESSAGE_BYTES = 400 << 20  # the engine's own limit


class LanguageHost(language_pb2_grpc.LanguageRuntimeServicer):
    """One host serves one command of the CLI."""

    def __init__(self, engine: str, runner: Path, children: Children) -> None:
        self._engine, self._runner, self._children = engine, runner, children

    def Handshake(
        self, request: language.LanguageHandshakeRequest, context: grpc.ServicerContext
    ) -> language.LanguageHandshakeResponse:
        self._engine = request.engine_address or self._engine
        return language.LanguageHandshakeResponse()

    def GetPluginInfo(
        self, request: empty_pb2.Empty, context: grpc.ServicerContext
    ) -> plugin_pb2.PluginInfo:
        return plugin_pb2.PluginInfo(version=version("pulumi"))

    def About(
        self, request: language.AboutRequest, context: grpc.ServicerContext
    ) -> language.AboutResponse:
        interpreter = _interpreter(request.info, context)
        said = interpreter.ask("-c", "import platform; print(platform.python_version())")
        return language.AboutResponse(executable=str(interpreter.python), version=said.strip())

    def RuntimeOptionsPrompts(
        self, request: language.RuntimeOptionsRequest, context: grpc.ServicerContext
    ) -> language.RuntimeOptionsResponse:
        return language.RuntimeOptionsResponse()

    def GetRequiredPackages(
        self, request: language.GetRequiredPackagesRequest, context: grpc.ServicerContext
    ) -> language.GetRequiredPackagesResponse:
        found = _interpreter(request.info, context).plugins()
        packages = [
            plugin_pb2.PackageDependency(name=name, kind="resource", version=number)
            for name, number in found
        ]
        return language.GetRequiredPackagesResponse(packages=packages)

    def GetRequiredPlugins(
        self, request: language.GetRequiredPluginsRequest, context: grpc.ServicerContext
    ) -> language.GetRequiredPluginsResponse:
        found = _interpreter(request.info, context).plugins()
        plugins = [
            plugin_pb2.PluginDependency(name=name, kind="resource", version=number)
            for name, number in found
        ]
        return language.GetRequiredPluginsResponse(plugins=plugins)

    def GetProgramDependencies(
        self, request: language.GetProgramDependenciesRequest, context: grpc.ServicerContext
    ) -> language.GetProgramDependenciesResponse:
        listed = json.loads(_interpreter(request.info, context).ask("-c", LIST_PACKAGES))
        return language.GetProgramDependenciesResponse(
            dependencies=[
                language.DependencyInfo(name=name, version=number)
                for name, number, required in listed
                if request.transitiveDependencies or not required
            ]
        )

    def InstallDependencies(
        self, request: language.InstallDependenciesRequest, context: grpc.ServicerContext
    ) -> Iterator[language.InstallDependenciesResponse]:
        try:
            interpreter = _wanted(request.info)
        except RefusedError as refused:
            _refuse(context, refused)
        commands = []
        if interpreter.virtualenv is not None and not interpreter.python.exists():
            commands.append([sys.executable, "-m", "venv", str(interpreter.virtualenv)])
        if Path(request.directory, "requirements.txt").exists():
            pip = [str(interpreter.python), "-m", "pip", "install", "-r", "requirements.txt"]
            commands.append(pip)
        for command in commands:
            child = self._children.start(
                command,
                request.directory,
                interpreter.environment({}),
                context.add_callback,
                subprocess.PIPE,
            )
            for stream, data in output(child):
                yield language.InstallDependenciesResponse(**{stream: data})
            if child.wait():
                message = f"`{' '.join(command)}` ended with exit status {child.returncode}"
                _refuse(context, RefusedError(message))

    def Run(
        self, request: language.RunRequest, context: grpc.ServicerContext
    ) -> language.RunResponse:
        info = request.info
        try:
            interpreter = _wanted(info).checked()
        except RefusedError as refused:
            return language.RunResponse(error=str(refused))
        settings = {
            "PULUMI_CONFIG": json.dumps(dict(request.config)),
            "PULUMI_CONFIG_SECRET_KEYS": json.dumps(list(request.configSecretKeys)),
        }
        command = [
            *(str(interpreter.python), "-u", str(self._runner)),
            *("--monitor", request.monitor_address, "--engine", self._engine),
            *("--project", request.project, "--stack", request.stack),
            *("--organization", request.organization or "organization"),
            *("--root_directory", info.root_directory, "--pwd", request.pwd),
            *("--dry_run", "true" if request.dryRun else "false"),
            *("--parallel", str(request.parallel)),
            os.path.join(info.program_directory, info.entry_point or "."),  # noqa: PTH118  # keeps "."
            *request.args,
        ]
        child = self._children.start(
            command, request.pwd, interpreter.environment(settings), context.add_callback
        )
        if (status := child.wait()) == _SHOWN_TO_USER:
            return language.RunResponse(bail=True)
        words = f"Program exited with non-zero exit code: {status}" if status else ""
        return language.RunResponse(error=words)

    def RunPlugin(
        self, request: language.RunPluginRequest, context: grpc.ServicerContext
    ) -> Iterator[language.RunPluginResponse]:
        """Run a policy pack ("analyzer"), or a provider that is a Python program."""
        interpreter, folder = _interpreter(request.info, context), request.info.program_directory
        command = [str(interpreter.python), "-u", folder, *request.args]
        if request.kind == "analyzer":
            module = ["-m", "pulumi.policy"]
            command = [str(interpreter.python), "-u", *module, *request.args, folder]
        given = dict(line.split("=", 1) for line in request.env if "=" in line)
        child = self._children.start(
            command,
            request.pwd or folder,
            interpreter.environment(given),
            context.add_callback,
            subprocess.PIPE,
        )
        for stream, data in output(child):
            yield language.RunPluginResponse(**{stream: data})  # type: ignore[arg-type]
        yield language.RunPluginResponse(exitcode=child.wait())

    def Cancel(self, request: empty_pb2.Empty, context: grpc.ServicerContext) -> empty_pb2.Empty:
        self._children.kill()
        return empty_pb2.Empty()


def _wanted(info: language.ProgramInfo) -> Interpreter:
    return Interpreter.of(info.root_directory, json_format.MessageToDict(info.options))


def _interpreter(info: language.ProgramInfo, context: grpc.ServicerContext) -> Interpreter:
    try:
        return _wanted(info).checked()
    except RefusedError as refused:
        _refuse(context, refused)


def _refuse(context: grpc.ServicerContext, refused: RefusedError) -> NoReturn:
    context.abort(grpc.StatusCode.FAILED_PRECONDITION, str(refused))


def _leave_with_engine(engine_process: int) -> None:
    """Wait until the engine is gone: one that was killed stops nobody."""
    while os.getppid() == engine_process:
        threading.Event().wait(1)


def main() -> None:
    logging.getLogger("grpc").disabled = True  # it prints a traceback for every refused call
    parser = argparse.ArgumentParser(prog="pulumi-language-python")
    parser.add_argument("--exec", type=Path, required=True, help="pulumi-language-python-exec")
    for flag in ("--tracing", "-v"):
        parser.add_argument(flag)
    for flag in ("--logtostderr", "--logflow"):
        parser.add_argument(flag, action="store_true")
    parser.add_argument("engine", nargs="?", default="")
    asked, engine_process, children = parser.parse_args(), os.getppid(), Children()

    def leave(*_: object) -> NoReturn:
        children.kill()
        os._exit(0)  # at once: the engine waits for us, twice per command

    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, leave)
    limits = [
        (f"grpc.max_{way}_message_length", _LARGEST_MESSAGE_BYTES) for way in ("receive", "send")
    ]
    server = grpc.server(futures.ThreadPoolExecutor(16), options=limits)
    service = LanguageHost(asked.engine, asked.exec, children)
    language_pb2_grpc.add_LanguageRuntimeServicer_to_server(service, server)
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    sys.stdout.write(f"{port}\n")
    sys.stdout.flush()
    _leave_with_engine(engine_process)
    leave()


if __name__ == "__main__":
    main()
