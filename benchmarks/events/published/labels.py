"""Whether a mirrored recording still shows what its label says."""

from __future__ import annotations

from benchmarks.events.published.catalogue import SETS

_EMBEDDED = {"dvs_digits": False, "dvs_vehicles": True, "dvs_motion": False}


def flip_keeps_label(dataset: str) -> bool:
    """False where left and right tell classes apart; a name may carry a split after a dash."""
    name = dataset.partition("-")[0]
    return SETS[name].flip_keeps_label if name in SETS else _EMBEDDED.get(name, False)
