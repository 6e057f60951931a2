"""Asks and shows: the command line over the log and its projections."""
