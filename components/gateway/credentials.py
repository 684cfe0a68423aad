"""What the secrets of a stack's config become in the Secrets that nginx reads. Pure.

No message here quotes a key's hash or a certificate.
"""

from __future__ import annotations

import json
import re
from collections.abc import Collection
from typing import Any

HASH = re.compile(r"[0-9a-f]{64}")  # SHA-256; the key itself is nowhere but with its tenant
DATE = re.compile(r"\d{4}-(0[1-9]|1[0-2])-(0[1-9]|[12]\d|3[01])")
FIELDS = {"tenant", "expires"}
# What the API server accepts for all data of a Secret; about 12,000 keys.
SECRET_BYTES = 1024 * 1024
CERTIFICATE_FILES = ("tls.crt", "tls.key", "ca.crt")


def keys_map(text: str, tenants: Collection[str]) -> str:
    """Turn `{hash: {"tenant": …, "expires": "YYYY-MM-DD" or null}}` into lines of an nginx map.

    Raises ValueError that counts keys from 1, in the order of the text.
    """
    entries = _load("gateway-keys", text)
    lines = [_line(number, key, entry, tenants) for number, (key, entry) in enumerate(entries, 1)]
    if len({key for key, _ in entries}) != len(entries):
        raise ValueError("gateway-keys: the same key stands there twice; issue one key once")
    table = "".join(lines)
    if len(table) > SECRET_BYTES:
        raise ValueError(
            f"gateway-keys: {len(lines)} keys are {len(table)} bytes, and a Secret holds "
            f"{SECRET_BYTES}; revoke keys that nobody uses"
        )
    return table


def certificate_files(text: str | None) -> dict[str, str]:
    """Read the certificate, its private key and its authority from their JSON form."""
    if text is None:
        raise ValueError("gateway-tls: it is not set; `blueprint tls issue` makes it")
    files = dict(_load("gateway-tls", text))
    if set(files) != set(CERTIFICATE_FILES) or not all(isinstance(v, str) for v in files.values()):
        raise ValueError(
            f"gateway-tls: it is not an object of {', '.join(CERTIFICATE_FILES)}; "
            "`blueprint tls issue` makes one"
        )
    return files


def _load(secret: str, text: str) -> tuple[tuple[str, Any], ...]:
    """Read objects as tuples of pairs: a dict would drop duplicates silently."""
    try:
        pairs = json.loads(text, object_pairs_hook=tuple)
    except ValueError:  # its message would quote the text
        raise ValueError(f"{secret}: it is not JSON") from None
    if not isinstance(pairs, tuple):
        raise ValueError(f"{secret}: it is not a JSON object")  # noqa: TRY004  # a wrong text
    return pairs


def _line(number: int, key: str, entry: object, tenants: Collection[str]) -> str:
    where = f"gateway-keys: key {number}"
    if not HASH.fullmatch(key):
        raise ValueError(f"{where} is not a SHA-256 in 64 lower-case hexadecimal digits")
    fields = dict(entry) if isinstance(entry, tuple) else {}
    if set(fields) != FIELDS:
        raise ValueError(f"{where} has other fields than tenant and expires")
    tenant, expires = fields["tenant"], fields["expires"]
    if tenant not in tenants:
        listed = ", ".join(sorted(tenants))
        raise ValueError(f"{where} belongs to {tenant!r}, which is no tenant. Known: {listed}")
    if expires is not None and not (isinstance(expires, str) and DATE.fullmatch(expires)):
        raise ValueError(f"{where} expires neither never (null) nor on a day (YYYY-MM-DD)")
    return f'"{key}" "{tenant}:{expires or ""}";\n'
