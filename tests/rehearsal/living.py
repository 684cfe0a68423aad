"""What /proc says: an answer that asks none of our own locks and states."""

import os
from pathlib import Path


def processes_of(folder):
    """List the processes whose command line names a folder; this one, and zombies, aside."""
    found = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit() and int(entry.name) != os.getpid():
            try:
                words = (entry / "cmdline").read_bytes()
            except OSError:
                continue
            if str(folder).encode() in words:
                found.append(int(entry.name))
    return found
