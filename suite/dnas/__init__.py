"""Differentiable searches: DUCCIO, its layer-wise refinement and taper; masks, branch sampling, penalty, compaction."""
