"""What a person would write for the benchmark workspace: one SQL query for the night, one Python function for an account."""
