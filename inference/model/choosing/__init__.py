"""The next token: masks of schemas, sampling, and what of it leaves the device."""
