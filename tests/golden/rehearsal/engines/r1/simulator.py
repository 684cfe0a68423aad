"""A model server that computes nothing: vLLM 0.32, TGI 3.3 or Ollama 0.33 to whoever asks.

Standard library only: its folder is shipped into pods as text and started as this file. It says
that it is a simulator in every answer, and it never prints a prompt.
"""

from __future__ import annotations

import sys
from importlib import import_module
from pathlib import Path

HERE = Path(__file__).absolute().parent

if __name__ == "__main__":
    sys.path[0] = str(HERE.parent)  # the folder itself would shadow modules of the library
    import_module(f"{HERE.name}.program").main()
