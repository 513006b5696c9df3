"""The HTTP door. It asks the pipeline and answers; it decides nothing."""
