"""Training: the data sets that networks learn from, and how they are fitted and judged."""
