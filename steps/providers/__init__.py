"""One file a model provider, all behind one method."""
