"""What words make a claim that no photo shows: a table of rules for each language."""
