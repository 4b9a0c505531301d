"""Event data: embedded sets, made here by a simulated event camera, and recorded ones."""

from benchmarks.events.registry import SETS, check_name, ensure, ensure_for, unmade
from benchmarks.events.sets import EventSet, Split, manifest

__all__ = ["SETS", "EventSet", "Split", "check_name", "ensure", "ensure_for", "manifest", "unmade"]
