"""Random logs, random rules: the SQL statement, the Python function and a naive reading of the design give one answer."""
