"""What comes in (``...Input``: checked) and what goes out, by noun."""
