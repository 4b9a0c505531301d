"""Adaptive internal association (AIA) neurons, after Shen et al., ICASSP 2023 (arXiv 2207.11670).

The method section of the paper was not available to the authors of this package. ``AIA`` is the
published code of the paper's first version (arXiv v1), a public training script of one of its
authors, put on every hidden layer; whether that is the neuron of the version that appeared is open.
What is marked "(inferred)" in the docstrings is read from the abstract. :mod:`aia.variants` holds
the other readings of it.
"""

from aia.fold import fold
from aia.neuron import AIA, LIF

__all__ = ["AIA", "LIF", "fold"]
