"""Running jobs: one run from its task to its record, and the many runs of a sweep."""
