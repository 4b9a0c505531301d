"""Neurons that AIA is compared with; one file a library, none of which knows the suite."""
