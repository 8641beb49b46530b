"""The answer cache: what was answered before, and what is being answered right now."""
