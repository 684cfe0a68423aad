"""One time budget, shared by gateway and engines: every timeout on the path follows from it."""

from __future__ import annotations

# The longest answer we promise to finish; the read timeout that facts about gateways name as floor.
LONGEST_STREAM_SECONDS = 600
# Endpoint removal reaches every proxy before the process stops taking requests.
PRE_STOP_SECONDS = 5
# After an overrun drain an engine can hang on open streams; SIGKILL is the backstop.
MARGIN_SECONDS = 30
GRACE_SECONDS = PRE_STOP_SECONDS + LONGEST_STREAM_SECONDS + MARGIN_SECONDS
