"""Open-loop load on an OpenAI-compatible endpoint: `Load(target, profile)`."""

from .measures import Result
from .profile import Lengths, Profile
from .runner import Load
from .target import Target, target_of_access

__all__ = ["Lengths", "Load", "Profile", "Result", "Target", "target_of_access"]
