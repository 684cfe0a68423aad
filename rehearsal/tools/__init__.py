"""The programs of the local engine: which ones, in which version, and how this machine gets them.

`ensure(["pulumi", "etcd"], print)` returns a `Toolbox`; `manifest.yaml` lists what there is.
"""

from .manifest import Tool, tools
from .problems import ToolError
from .provision import ensure
from .toolbox import Toolbox

__all__ = ["Tool", "ToolError", "Toolbox", "ensure", "tools"]
