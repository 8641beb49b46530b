"""Who the caller is: API keys, signed sessions, pseudonyms."""
