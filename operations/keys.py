"""API keys: made here, shown once, kept nowhere but with their tenant."""

from __future__ import annotations

import secrets
from hashlib import sha256

KEY_BYTES = 32  # 256 random bits: nobody guesses them, so an unsalted hash keeps them


def new_key(stack: str) -> tuple[str, str]:
    """Make a key whose prefix says where it belongs; return it with its SHA-256 in hex."""
    key = f"sk-{stack}-{secrets.token_urlsafe(KEY_BYTES)}"
    return key, sha256(key.encode()).hexdigest()
