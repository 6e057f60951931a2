"""Do: the edge where models, tools and services are called; one file a kind."""
