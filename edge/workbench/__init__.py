"""Workbench: tools that make, measure and compare weights. None of them runs in the daemon.

Boundary: stands outside the flow and looks at it from where a configuration does, through
`edge.detectors`; nothing but the command line imports it. What it needs beyond the appliance's own
libraries (onnx, pycocotools, ultralytics) is imported where it is used and comes with the extras
`workbench` and `export`.
"""
