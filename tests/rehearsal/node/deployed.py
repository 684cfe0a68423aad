"""The stack that `make up` deployed, as its user's tools see it."""

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[3]
PROGRAMS = Path(sys.executable).parent
QUESTION = {
    "model": "deepseek-r1",
    "messages": [{"role": "user", "content": "Hello"}],
    "max_tokens": 8,
}


def kubectl(up, *arguments, stdin=None):
    command = [PROGRAMS / "kubectl", "--kubeconfig", up["kubeconfig"], *arguments]
    return subprocess.run(command, input=stdin, capture_output=True, text=True, check=True).stdout
