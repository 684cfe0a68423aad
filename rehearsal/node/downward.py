"""What a pod may know about itself, and `$(NAME)` in its texts. Pure."""

from __future__ import annotations

import re
from collections.abc import Mapping

from .api import Json

_REFERENCE = re.compile(r"\$\$|\$\(([A-Za-z_][\w.-]*)\)")
_KEYED = re.compile(r"^metadata\.(labels|annotations)\['(.+)'\]$")


def field(pod: Json, path: str) -> str:
    """Look up a fieldRef; empty where the pod has nothing there yet."""
    if keyed := _KEYED.match(path):
        return str(pod["metadata"].get(keyed[1], {}).get(keyed[2], ""))
    found: object = pod
    for part in path.split("."):
        found = found.get(part, "") if isinstance(found, dict) else ""
    if isinstance(found, dict):  # labels and annotations as a whole, in the kubelet's format
        return "\n".join(f'{key}="{value}"' for key, value in sorted(found.items()))
    if isinstance(found, list):
        return ",".join(str(each["ip"]) for each in found)  # status.podIPs
    return str(found)


def resource(container: Json, reference: Json) -> str:
    """Look up a resourceFieldRef, such as limits.memory, as it is written in the pod."""
    section, _, name = reference["resource"].partition(".")
    return str(container.get("resources", {}).get(section, {}).get(name, "0"))


def expand(text: str, known: Mapping[str, str]) -> str:
    """Replace $(NAME); an unknown name stays as it is, and $$ is a dollar sign."""
    return _REFERENCE.sub(lambda m: "$" if m[0] == "$$" else known.get(m[1], m[0]), text)
