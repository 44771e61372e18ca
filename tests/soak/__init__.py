"""Soak: the daemon against many cameras on a bad network, for as long as it is told to run.

What it judges by is what a control room gets over MQTT, and what the kernel says of the process.
"""
