"""Find secrets that somebody wrote into a spec: a spec names secrets, it never carries them."""

from __future__ import annotations

import re
from collections.abc import Iterator

from ..problems import Problem

# Forms that their issuers document; a finding never repeats the value.
FORMS = {
    "an API key": re.compile(r"\bsk-[A-Za-z0-9_-]{16,}"),
    "a Hugging Face token": re.compile(r"\bhf_[A-Za-z0-9]{20,}"),
    "an AWS access key": re.compile(r"\b(AKIA|ASIA)[0-9A-Z]{16}\b"),
    "a GitHub token": re.compile(r"\b(gh[pousr]_[A-Za-z0-9]{30,}|github_pat_[A-Za-z0-9_]{30,})"),
    "a private key": re.compile(r"-----BEGIN [A-Z ]*PRIVATE KEY-----"),
    "a JSON Web Token": re.compile(r"\beyJ[A-Za-z0-9_-]{10,}\.[A-Za-z0-9_-]{10,}\."),
    "a password in a URL": re.compile(r"://[^/\s:@]+:[^/\s:@]+@"),
    "a password": re.compile(r"(?i)(api[_-]?key|password|passwd|secret|token)\s*[=:]\s*\S{6,}"),
}
FIX = (
    "Take it out, treat it as leaked and replace it; then "
    "`pulumi config set --secret KEY` (it asks for the value)."
)


def check_secrets(value: object, where: str = "") -> Iterator[tuple[Problem, str]]:
    """Walk a parsed spec; yield each value or key that looks like a secret, with its text."""
    if isinstance(value, dict):
        if set(value) == {"secure"}:
            yield Problem(where, "an encrypted secret stands inside the spec", FIX), str(value)
            return
        for key, item in value.items():
            if kind := _kind(key):
                what = f"a key here looks like {kind} in clear text"
                yield Problem(where or "spec", what, FIX), str(key)
            else:
                yield from check_secrets(item, f"{where}.{key}" if where else str(key))
    elif isinstance(value, list):
        for position, item in enumerate(value):
            yield from check_secrets(item, f"{where}.{position}")
    elif kind := _kind(value):
        yield Problem(where or "spec", f"this looks like {kind} in clear text", FIX), str(value)


def _kind(value: object) -> str | None:
    if not isinstance(value, str):
        return None
    return next((kind for kind, form in FORMS.items() if form.search(value)), None)
