"""The rulebook: rules and facts compiled into one plan, and the two executors of that plan."""
