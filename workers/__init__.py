"""Workers: the Celery application, its tasks of a few lines, the caretakers and the clock. Doors: they hold no decisions."""
