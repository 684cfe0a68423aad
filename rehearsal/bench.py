"""`make bench`: what things cost here, ratios and seconds from one run. Asserts nothing."""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any, Self

from rich.console import Console
from rich.table import Table

from components.blueprint.load import STACKS, parse_spec, read_stack, stack_file
from components.blueprint.plan import plan_blueprint
from components.blueprint.render import plan_document

from .usage import pss_kib
from .workspace import ROOT

ROUNDS = 5
BLUEPRINT = Path(sys.executable).with_name("blueprint")
FAKE_ENGINE = ROOT / "tests/operations/fake_engine.py"
Row = tuple[str, str, str]


def main() -> None:
    """Measure everything, print a table, keep it as .bench/last.json."""
    rows: list[Row] = []
    for row in [*_check(), *_fit(), *_plan(), *_streams(), *_load(), *_pods(), *_engine()]:
        rows.append(row)
        print("  ".join(row), flush=True)  # noqa: T201  # progress: the last rows take a while
    table = Table("measure", "figure", "how")
    for row in rows:
        table.add_row(*row)
    Console().print(table)
    folder = ROOT / ".bench"
    folder.mkdir(exist_ok=True)
    (folder / "last.json").write_text(json.dumps(rows, indent=1), "utf-8")


def _median(action: Callable[[], object], rounds: int = ROUNDS) -> float:
    return statistics.median(_seconds(action) for _ in range(rounds))


def _seconds(action: Callable[[], object]) -> float:
    start = time.perf_counter()
    action()
    return time.perf_counter() - start


def _check() -> Iterator[Row]:
    bare = _median(lambda: subprocess.run([sys.executable, "-c", "pass"], check=True))
    for path in sorted(STACKS.glob("Pulumi.*.yaml")):
        stack = path.name.split(".")[1]
        command = [str(BLUEPRINT), "check", stack, "--json"]
        spent = _median(partial(subprocess.run, command, check=True, capture_output=True))
        ratio = f"{spent:.2f} s, {spent / bare:.0f} × bare Python"
        yield (f"blueprint check {stack}", ratio, f"median of {ROUNDS} processes")


def _fit() -> Iterator[Row]:
    one = ("--model", "deepseek-r1", "--accelerator", "h200-141gb", "--gpus", "8")
    for name, arguments in (("one question", one), ("the matrix", ("--matrix",))):
        before = os.times().children_user
        command = [str(BLUEPRINT), "fit", *arguments]
        for _ in range(ROUNDS):
            subprocess.run(command, check=False, capture_output=True)
        spent = (os.times().children_user - before) / ROUNDS
        yield (f"blueprint fit, {name}", f"{spent:.2f} s of CPU", f"mean of {ROUNDS} processes")


def _plan() -> Iterator[Row]:
    data, _ = read_stack(stack_file("rehearsal"))
    base = _median(lambda: _planned(_grown(data, servers=1, tenants=1)))
    for servers, tenants in ((1, 1), (10, 1), (100, 1), (1, 100), (1, 1000)):
        grown = _grown(data, servers=servers, tenants=tenants)
        spent = _median(partial(_planned, grown))
        name = f"plan, {servers} servers, {tenants} tenants"
        yield (
            name,
            f"{spent * 1000:.0f} ms, {spent / base:.1f} × the first",
            f"median of {ROUNDS}",
        )


def _planned(data: object) -> str:
    return plan_document(plan_blueprint(parse_spec(data)))


def _grown(data: Any, *, servers: int, tenants: int) -> dict[str, Any]:  # noqa: ANN401  # any YAML
    [(_, server)] = data["servers"].items()
    [alias] = data["gateway"]["aliases"]
    names = [f"s{number}" for number in range(servers)]
    return {
        **data,
        "pools": {"h200": {**data["pools"]["h200"], "nodes": 2 * servers + 1}},
        "servers": dict.fromkeys(names, server),
        "gateway": {
            **data["gateway"],
            "aliases": {alias: {names[0]: 100}, **{f"m-{name}": {name: 100} for name in names}},
            "tenants": {
                f"t{number}": {"tier": "gold", "models": [alias]} for number in range(tenants)
            },
        },
    }


def _streams() -> Iterator[Row]:
    from .streams import STREAMS, measure

    measured = measure()
    pace = f"{measured.pace:.2f} of their pace, {measured.cpu_share:.0%} of a core"
    yield (f"simulator, {STREAMS} streams", pace, f"{measured.tokens} tokens, one run, one core")


