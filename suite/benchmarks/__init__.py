"""The benchmarks: data, reference network, score and targets, one file each."""
