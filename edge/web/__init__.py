"""The device page's gate: who may come in, and how long they stay. The page itself is to come.

Boundary: a room of its own beside the flow; nothing in the flow waits for it.
"""
