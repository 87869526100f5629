"""Every table of the report: its frame of raw numbers, and the same as rounded text."""
