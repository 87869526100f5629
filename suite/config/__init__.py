"""Configuration: its schema, presets, sweeps, and the plan that each job becomes."""

from suite.config import schema as _schema  # noqa: F401 - Hydra knows the schema of a job once it is imported
