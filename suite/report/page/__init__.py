"""The HTML page: its sections, tables, run data for the script, and templates."""
