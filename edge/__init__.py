"""Edge video analytics: a camera's packets go in, events come out.

A picture enters as packets and leaves as an event. Each arrow is a room that holds one
protocol and one file per kind; the file's name is its `kind` in YAML:

    Packet -> Frame -> Detections -> Tracks -> Event -> (message)
    sources   decoders  detectors    trackers  rules    sinks

`edge.pipeline` is the pure spine of that line; `edge.runtime` gives it threads.
"""

__version__ = "0.1.0"
