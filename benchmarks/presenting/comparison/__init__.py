"""What ``compare`` says of a new neuron, as text, files and page."""