def _load() -> Iterator[Row]:
    """Measure the load tool itself: 200 streams at once, tool and server on the same core."""
    rate, tokens, token_seconds = 50, 80, 0.05
    with _one_core():
        told, wall, ours, theirs = _loaded(rate, tokens, token_seconds)
    made, requests = told["tokens"]["output"], told["requests"]
    gap = told["inter_token_seconds"]["p99"] / token_seconds
    late = told["sent_late_seconds"]["p99"] * 1000
    name = f"load, {rate * tokens * token_seconds:g} streams on one core"
    how = f"{requests['served']} of {requests['offered']} streams served, its start included"
    yield (name, f"{ours / wall:.2f} of the core, {ours / theirs:.1f} × a bare server", how)
    yield (f"{name}, a token", f"{ours / made * 1e6:.0f} µs of CPU", how)
    yield (f"{name}, p99", f"sent {late:.0f} ms late, gaps {gap:.2f} × the server's", how)


def _loaded(rate: int, tokens: int, token_seconds: float) -> tuple[Any, float, float, float]:
    """Run it: the report, seconds, seconds of CPU of the tool, and of the server."""
    start, before = time.perf_counter(), _cpu_of_children()
    engine = [sys.executable, str(FAKE_ENGINE), str(token_seconds)]
    with (
        tempfile.NamedTemporaryFile("w") as key,
        subprocess.Popen(engine, stdout=subprocess.PIPE, text=True) as server,
    ):
        key.write("canary-key")  # the server's, which is none
        key.flush()
        port = server.stdout.readline().strip() if server.stdout else ""
        where = ["--url", f"http://127.0.0.1:{port}", "--key-file", key.name, "--json"]
        shape = [f"--requests-per-second={rate}", f"--lengths=128:{tokens}", "--arrivals=constant"]
        command = [str(BLUEPRINT), "load", *where, *shape, "--duration-seconds=12"]
        told = json.loads(subprocess.run(command, check=False, capture_output=True).stdout)
        wall, ours = time.perf_counter() - start, _cpu_of_children() - before
        server.terminate()
    return told, wall, ours, _cpu_of_children() - before - ours


@contextmanager
def _one_core() -> Iterator[None]:
    """Keep this process, and what it starts, on one core."""
    before = os.sched_getaffinity(0)
    os.sched_setaffinity(0, {min(before)})
    try:
        yield
    finally:
        os.sched_setaffinity(0, before)


def _cpu_of_children() -> float:
    spent = os.times()
    return spent.children_user + spent.children_system


def _pods() -> Iterator[Row]:
    from .pods_bench import WINDOW_SECONDS, measure

    for cost in measure():
        figure = f"{cost.cpu_share:.1%} of a core, {cost.memory_mib} MiB"
        how = f"over {WINDOW_SECONDS:.0f} s; all ready after {cost.ready_seconds:.1f} s"
        yield (f"node agent, {cost.pods} idle pods", figure, how)


def _engine() -> Iterator[Row]:
    from . import control_plane
    from .deploy import Rehearsal
    from .launch import read_state

    with tempfile.TemporaryDirectory() as folder, _PeakMemory() as memory:
        rehearsal = Rehearsal(folder=Path(folder), stack="rehearsal", report=lambda _: None)
        how = "one run, warm tools, this machine"
        try:
            rehearsal.workspace.prepare()
            begun = time.perf_counter()
            running = rehearsal.start()
            yield ("control plane ready", f"{time.perf_counter() - begun:.1f} s", how)
            memory.roots.add(read_state(running.state_dir)["pid"])
            rehearsal.simulate(running)
            cli = rehearsal.cli(running)
            spent = _seconds(partial(rehearsal.issue_secrets, cli))
            yield ("keys and certificate", f"{spent:.1f} s", how)
            for name, *arguments in (
                ("preview, nothing there", "preview"),
                ("up", "up", "--yes", "--skip-preview"),
                ("preview, no change", "preview", "--expect-no-changes"),
                ("destroy", "destroy", "--yes", "--skip-preview"),
            ):
                spent = _seconds(partial(cli.call, *arguments))
                yield (f"pulumi {name}", f"{spent:.1f} s", how)
        finally:
            control_plane.stop(rehearsal.control_plane)
        yield ("peak memory of the whole", f"{memory.peak_mib} MiB", "sum of PSS, sampled")


class _PeakMemory:
    """Sample the proportional memory of `roots`, at first this process, and of all below them."""

    def __init__(self) -> None:
        self.peak_mib = 0
        self.roots = {os.getpid()}  # a control plane is nobody's child
        self._done = threading.Event()
        self._thread = threading.Thread(target=self._watch, daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._done.set()
        self._thread.join()

    def _watch(self) -> None:
        while not self._done.wait(0.5):
            self.peak_mib = max(
                self.peak_mib, sum(pss_kib(pid) for pid in _tree(self.roots)) // 1024
            )


def _tree(roots: set[int]) -> set[int]:
    parents: dict[int, int] = {}
    for entry in Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = entry.read_text().rpartition(")")[2].split()
        except OSError:
            continue  # it ended
        parents[int(entry.parent.name)] = int(fields[1])
    ours = set(roots)
    while more := {pid for pid, parent in parents.items() if parent in ours} - ours:
        ours |= more
    return ours


if __name__ == "__main__":
    main()
