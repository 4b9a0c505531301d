"""From records to what they show: statistics over seeds, recordings and networks."""
