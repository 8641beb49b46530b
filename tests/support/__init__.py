"""What tests share: real servers, stand-ins on the wire, pictures, ways to ask."""

from pathlib import Path

ROOT = Path(__file__).parents[2]
