"""What every method searches in: budgets, channel groups, widths, layer choices, and the projection onto a budget."""
