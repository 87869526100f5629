"""Configuration: its schema, presets, sweeps, and the plan that each job becomes."""
