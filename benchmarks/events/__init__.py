"""Embedded event data: made here by a simulated event camera, without any download."""

from benchmarks.events.registry import SETS, ensure, unmade
from benchmarks.events.sets import EventSet, Split, manifest

__all__ = ["SETS", "EventSet", "Split", "ensure", "manifest", "unmade"]
