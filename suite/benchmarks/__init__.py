"""The benchmarks: data, seed network, score and targets, one file each."""
