"""``python -m benchmarks``, which is ``aia-bench``: the command line of :mod:`benchmarks.cli`."""

from benchmarks.cli.main import main

if __name__ == "__main__":
    main()
