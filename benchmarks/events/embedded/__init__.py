"""Data sets filmed here by a simulated event camera."""
