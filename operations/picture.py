"""One picture of a stack, drawn from its plan: who talks to whom, on which GPUs."""

from __future__ import annotations

from collections.abc import Iterator
from xml.sax.saxutils import escape

from components.blueprint.plan import BlueprintPlan
from components.nodes.plan import PoolPlan
from components.serving.plan import ServerPlan

WIDTH, GPU, GAP, LINE = 920, 18, 4, 18
STYLE = """
 text{font:13px system-ui,sans-serif;fill:#1b1f24} .small{font-size:11px;fill:#57606a}
 .title{font-weight:600} .box{fill:#fff;stroke:#d0d7de;rx:6} .zone{fill:#f6f8fa;stroke:#d0d7de;rx:8}
 .gpu{fill:#eaeef2;stroke:#afb8c1;rx:2} .used{fill:#2da44e;stroke:#1a7f37} .spare{fill:#fff8c5}
 .arrow{stroke:#57606a;stroke-width:1.5;fill:none;marker-end:url(#head)}
"""


def draw(plan: BlueprintPlan) -> str:
    """Draw an SVG: clients → gateway → servers → GPUs, with the numbers of the plan."""
    pools = [(pool, [s for s in plan.servers if s.pool == pool.name]) for pool in plan.pools]
    heights = [_pool_height(pool, servers) for pool, servers in pools]
    stacked = sum(heights) + 16 * (len(heights) - 1)
    total = max(230, 84 + stacked)
    body = [*_gateway(plan, total), *_clients(plan, total)]
    top = (total + 12 - stacked) // 2
    for (pool, servers), height in zip(pools, heights, strict=True):
        body += _pool(pool, servers, top, height)
        body.append(_arrow(438, total // 2, 500, top + height // 2))
        top += height + 16
    body += _legend(total)
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {total}" role="img" '
        f'aria-label="clients, gateway, model servers and GPUs"><style>{STYLE}</style>'
        '<defs><marker id="head" viewBox="0 0 8 8" refX="7" refY="4" markerWidth="7" '
        'markerHeight="7" orient="auto"><path d="M0,0L8,4L0,8z" fill="#57606a"/></marker></defs>'
        f'<rect width="{WIDTH}" height="{total}" fill="#fff"/>\n' + "\n".join(body) + "\n</svg>\n"
    )


def _clients(plan: BlueprintPlan, total: int) -> Iterator[str]:
    tenants = plan.gateway.tenants
    yield _text(16, 24, "clients", "title")
    yield _box(16, total // 2 - 44, 150, 88)
    yield _text(28, total // 2 - 22, f"{len(tenants)} tenants", "title")
    yield _text(28, total // 2 - 4, ", ".join(t.name for t in tenants[:3])[:24], "small")
    yield _text(28, total // 2 + 14, "TLS, API key", "small")
    yield _text(28, total // 2 + 32, f"{plan.network.client_cidrs[0]} …", "small")
    yield _arrow(166, total // 2, 206, total // 2)


def _gateway(plan: BlueprintPlan, total: int) -> Iterator[str]:
    gateway = plan.gateway
    yield _zone(206, total // 2 - 74, 232, 148)
    yield _text(218, 24, "deepseek-gateway", "title")
    yield _box(218, total // 2 - 62, 208, 124)
    rows = [
        f"{gateway.replicas} × nginx",
        *(f"{route.alias} → {_shares(route.backends)}" for route in gateway.routes[:2]),
        *(
            f"{tier.name}: {tier.requests_per_minute} req/min, {tier.concurrent_requests} open"
            for tier in gateway.tiers[:2]
        ),
        "key hashes, path allow-list",
    ]
    for position, row in enumerate(rows):
        kind = "small" if position else "title"
        yield _text(230, total // 2 - 42 + LINE * position, row, kind)


def _legend(total: int) -> Iterator[str]:
    for x, state, words in (
        (512, "used", "GPU in use"),
        (612, "spare", "spare"),
        (682, "", "free"),
    ):
        yield f'<rect class="gpu {state}" x="{x}" y="{total - 20}" width="12" height="12"/>'
        yield _text(x + 18, total - 10, words, "small")


def _shares(backends: tuple[tuple[str, int], ...]) -> str:
    return ", ".join(f"{server} {percent} %" for server, percent in backends)


def _pool_height(pool: PoolPlan, servers: list[ServerPlan]) -> int:
    return 40 + LINE * 2 * len(servers) + (GPU + GAP) * pool.nodes


def _pool(pool: PoolPlan, servers: list[ServerPlan], top: int, height: int) -> Iterator[str]:
    yield _text(500, 24, "deepseek-serving, on GPU pools", "title")
    yield _zone(500, top, 404, height)
    spare = pool.nodes - pool.usable_nodes
    head = f"pool {pool.name}: {pool.nodes} × {pool.gpus_per_node} {pool.accelerator}"
    yield _text(512, top + 20, f"{head}, {spare} spare" if spare else head, "title")
    line = top + 20 + LINE
    for server in servers:
        yield _text(512, line, f"{server.name}: {server.model} on {server.engine}")
        note = f"{server.replicas} replicas × {server.tensor_parallel} GPUs, updated one at a time"
        yield _text(512, line + LINE - 2, note, "small")
        line += 2 * LINE
    used = sum(server.replicas * server.tensor_parallel for server in servers)
    for node in range(pool.nodes):
        for gpu in range(pool.gpus_per_node):
            number = node * pool.gpus_per_node + gpu
            state = "used" if number < used else "spare" if node >= pool.usable_nodes else ""
            x, y = 512 + gpu * (GPU + GAP), line - 8 + node * (GPU + GAP)
            yield f'<rect class="gpu {state}" x="{x}" y="{y}" width="{GPU}" height="{GPU}"/>'


def _text(x: int, y: int, text: str, kind: str = "") -> str:
    return f'<text x="{x}" y="{y}" class="{kind}">{escape(text)}</text>'


def _box(x: int, y: int, width: int, height: int) -> str:
    return f'<rect class="box" x="{x}" y="{y}" width="{width}" height="{height}"/>'


def _zone(x: int, y: int, width: int, height: int) -> str:
    return f'<rect class="zone" x="{x}" y="{y}" width="{width}" height="{height}"/>'


def _arrow(x1: int, y1: int, x2: int, y2: int) -> str:
    return f'<path class="arrow" d="M{x1},{y1}L{x2},{y2}"/>'
