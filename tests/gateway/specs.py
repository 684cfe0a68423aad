"""A good gateway spec, and a large one whose names and limits the live tests need."""

GOOD = {
    "tls": {"mode": "private-ca", "dns_names": ["localhost"]},
    "aliases": {"deepseek-r1": {"r1": 100}},
    "tiers": {"gold": {"requests_per_minute": 600, "concurrent_requests": 8}},
    "tenants": {"acme": {"tier": "gold", "models": ["deepseek-r1"]}},
}
# Servers and the addresses of their pods; `default` is a word of nginx's own, and a fine name.
PODS = {
    "sim": ["127.0.0.11"],
    "one": ["127.0.0.12"],
    "two": ["127.0.0.13"],
    "pair": ["127.0.0.14", "127.0.0.15"],
    "half": ["127.0.0.15", "127.0.0.16"],  # nobody listens on .16
    "refusing": ["127.0.0.16"],
    "nameless": [],
}
ALIASES = {
    "simulated": {"sim": 100},
    "recorded": {"one": 100},
    "canary": {"one": 90, "two": 10},
    "default": {"two": 100},
    **{server: {server: 100} for server in ("pair", "half", "refusing", "nameless")},
}
TIERS = {
    "wide": {"requests_per_minute": 1_000_000, "concurrent_requests": 1000},
    "default": {"requests_per_minute": 6, "concurrent_requests": 100},
    "narrow": {"requests_per_minute": 1_000_000, "concurrent_requests": 4},
}
TENANTS = {
    "acme": {"tier": "wide", "models": [a for a in ALIASES if a != "default"]},
    "guest": {"tier": "wide", "models": ["simulated"]},
    "minute": {"tier": "default", "models": ["recorded"]},
    "default": {"tier": "default", "models": ["default"]},
    "few": {"tier": "narrow", "models": ["recorded"]},
}
