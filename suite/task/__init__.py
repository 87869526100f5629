"""What a method works with: the task, its training loop, the meter of what it spends, and the limit on that."""
