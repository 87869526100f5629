"""The statistics behind tables and figures."""
