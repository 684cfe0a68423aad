"""Kubeconfig files: self-contained, and private, since they hold keys."""

from __future__ import annotations

import base64
import json
from pathlib import Path

from .pki import Authority, Credential, write_private


def write_kubeconfig(
    path: Path, server: str, authority: Authority, user: Credential, context: str
) -> Path:
    """Write a file with one cluster, one user and one context, mode 0600."""
    cluster = {
        "server": server,
        "certificate-authority-data": _encoded(authority.certificate_file.read_bytes()),
    }
    credential = {
        "client-certificate-data": _encoded(user.certificate),
        "client-key-data": _encoded(user.key),
    }
    content = {
        "apiVersion": "v1",
        "kind": "Config",
        "clusters": [{"name": context, "cluster": cluster}],
        "users": [{"name": context, "user": credential}],
        "contexts": [{"name": context, "context": {"cluster": context, "user": context}}],
        "current-context": context,
    }
    write_private(path, json.dumps(content, indent=1) + "\n")  # JSON is YAML too
    return path


def _encoded(content: bytes) -> str:
    return base64.b64encode(content).decode()
