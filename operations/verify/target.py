"""What is verified: a cluster, a gateway, a key; from `access.json` or from the user's flags."""

from __future__ import annotations

import os
import ssl
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from components.problems import PlanError, Problem

from ..access import ACCESS, NO_MONITORING, read_access

ROOT = Path(__file__).parents[2]
_MEND = "`make up` writes it; or name the cluster and the gateway with --context, --url and so on."


@dataclass(frozen=True, kw_only=True)
class Target:
    """Where to look. What is None has its reason, a clause that follows `because`."""

    kubeconfig: Path | None  # None: kubectl's own
    context: str | None  # None: the kubeconfig's current one
    url: str | None
    ca_file: Path | None  # None: the authorities that this machine trusts
    key: str | None = field(repr=False)
    tenant: str | None  # whose key it is, where that is known
    prometheus_url: str | None
    reasons: Mapping[str, str]

    def why_not(self, name: str) -> str:
        return self.reasons.get(name, f"{name} is not known")


@dataclass(frozen=True, kw_only=True)
class Asked:
    """What the user named; nothing at all means `access.json`."""

    access: Path | None = None
    kubeconfig: Path | None = None
    context: str | None = None
    url: str | None = None
    ca_file: Path | None = None
    key_env: str | None = None
    key_file: Path | None = None

    @property
    def is_rehearsal(self) -> bool:
        own = (self.kubeconfig, self.context, self.url, self.ca_file, self.key_env, self.key_file)
        return self.access is not None or not any(own)


def find_target(asked: Asked, stack: str, context: str) -> Target:
    """Find it; raises PlanError where it cannot be found. `context` is the one of the plan."""
    target = _rehearsal(asked, stack) if asked.is_rehearsal else _named(asked, context)
    if target.ca_file is not None:
        _check_ca(target.ca_file)
    return target


def _rehearsal(asked: Asked, stack: str) -> Target:
    path = asked.access or ACCESS
    access = read_access(path, without=_MEND)
    if (found := access["stack"]) != stack:
        what = f"it leads to the stack {found!r}, not to {stack!r}"
        raise _refusal(str(path), what, f"Verify {found}, or bring {stack} up.")
    tenant, key = next(iter(access["api_keys"].items()), (None, None))
    ca_file, reasons = access["ca_file"], access["reasons"]
    return Target(
        kubeconfig=Path(access["kubeconfig"]),
        context=None,
        url=access["gateway_url"],
        ca_file=None if ca_file is None else Path(ca_file),
        key=key,
        tenant=tenant,
        prometheus_url=access["prometheus_url"],
        reasons={"url": reasons.get("gateway_url", ""), **reasons},
    )


def _named(asked: Asked, context: str) -> Target:
    key = _read_key(asked)
    reasons = {
        "url": "no gateway is named (--url)",
        "key": "no key is named (--key-env or --key-file)",
        "prometheus_url": NO_MONITORING,
    }
    return Target(
        kubeconfig=asked.kubeconfig,
        context=asked.context or context,
        url=asked.url,
        ca_file=asked.ca_file,
        key=key,
        tenant=None,
        prometheus_url=None,
        reasons=reasons,
    )


def _read_key(asked: Asked) -> str | None:
    if asked.key_file is not None:
        try:
            return asked.key_file.read_text("utf-8").strip()
        except OSError as error:
            what = f"{asked.key_file} cannot be read: {error.strerror}"
            raise _refusal("--key-file", what, "Name a file that holds the key alone.") from None
    if asked.key_env is None:
        return None
    if key := os.environ.get(asked.key_env):
        return key
    what = "there is no such environment variable, or it is empty"
    raise _refusal("--key-env", what, "Give the name of a variable that holds the key.")


def _check_ca(path: Path) -> None:
    """Refuse a file that no client could use, before anything is asked with it."""
    try:
        ssl.create_default_context(cafile=path)
    except ssl.SSLError:
        what = "it holds no certificate in PEM form"
    except OSError as error:
        what = f"it cannot be read: {error.strerror}"
    else:
        return
    raise _refusal(str(path), what, "Name the authority's certificate (`blueprint tls issue`).")


def _refusal(where: str, what: str, fix: str) -> PlanError:
    return PlanError([Problem(where, what, fix)])
