"""Evidence: what is kept on the box to prove an alert, and how it is kept.

One item is a media file and its sidecar, in `evidence/<YYYY-MM-DD>/<camera>/`. The sidecar is
written last: an item exists if, and only if, its sidecar does.
"""
