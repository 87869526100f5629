"""A multi-objective benchmarking suite for hardware-constrained NAS on TinyML tasks."""

__version__ = "0.1.0"
