"""Every write, as keyword-only functions in a transaction; the only place that changes state."""
