"""The simulator's life: start, serve, drain."""

from __future__ import annotations

import asyncio
import signal
import sys
from argparse import Namespace
from collections.abc import Callable

from .admin import Admin
from .engine import Engine
from .ollama_face import OllamaFace
from .options import parse
from .replies import NAME
from .tgi_face import TgiFace
from .vllm_face import VllmFace
from .web import Exchange, Server

FACES: dict[str, Callable[[Engine], VllmFace | TgiFace | OllamaFace]] = {
    "vllm": VllmFace,
    "tgi": TgiFace,
    "ollama": OllamaFace,
}
LAST_WORDS_SECONDS = 0.1  # for error events at a stop without a drain
LOOK_AGAIN_SECONDS = 0.02


class Simulator:
    def __init__(self, options: Namespace) -> None:
        self.options = options
        self.engine = Engine(options)
        face = FACES[options.face](self.engine)

        async def handle(exchange: Exchange) -> None:
            await _until(lambda: not self.engine.faults.freeze)
            await face.handle(exchange)

        self.server = Server(handle, options.host, options.port)
        self.admin: Server | None = None
        if options.admin_port is not None:
            self.admin = Server(Admin(self.engine).handle, options.host, options.admin_port)

    async def run(self) -> None:
        stopping = asyncio.Event()
        asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stopping.set)
        steps = asyncio.ensure_future(self.engine.batch.run())
        if self.admin:
            await self.admin.listen()
        try:
            async with asyncio.timeout(self.options.startup_seconds / self.options.time_scale):
                await stopping.wait()
        except TimeoutError:
            await self.server.listen()
            also = f" (admin: {self.admin.port})" if self.admin else ""
            _say(f"{NAME}: {self.options.face} listening{also} on port {self.server.port}")
            await stopping.wait()
            await self._stop()
        steps.cancel()

    async def _stop(self) -> None:
        """End as vLLM does at SIGTERM.

        Without a drain open streams end with an error, at once. With one they are finished, new
        requests are refused and /health stays 200. When it takes too long the engine is killed:
        open streams neither go on nor end, new connections are refused, and the process stays.
        """
        engine = self.engine
        engine.draining = True
        if not self.options.drain_seconds:
            self.server.close()
            engine.batch.abort_all()
            await asyncio.sleep(LAST_WORDS_SECONDS)
            return
        try:
            async with asyncio.timeout(self.options.drain_seconds):
                await _until(lambda: not engine.batch.unfinished)
                await asyncio.sleep(LAST_WORDS_SECONDS)
        except TimeoutError:
            engine.batch.dead = True
            self.server.close()
            _say(f"{NAME}: the drain took too long; what is open hangs, as with vLLM")
            await asyncio.Event().wait()


async def _until(condition: Callable[[], bool]) -> None:
    while not condition():  # noqa: ASYNC110  # what it waits for has no event of its own
        await asyncio.sleep(LOOK_AGAIN_SECONDS)


def _say(line: str) -> None:
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


def main() -> None:
    asyncio.run(Simulator(parse()).run())
