"""Tests. Stories run the whole pipeline, contracts hold every registry's entries to one suite, goldens keep answers for people to read."""
