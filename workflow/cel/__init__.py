"""Reads CEL: its words, its tree, the paths it names, the types of its parts and what it may cost."""
