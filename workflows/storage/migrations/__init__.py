"""The schema, step by step; shipped with the package, run at start."""
