"""The mock engine, goldens, time classes, and skips that explain themselves."""

from __future__ import annotations

import asyncio
import os
import signal
from collections import defaultdict
from dataclasses import dataclass
from fnmatch import fnmatchcase

import pulumi
import pytest
from hypothesis import settings
from pulumi.runtime import rpc
from pulumi.runtime.mocks import MockMonitor

# No deadline: the speed of a shared machine is no property of the code.
settings.register_profile("ours", deadline=None, derandomize=os.environ.get("CI") == "true")
settings.load_profile("ours")

# They need a running stack: `blueprint verify` starts them.
collect_ignore = ["live"]

AUTO_NAME = "1a2b3c4d"  # the provider appends a random suffix to what has no name of its own
CLUSTER_ADDRESS = "10.96.0.10"
LOAD_BALANCER_ADDRESS = "192.0.2.10"  # RFC 5737: documentation, reachable by nobody

# One for all, set before anybody asks: Python complains of each that it makes and nobody closes.
SPARE_LOOP = asyncio.new_event_loop()
asyncio.set_event_loop(SPARE_LOOP)

BUDGET_SECONDS = {"fast": 1.0, "medium": 10.0, "slow": float("inf")}
SLOWEST = 10


@dataclass(frozen=True, kw_only=True)
class Registered:
    """One registration in plain values; which top-level inputs were secret stands beside them."""

    typ: str
    name: str
    inputs: dict
    secrets: frozenset[str]


class Monitor(MockMonitor):
    """Keeps what MockResourceArgs does not show: parent, order, timeouts (pulumi#14421)."""

    def __init__(self, mocks):
        super().__init__(mocks)
        self.requests = {}

    def RegisterResource(self, request):  # noqa: N802  # the name of the call
        answer = super().RegisterResource(request)
        self.requests[answer.urn] = request
        return answer


class Recorder(pulumi.runtime.Mocks):
    """Answers as Kubernetes would: what was sent, under a name, once. Looks nothing up."""

    def __init__(self):
        self.monitor = Monitor(self)
        self._registered = []
        self._taken = set()

    @property
    def resources(self):
        """What was registered, sorted: the order of arrival is the event loop's."""
        return sorted(self._registered, key=lambda resource: (resource.typ, resource.name))

    def new_resource(self, args):
        secrets = {key for key, value in args.inputs.items() if rpc.is_rpc_secret(value)}
        inputs = {key: plain(rpc.unwrap_rpc_secret(v)) for key, v in args.inputs.items()}
        self._registered.append(
            Registered(typ=args.typ, name=args.name, inputs=inputs, secrets=frozenset(secrets))
        )
        if not args.typ.startswith("kubernetes:"):
            return f"{args.name}-id", args.inputs
        metadata = {"name": f"{args.name}-{AUTO_NAME}", **inputs.get("metadata", {})}
        place = (args.typ, metadata.get("namespace"), metadata["name"])
        if place in self._taken:
            raise AssertionError(f"{place} already exists")
        self._taken.add(place)
        answer = {**args.inputs, "metadata": metadata}
        if args.typ == "kubernetes:core/v1:Service":
            answer |= _as_service(inputs["spec"])
        return metadata["name"], answer

    def call(self, args):
        raise AssertionError(f"{args.token}: a plan is complete, so a component looks nothing up")

    def build(self, make):
        """Run `make` under the mock engine until every registration has landed.

        Returns what `make` returned; of an Output, its value.
        """
        made = []
        pulumi.runtime.set_mocks(
            self, project="deepseek-blueprint", stack="test", monitor=self.monitor
        )

        @pulumi.runtime.test
        def run():
            result = make()
            if isinstance(result, pulumi.Output):
                return result.apply(made.append)
            made.append(result)
            return None

        run()
        return made[0]

    def one(self, type_token):
        [only] = [resource for resource in self.resources if resource.typ == type_token]
        return only

    def urns(self):
        return sorted(urn.split("::", 2)[2] for urn in self.monitor.get_registered_resources())

    def request(self, name):
        """Read the registration itself: `.parent`, `.provider`, `.customTimeouts`, `.protect`."""
        [only] = [request for request in self.monitor.requests.values() if request.name == name]
        return only

    def depends_on(self, name):
        return sorted(urn.rpartition("::")[2] for urn in self.request(name).dependencies)


def _as_service(spec):
    """Fill in what the API server and a load balancer would."""
    spec = {"clusterIP": CLUSTER_ADDRESS, **spec}
    status = {}
    if spec.get("type") == "LoadBalancer":
        status = {"loadBalancer": {"ingress": [{"ip": LOAD_BALANCER_ADDRESS}]}}
    return {"spec": spec, "status": status}


