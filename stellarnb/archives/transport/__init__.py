"""HTTP for archives: budgets, safe retries and resumed downloads."""
