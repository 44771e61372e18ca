"""Configuration: what technicians write, read strictly and explained."""
