"""The help site as values: its articles on shelves, found by words, laid out for the screen, and bound into a guide."""
