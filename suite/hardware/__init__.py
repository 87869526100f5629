"""Hardware cost models: a network is traced into a list of layers, and each metric is a function of that list."""
