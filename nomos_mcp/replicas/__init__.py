"""What several processes and machines share in PostgreSQL: the rate limit, the budgets of callers, and orders."""
