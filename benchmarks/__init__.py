"""How fast is recording, as a multiple of what the raw driver needs? `python -m benchmarks --help`."""
