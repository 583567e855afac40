"""What several processes and machines share in PostgreSQL: the rate limit of Nomos, and the budgets of callers."""
