"""How fast: pytest-benchmark files, run on whatever device is there."""

from benchmarks.throughput.runner import measure_throughput

__all__ = ["measure_throughput"]
