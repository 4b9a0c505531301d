"""What a cell leaves behind: schema, reading, writing, baselines."""
