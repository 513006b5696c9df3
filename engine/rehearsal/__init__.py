"""Rehearsal: the decision played in memory, with touches that are only imagined. Nothing is stored and nobody is reached."""
