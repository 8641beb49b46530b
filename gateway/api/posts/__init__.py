"""What a POST passes on its way to its endpoint: the budget of bodies, `Idempotency-Key`."""