def plain(value):
    """Mocks return every number as a float; Kubernetes sees 8000, not 8000.0."""
    if isinstance(value, dict):
        return {key: plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [plain(item) for item in value]
    if isinstance(value, float) and value.is_integer():
        return int(value)
    return value


@pytest.fixture
def cloud():
    return Recorder()


@pytest.fixture(autouse=True)
def _a_current_event_loop():
    """Pulumi's SDK asks for one, and whatever calls `asyncio.run` in this process leaves none."""
    try:
        asyncio.get_event_loop_policy().get_event_loop()
    except RuntimeError:
        asyncio.set_event_loop(SPARE_LOOP)


@pytest.fixture
def golden(request):
    """Compare a text with a committed file, or write the file under --write-golden."""

    def check(path, text):
        if request.config.getoption("--write-golden"):
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(text.encode())
        committed = path.read_bytes().decode() if path.exists() else ""
        assert text == committed, f"{path.name}: run `make golden` and read the diff"

    return check


class Ledger:
    """Durations and skips of a session; under xdist the controller hears of all of them."""

    def __init__(self, allowed_skips):
        self.allowed_skips = allowed_skips
        self.seconds = defaultdict(lambda: defaultdict(float))  # test → phase → seconds
        self.declared = {}  # test → class
        self.skips = {}  # test or file → reason

    def pytest_runtest_logreport(self, report):
        self.seconds[report.nodeid][report.when] += report.duration
        self.declared[report.nodeid] = dict(report.user_properties).get("class", "fast")
        if not hasattr(report, "wasxfail"):
            self._hear(report)

    def pytest_collectreport(self, report):
        self._hear(report)

    def _hear(self, report):
        if report.skipped:
            self.skips[report.nodeid] = str(report.longrepr[2]).removeprefix("Skipped: ")

    def unexpected(self):
        """A skip says why; under CI it is also one that somebody has agreed to."""
        for place, reason in sorted(self.skips.items()):
            if not reason.startswith("because"):
                yield f"{place}: the reason of a skip starts with `because`, this one is {reason!r}"
            elif os.environ.get("CI") == "true" and not self._allowed(place):
                yield f"{place}: skipped {reason}; no line of allowed_skips (pytest) agrees"

    def _allowed(self, place):
        return any(fnmatchcase(place, pattern) for pattern in self.allowed_skips)

    def over_class(self):
        """Tests whose own work, fixtures aside, took longer than their class says."""
        for test, phases in self.seconds.items():
            if phases["call"] > BUDGET_SECONDS[self.declared[test]]:
                yield f"{phases['call']:7.2f} s  declared {self.declared[test]:7}{test}"

    def slowest(self):
        totals = {test: sum(phases.values()) for test, phases in self.seconds.items()}
        for test in sorted(totals, key=totals.get, reverse=True)[:SLOWEST]:
            yield f"{totals[test]:7.2f} s  {self.declared[test]:7}{test}"

    def pytest_sessionfinish(self, session):
        passed = session.exitstatus in (pytest.ExitCode.OK, pytest.ExitCode.NO_TESTS_COLLECTED)
        if passed and any(self.unexpected()):
            session.exitstatus = pytest.ExitCode.TESTS_FAILED

    def pytest_terminal_summary(self, terminalreporter):
        sections = {
            "unexpected skips: they fail this session": self.unexpected(),
            "over their time class: mark them, or make them faster (no failure)": self.over_class(),
            f"{SLOWEST} slowest, fixtures included": self.slowest(),
        }
        for title, found in sections.items():
            if lines := list(found):
                terminalreporter.section(title)
                terminalreporter.line("\n".join(lines))


def pytest_addoption(parser):
    parser.addoption("--write-golden", action="store_true", help="rewrite goldens, then git diff")
    parser.addini(
        "allowed_skips", "patterns of test ids that may be skipped under CI=true", "linelist", []
    )


def pytest_configure(config):
    config.addinivalue_line("markers", "medium: takes 1 to 10 seconds")
    config.addinivalue_line("markers", "slow: takes more than 10 seconds")
    # A shell's background job ignores both, and every program under test would inherit that.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    signal.signal(signal.SIGQUIT, signal.SIG_DFL)
    if not hasattr(config, "workerinput"):  # a worker of xdist reports to the controller
        config.pluginmanager.register(Ledger(config.getini("allowed_skips")), "ledger")


def pytest_unconfigure():
    SPARE_LOOP.close()


def pytest_collection_modifyitems(items):
    """Write the class where reports carry it from a worker to the controller."""
    for item in items:
        marked = [name for name in ("slow", "medium") if item.get_closest_marker(name)]
        item.user_properties.append(("class", marked[0] if marked else "fast"))
