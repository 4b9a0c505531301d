"""How sure a difference is when the choice of test recordings counts as well as the seeds.

An interval over seeds says what other initial weights would give on the same test recordings.
Other recordings would give other numbers too, and neighbours in number resemble each other. So
seeds and runs of consecutive test recordings are both drawn anew, which is the pigeonhole
bootstrap (Owen, Annals of Applied Statistics 2007); it errs on the side of too wide.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from benchmarks.evidence.aggregates import DRAWS, Aggregate, expanded
from benchmarks.evidence.statistics import LEVEL
from benchmarks.records.files import bits_of
from benchmarks.records.schema import Result

BLOCKS = 40  # runs of consecutive test recordings that are drawn as wholes
LEAST_SEEDS = 3  # of fewer no draw tells how far seeds scatter


def right_of(result: Result) -> NDArray[np.bool_] | None:
    """Which test samples were classified right, bool ``[N]``; None where a record does not say."""
    if result.right is None:
        return None
    return bits_of(result.right, sum(map(sum, result.confusion)))


def over_seeds_and_recordings(
    left: Sequence[NDArray[np.bool_]], right: Sequence[NDArray[np.bool_]], level: float = LEVEL
) -> Aggregate:
    """Difference in test accuracy, one bool ``[N]`` a seed on either side, the same seeds.

    The interval is that of ``DRAWS`` draws of seeds and blocks, always the same ones, with
    percentiles expanded for few seeds (Hesterberg, The American Statistician 2015). nan throughout
    without seeds, without interval for fewer than ``LEAST_SEEDS``.
    """
    if not left:
        return Aggregate(math.nan, math.nan, math.nan)
    lead = np.asarray(left, dtype=np.float64) - np.asarray(right, dtype=np.float64)  # [S, N]
    seeds, samples = lead.shape
    blocks = np.array_split(np.arange(samples), min(BLOCKS, samples))
    sums = np.stack([lead[:, block].sum(1) for block in blocks], axis=1)  # [S, B]
    sizes = np.array([len(block) for block in blocks])
    if seeds < LEAST_SEEDS:
        return Aggregate(float(lead.mean()), math.nan, math.nan)
    generator = np.random.default_rng(0)
    of_seeds = generator.multinomial(seeds, [1 / seeds] * seeds, size=DRAWS)  # [D, S]
    of_blocks = generator.multinomial(len(blocks), [1 / len(blocks)] * len(blocks), size=DRAWS)
    drawn = np.einsum("ds,sb,db->d", of_seeds, sums, of_blocks) / (seeds * (of_blocks @ sizes))
    return expanded(float(lead.mean()), drawn, seeds, seeds - 1, level)
