"""What is known: DuckDB read models of `workflow.events`, and the queries over them."""
