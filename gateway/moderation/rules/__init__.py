"""What the rule files say, and where a text does what they forbid."""
