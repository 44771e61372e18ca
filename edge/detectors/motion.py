"""Motion: what differs from the learnt background, as boxes of class `object`. Needs no model.

What watches when no weights can be had. It sees change and knows nothing: a person, a branch and
a headlight are all `object`. Pure: time comes in with the frame.

Source: Zivkovic, "Improved Adaptive Gaussian Mixture Model for Background Subtraction", ICPR
2004, as in OpenCV. Chosen by measurement at 8 frames a second: of the moving people and vehicles
that deimv2-femto saw in four fixed-camera clips, the mixture boxed 65 to 100 % a clip, with 0.1
to 0.5 boxes a frame on nothing; the best of four running averages boxed 44 to 100 %, with 0.0 to
0.6. The mixture costs 0.7 ms a frame more (1.3 against 0.6, one thread).
"""

from __future__ import annotations

import hashlib
import math
from typing import Annotated, Literal

import cv2
import numpy as np
from pydantic import Field

from edge.detections import ANY_LABEL, Detections, ModelRef
from edge.detectors import DetectorOptions, Serve
from edge.detectors._weights import Models
from edge.frame import Frame
from edge.luma import shrunk

WIDTH_PX = 320
"""Width the luma is looked at: a person 100 px high in a 1080p picture is 17 px high there."""

VARIANCE = 40.0
"""Squared distance, in variances, at which a pixel is no longer background. In the clips above,
OpenCV's 16 doubles the boxes on nothing, and 60 finds 76 % in the one where 40 finds all."""

BACKGROUND_RATIO = 0.9
"""Share of its past a pixel's background must explain: OpenCV's default, written down because
`still_seconds` follows from it."""

CLOSE_PX = 7
"""Gaps up to this wide are closed, so that head and legs are one box."""

LEARN_S = 2.0
"""How long the background is learnt before anything is reported."""

RELEARN_SHARE = 0.6
"""More of the picture than this changing at once is a light switch, an infrared filter or a
camera turned by hand: the background is learnt anew instead of reporting one giant object."""

FULL_FILL = 0.5
"""A box this full of change has confidence 1; the median in the clips above is 0.57."""

METHOD = "motion-2"
"""Changes whenever the same frames would give other boxes."""


class Options(DetectorOptions):
    """Change against a learnt background; needs no model and no library."""

    kind: Literal["motion"]
    min_area: Annotated[
        float,
        Field(
            ge=0.0,
            le=0.5,
            description="Smallest change that counts, as a fraction of the picture's area.",
            examples=[0.001],
        ),
    ] = 0.001
    still_seconds: Annotated[
        float,
        Field(
            ge=0.2,
            le=60.0,
            description="Something that stands still longer than this becomes background.",
            examples=[2.0],
        ),
    ] = 2.0

    def engine(self, models: Models, serve: Serve) -> MotionEngine:
        """Neither looks for a model nor serves a backend; cannot fail."""
        del models, serve
        return MotionEngine(self)


class MotionEngine:
    """Hands out detectors; every camera has a background of its own, so nothing is shared."""

    def __init__(self, options: Options) -> None:
        self._options = options
        constants = (METHOD, WIDTH_PX, VARIANCE, BACKGROUND_RATIO, CLOSE_PX, LEARN_S)
        told = options.model_dump_json()
        version = repr((*constants, RELEARN_SHARE, FULL_FILL, told)).encode()
        self.model = ModelRef("motion", hashlib.sha256(version).hexdigest(), (ANY_LABEL,))

    def detector(self) -> MotionDetector:
        """A detector that has learnt no background yet."""
        return MotionDetector(self._options, self.model)

    def close(self) -> None:
        """Nothing is held."""


class MotionDetector:
    """Looks at frames of one fixed camera, in order of `pts`.

    Says nothing for the first two seconds of stream time, nor for two seconds after the whole
    picture changed.
    """

    def __init__(self, options: Options, model: ModelRef) -> None:
        self.model = model
        self.n_relearnt = 0
        """How often the whole picture changed and the background was learnt anew."""
        self._options = options
        # A new value at a pixel weighs 1 - exp(-t / tau) after t seconds, and is background once
        # it weighs more than BACKGROUND_RATIO leaves over.
        self._tau_s = options.still_seconds / -math.log(BACKGROUND_RATIO)
        self._kernel = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (CLOSE_PX, CLOSE_PX))
        self._size_wh = (0, 0)
        self._background = _background()
        self._n_seen = 0
        self._since_pts = self._last_pts = 0.0

    def detect(self, frame: Frame) -> Detections:
        """Find what moves.

        Args:
            frame: Any size; a change of size starts anew.

        Returns:
            A box around each connected change. Its confidence is the share of changed pixels in
            it, doubled and at most 1.
        """
        if frame.size_wh != self._size_wh:
            self._size_wh = frame.size_wh
            self._learn_from(frame.stamp.pts)
        luma = shrunk(frame.y, WIDTH_PX)
        self._n_seen += 1
        elapsed = max(0.0, frame.stamp.pts - self._last_pts)
        self._last_pts = frame.stamp.pts
        # Time, not frames, is what fades: the rate of looking may change. The first frames count
        # equally, or what stood in the very first one would haunt the picture (recall 0.76 to
        # 1.00 on a clip that starts with a car in view).
        rate = max(1 / self._n_seen, 1 - math.exp(-elapsed / self._tau_s))
        changed = self._background.apply(luma, learningRate=rate)
        nothing = Detections.none(frame.stamp, frame.size_wh, self.model)
        if frame.stamp.pts - self._since_pts < LEARN_S:
            return nothing
        if cv2.countNonZero(changed) > RELEARN_SHARE * changed.size:
            self.n_relearnt += 1
            self._learn_from(frame.stamp.pts)
            return nothing
        return self._boxes(changed, frame)

    def _learn_from(self, pts: float) -> None:
        self._background = _background()
        self._n_seen = 0
        self._since_pts = self._last_pts = pts

    def _boxes(self, changed: cv2.typing.MatLike, frame: Frame) -> Detections:
        closed = cv2.morphologyEx(changed, cv2.MORPH_CLOSE, self._kernel)
        # The first row is the background.
        stats = cv2.connectedComponentsWithStats(closed)[2][1:]
        stats = stats[stats[:, cv2.CC_STAT_AREA] >= self._options.min_area * closed.size]
        left, top, width, height, area = stats.T.astype(np.float32)
        high, wide = closed.shape
        scale = np.array(frame.size_wh * 2, np.float32) / np.array((wide, high) * 2, np.float32)
        xyxy = np.stack([left, top, left + width, top + height], axis=1) * scale
        confidence = np.minimum(area / (width * height) / FULL_FILL, 1).astype(np.float32)
        sure = confidence >= self._options.confidence
        return Detections(
            frame.stamp,
            frame.size_wh,
            self.model,
            xyxy[sure],
            confidence[sure],
            np.zeros(int(sure.sum()), np.int32),
        )


def _background() -> cv2.BackgroundSubtractorMOG2:
    background = cv2.createBackgroundSubtractorMOG2(varThreshold=VARIANCE, detectShadows=False)
    background.setBackgroundRatio(BACKGROUND_RATIO)
    return background
