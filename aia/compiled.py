"""The dynamics under torch.compile, on CPU and CUDA alike; eager where that does not work.

The compiled function sees ``[T, N]`` with N marked dynamic, so one kernel for each T, dtype and
set of options serves layers and batches of any size, and what it computes does not depend on
which sizes came first. The compiler's cache on disk (``TORCHINDUCTOR_CACHE_DIR``) carries the
kernels over to later processes. ``AIA_COMPILE=0`` asks for the eager path.
"""

from __future__ import annotations

import os
import warnings

import torch
from torch import Tensor

from aia.dynamics import LIFParameters
from aia.dynamics import lif as eager_lif

_compiled = torch.compile(eager_lif, fullgraph=True)
_broken = False


def enabled() -> bool:
    """Whether the compiled path is in use in this process."""
    return not _broken and os.environ.get("AIA_COMPILE", "1") != "0"


def lif(drive: Tensor, p: LIFParameters) -> Tensor:
    """As :func:`aia.dynamics.lif`, compiled where that works, with one warning where not."""
    global _broken
    # a width of 0 or 1 cannot be marked dynamic, and is not worth a kernel
    if not enabled() or drive.shape[0] == 0 or drive[0].numel() < 2:
        return eager_lif(drive, p)
    flat = drive.reshape(drive.shape[0], -1)
    torch._dynamo.maybe_mark_dynamic(flat, 1)
    try:
        return _compiled(flat, p).view(drive.shape)
    except Exception as error:
        spikes = eager_lif(drive, p)  # raises itself if the drive is what is wrong
        _broken = True
        reason = next((line for line in str(error).splitlines() if line), type(error).__name__)
        warnings.warn(f"torch.compile does not work here, running eager: {reason}", stacklevel=2)
        return spikes
