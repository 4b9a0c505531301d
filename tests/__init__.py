import benchmarks as benchmarks  # before torch: it fixes the code paths of what is tested
