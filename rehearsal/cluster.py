"""The five programs of a control plane, as command lines. Nothing is started here."""

from __future__ import annotations

import ipaddress
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from .kubeconfig import write_kubeconfig
from .node import network, programs
from .pki import Authority
from .supervisor import Probe, Process
from .tools import Toolbox

TOOLS = (
    *("etcd", "kube-apiserver", "kube-controller-manager", "kube-scheduler"),
    *("kwok", "kwok-stages"),
)
PORTS = ("api", "etcd", "etcd-peer", "scheduler", "kwok")
LOOPBACK = "127.0.0.1"
# The API server wants an address to announce, and takes no loopback one. Nobody calls this one
# (it is reserved for documentation); without it, a machine that has no network has no API server.
_UNREACHABLE = "192.0.2.1"
_EVERYWHERE = "0.0.0.0"  # noqa: S104  # in an enclosure: there are pods, and nobody else
_NODE_LEASE_SECONDS = 40
_MASTERS = "system:masters"


@dataclass(frozen=True, kw_only=True)
class Cluster:
    """Where one control plane lives: its folder, addresses and ports."""

    folder: Path
    toolbox: Toolbox
    address: str
    ports: Mapping[str, int]
    service_network: str
    context: str
    arguments: Mapping[str, Sequence[str]] = field(default_factory=dict)  # more, by program
    runs_pods: bool = False  # as processes, in an enclosure: then nobody else has its loopback

    @property
    def server(self) -> str:
        return f"https://{self.address}:{self.ports['api']}"

    @property
    def kubeconfig(self) -> Path:
        return self.folder / "kubeconfig"

    def stages(self) -> Sequence[Sequence[Process]]:
        """Write certificates and kubeconfigs, and say what to start, in which order."""
        authority = Authority(self.folder / "pki")
        certificate, key = authority.issue_files("server", hosts=self._hosts())
        client, _ = authority.issue_files("supervisor", _MASTERS)
        files = _Files(authority, certificate, key, client)
        self._identify(files, self.kubeconfig, "admin", _MASTERS)
        storage = self._process("etcd", self._etcd(files))
        api = self._process(
            "kube-apiserver", self._api_server(files), self._probe(files, "api", "/readyz")
        )
        # The last thing that the controllers do before a pod can be created in `default`.
        account = self._probe(files, "api", "/api/v1/namespaces/default/serviceaccounts/default")
        controllers = self._process("kube-controller-manager", self._controllers(files), account)
        scheduler = self._process(
            "kube-scheduler", self._scheduler(files), self._probe(files, "scheduler", "/readyz")
        )
        healthy = Probe(host=LOOPBACK, port=self.ports["kwok"], path="/healthz")
        kwok = self._process("kwok", self._kwok(files), healthy)
        # A stage each for those that end one after the other; etcd has no probe, so the API
        # server starts along with it.
        stages = [[storage], [api], [controllers, scheduler, kwok]]
        if self.runs_pods:
            site = self._site(files)
            stages[-1].append(site.agent())
            stages.append([*site.after_agent()])
        return stages

    def _site(self, files: _Files) -> programs.Site:
        certificate, _ = files.authority.issue_files("node-agent", _MASTERS, [LOOPBACK])
        proxy = self.folder / "pki" / "kube-proxy.kubeconfig"
        self._identify(files, proxy, "system:kube-proxy")
        return programs.Site(
            folder=self.folder,
            toolbox=self.toolbox,
            server=self.server,
            ca=files.authority.certificate_file,
            certificate=certificate,
            proxy_kubeconfig=proxy,
            service_network=self.service_network,
            arguments=self.arguments.get("node-agent", ()),
        )

    def _hosts(self) -> list[str]:
        first = str(ipaddress.ip_network(self.service_network)[1])  # the Service `kubernetes`
        names = ("localhost", "kubernetes", "kubernetes.default", "kubernetes.default.svc")
        return [*dict.fromkeys((self.address, LOOPBACK, first)), *names]

    def _process(self, name: str, arguments: Sequence[str], probe: Probe | None = None) -> Process:
        command = [str(self.toolbox.path(name)), *arguments, *self.arguments.get(name, ())]
        return Process(name=name, command=command, probe=probe)

    def _probe(self, files: _Files, port: str, path: str) -> Probe:
        return Probe(
            host=self.address if port == "api" else LOOPBACK,
            port=self.ports[port],
            path=path,
            ca=str(files.authority.certificate_file),
            certificate=str(files.client) if path.startswith("/api/") else None,
        )

    def _identify(self, files: _Files, path: Path, name: str, group: str | None = None) -> str:
        user = files.authority.issue(name, group)
        write_kubeconfig(path, self.server, files.authority, user, self.context)
        return f"--kubeconfig={path}"

    def _etcd(self, files: _Files) -> list[str]:
        client = f"https://{LOOPBACK}:{self.ports['etcd']}"
        peer = f"https://{LOOPBACK}:{self.ports['etcd-peer']}"
        ca = files.authority.certificate_file
        return [
            f"--data-dir={self.folder / 'etcd'}",
            f"--listen-client-urls={client}",
            f"--advertise-client-urls={client}",
            f"--listen-peer-urls={peer}",
            f"--initial-advertise-peer-urls={peer}",
            f"--initial-cluster=default={peer}",
            # Whoever reaches etcd owns the cluster; other users of this machine reach loopback.
            *("--client-cert-auth", f"--trusted-ca-file={ca}"),
            *(f"--cert-file={files.certificate}", f"--key-file={files.key}"),
            *("--peer-client-cert-auth", f"--peer-trusted-ca-file={ca}"),
            *(f"--peer-cert-file={files.certificate}", f"--peer-key-file={files.key}"),
            "--unsafe-no-fsync",  # a rehearsal may lose its last second with the machine
            *("--logger=zap", "--log-level=warn"),
        ]

    def _api_server(self, files: _Files) -> list[str]:
        ca = files.authority.certificate_file
        tokens = files.authority.signing_key("service-accounts")
        reachable = self.runs_pods or not ipaddress.ip_address(self.address).is_loopback
        announced = network.GATE if self.runs_pods else self.address
        return [
            f"--bind-address={_EVERYWHERE if self.runs_pods else self.address}",
            f"--secure-port={self.ports['api']}",
            f"--advertise-address={announced if reachable else _UNREACHABLE}",
            # For `kubectl logs`, which the API server fetches from the node.
            *(
                f"--kubelet-client-certificate={files.client}",
                f"--kubelet-client-key={files.client}",
            ),
            "--kubelet-preferred-address-types=InternalIP",
            # Pods reach the Service `kubernetes` only where they reach the address itself.
            f"--endpoint-reconciler-type={'lease' if reachable else 'none'}",
            *(f"--tls-cert-file={files.certificate}", f"--tls-private-key-file={files.key}"),
            f"--client-ca-file={ca}",
            f"--etcd-servers=https://{LOOPBACK}:{self.ports['etcd']}",
            *(f"--etcd-cafile={ca}", f"--etcd-certfile={files.certificate}"),
            f"--etcd-keyfile={files.key}",
            f"--service-cluster-ip-range={self.service_network}",
            "--authorization-mode=Node,RBAC",
            "--allow-privileged=true",
            "--service-account-issuer=https://kubernetes.default.svc.cluster.local",
            *(
                f"--service-account-key-file={tokens}",
                f"--service-account-signing-key-file={tokens}",
            ),
        ]

    def _controllers(self, files: _Files) -> list[str]:
        own = self.folder / "pki" / "kube-controller-manager.kubeconfig"
        return [
            self._identify(files, own, "system:kube-controller-manager"),
            f"--root-ca-file={files.authority.certificate_file}",
            f"--service-account-private-key-file={files.authority.signing_key('service-accounts')}",
            "--use-service-account-credentials",
            # It creates an account per controller before it starts one; the default pace of 20
            # calls a second makes that 6 s.
            *("--kube-api-qps=500", "--kube-api-burst=1000"),
            "--leader-elect=false",  # there is one, and it should work at once
            "--secure-port=0",
        ]

    def _scheduler(self, files: _Files) -> list[str]:
        own = self.folder / "pki" / "kube-scheduler.kubeconfig"
        return [
            self._identify(files, own, "system:kube-scheduler"),
            "--leader-elect=false",
            *(f"--bind-address={LOOPBACK}", f"--secure-port={self.ports['scheduler']}"),
            *(f"--tls-cert-file={files.certificate}", f"--tls-private-key-file={files.key}"),
        ]

    def _kwok(self, files: _Files) -> list[str]:
        own = self.folder / "pki" / "kwok.kubeconfig"
        stages = sorted(self.toolbox.path("kwok-stages").glob("*.yaml"))
        return [
            self._identify(files, own, "kwok", _MASTERS),  # it plays every kubelet
            "--manage-all-nodes=false",
            "--manage-nodes-with-annotation-selector=kwok.x-k8s.io/node=fake",
            f"--node-lease-duration-seconds={_NODE_LEASE_SECONDS}",
            f"--server-address={LOOPBACK}:{self.ports['kwok']}",
            *(f"--config={stage}" for stage in stages),
        ]


@dataclass(frozen=True)
class _Files:
    authority: Authority
    certificate: Path  # of every server
    key: Path
    client: Path  # certificate and key of the supervisor
