"""Who the caller is: API keys, signed session cookies, pseudonyms."""
