"""The device page: what the box sees and does, for whoever stands before it or is let in.

Boundary: a room of its own beside the flow. It shows what the runtime tells it and asks the runtime
for changes; nothing in the flow waits for it, and nothing is decoded or drawn while nobody looks.
"""
