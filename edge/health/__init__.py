"""Health: conditions of camera and box as events."""
