"""Site: commissioning a box."""
