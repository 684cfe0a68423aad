"""The KV cache in blocks: who holds how many, and whose prefix is still there."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Hashable, Sequence


def prefix_keys(tokens: Sequence[int], block_tokens: int, salt: Hashable = None) -> list[int]:
    """Give a key for each full block, of its tokens and of all before it."""
    keys: list[int] = []
    before: Hashable = salt
    for end in range(block_tokens, len(tokens) + 1, block_tokens):
        key = hash((before, tuple(tokens[end - block_tokens : end])))
        keys.append(key)
        before = key
    return keys


class Blocks:
    """A pool of equal blocks. A full block of a prompt has a key and may be shared."""

    def __init__(self, count: int, block_tokens: int, *, caches: bool = True) -> None:
        self.count, self.block_tokens, self.caches = count, block_tokens, caches
        self.taken = 0  # out of use by a fault
        self._private = 0
        self._shared: dict[int, int] = {}  # key → holders
        self._idle: OrderedDict[int, None] = OrderedDict()  # keys that nobody holds, oldest first

    @property
    def used(self) -> int:
        return min(self.count, self._private + len(self._shared) + self.taken)

    @property
    def usage(self) -> float:
        return self.used / self.count

    def cached(self, keys: Sequence[int]) -> int:
        """Count how many blocks of this prefix are there."""
        for found, key in enumerate(keys):
            if key not in self._shared and key not in self._idle:
                return found
        return len(keys)

    def take(self, keys: Sequence[int]) -> bool:
        """Take a block for each key, or none at all; 0 is a block that nobody can share."""
        new = sum(1 for key in keys if not key or key not in self._shared)
        if new > self.count - self.used:
            return False
        for key in keys:
            if key and self.caches:
                self._idle.pop(key, None)
                self._shared[key] = self._shared.get(key, 0) + 1
            else:
                self._private += 1
        while len(self._idle) > self.count - self.used:
            self._idle.popitem(last=False)
        return True

    def give(self, keys: Sequence[int]) -> None:
        """Give blocks back; those with a key stay until their place is needed."""
        for key in reversed(keys):  # the end of a prefix is forgotten first
            if not key or not self.caches:
                self._private -= 1
            elif self._shared[key] > 1:
                self._shared[key] -= 1
            else:
                del self._shared[key]
                self._idle[key] = None
