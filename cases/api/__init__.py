"""REST API: parse, call one service or selector, render."""
