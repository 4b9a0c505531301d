"""How fast: pytest-benchmark files, run on whatever device is there."""
