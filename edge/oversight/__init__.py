"""Oversight: what lets somebody outside judge the appliance. Pure, but for the files it writes."""
