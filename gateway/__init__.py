"""The gateway: from a shopper's request to a recorded answer. Never imports inference."""
