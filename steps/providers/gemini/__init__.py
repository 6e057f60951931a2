"""Gemini, by Google's SDK: at Google or on Vertex."""
