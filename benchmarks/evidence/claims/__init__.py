"""The paper's claims as predicates over records, and their verdicts."""
