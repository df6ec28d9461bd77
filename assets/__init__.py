"""What is made, when, and what must hold: the Dagster code location. Thin: the logic is in `pipelines`."""
