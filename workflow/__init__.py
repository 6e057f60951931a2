"""Decides: the definition of a workflow, its expressions, and what follows from each message; pure."""
