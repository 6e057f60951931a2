"""Claude, by Anthropic's SDK: at Anthropic, on Bedrock or on Vertex."""
