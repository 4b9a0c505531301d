"""A new neuron against recorded ones."""
