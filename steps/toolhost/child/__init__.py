"""The tool host's own side: standard library and millrace.py alone, in the user's interpreter (3.9 or later)."""
