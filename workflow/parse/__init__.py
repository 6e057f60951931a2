"""Turns the text of a workflow file into its definition."""
