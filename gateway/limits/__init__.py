"""What one caller may use of what all share: requests, tokens and bytes, photos that are kept."""
