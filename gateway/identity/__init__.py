"""Who asks: API keys, signed session cookies, pseudonyms."""
