"""Hydra configuration: values only; the classes that they name hold the structure."""
