"""The rooms of ``benchmarks/local.py``: who takes part, what is asked, and what came of it."""
