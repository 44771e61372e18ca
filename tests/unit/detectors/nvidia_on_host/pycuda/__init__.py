"""pycuda for a machine without a GPU; see README.md."""
