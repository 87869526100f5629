"""The figures of the report: which there are, what each shows, and how they look."""
