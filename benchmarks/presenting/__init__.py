"""From what records show to what a person reads."""
