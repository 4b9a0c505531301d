"""Adaptive internal association (AIA) neurons, after Shen et al., ICASSP 2023 (arXiv 2207.11670).

The method section of the paper was not available to the authors of this package. What is marked
"(inferred)" in the docstrings is our reading of the abstract and of an early public training
script of one of the paper's authors.
"""

from aia.fold import fold
from aia.neuron import AIA, LIF

__all__ = ["AIA", "LIF", "fold"]
