"""Published data sets: where they are, how they get here, what they must hold."""
