"""What a GPU tells of itself through NVML, where that is installed."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch


def energy_counter(device: torch.device) -> Callable[[], float] | None:
    """What gives the J that the device has taken so far; None where it does not count them."""
    gpu = handle(device)
    if gpu is None:
        return None
    import pynvml

    try:
        pynvml.nvmlDeviceGetTotalEnergyConsumption(gpu)
    except pynvml.NVMLError:  # older than Volta
        return None
    return lambda: float(pynvml.nvmlDeviceGetTotalEnergyConsumption(gpu)) / 1000


def handle(device: torch.device) -> Any:
    """NVML's handle of the device, or None."""
    if device.type != "cuda":
        return None
    try:
        import pynvml

        pynvml.nvmlInit()
        uuid = f"GPU-{torch.cuda.get_device_properties(device).uuid}"
        return pynvml.nvmlDeviceGetHandleByUUID(uuid)
    except (ImportError, AttributeError, OSError):
        return None
    except pynvml.NVMLError:
        return None
