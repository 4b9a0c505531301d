"""Figures, drawn from the records alone."""
