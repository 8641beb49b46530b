"""What a question is after, and what an answer says that it cannot see: read off their texts."""
