from benchmarks import arithmetic

arithmetic.fix()
