"""The decision: from the rules that matched to at most one winner per lane, with a reason for every other."""
