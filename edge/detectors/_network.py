"""Network: a detector made of a card, a backend and a head.

Boundary: joins the pure parts (preprocessing, head) to whatever runs tensors. Knows no vendor
library and no model family.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated, ClassVar, Literal

import numpy as np
from pydantic import Field

from edge.detections import Detections, ModelRef
from edge.detectors import Backend, DetectorOptions, Plan, Serve, Tensor, takes_frames
from edge.detectors._builds import Builds, Progress
from edge.detectors._card import Card
from edge.detectors._engines import EngineKey, EngineStore
from edge.detectors._heads import Head, check_shapes, head_class
from edge.detectors._planes import noise_frame
from edge.detectors._preprocess import Canvas, Letterbox
from edge.detectors._weights import Models
from edge.errors import DetectorStalled, ModelError, ModelMismatch
from edge.frame import Frame
from edge.options import Identifier


class ModelOptions(DetectorOptions):
    """What every kind that runs a network can be told."""

    model: Annotated[
        Identifier,
        Field(
            description="Name of the model card; `edge model list` shows them.",
            examples=["yolox-nano"],
        ),
    ]
    threads: Annotated[
        int,
        Field(
            ge=0,
            le=64,
            description="Processor threads, for a lone picture or for as many side by side; "
            "0 leaves it to the library.",
            examples=[0],
        ),
    ] = 0


class NetworkOptions(ModelOptions):
    """A kind that runs a network with one library.

    Attributes:
        builds: Whether an engine is built on the box and kept: `never`, so that it opens `faster`,
            or because it cannot open `otherwise`.
    """

    builds: ClassVar[Literal["never", "faster", "otherwise"]] = "never"

    kind: str

    @abstractmethod
    def open(self, path: Path, card: Card, engines: Path) -> Backend:
        """Load verified weights.

        Args:
            path: A file whose SHA-256 is on the card.
            card: Its card.
            engines: Where what was built on this box is kept.

        Raises:
            ModelError: The file cannot be loaded.
            ModelMismatch: Its inputs are not the card's.
        """

    @abstractmethod
    def require(self) -> None:
        """Look for the library behind this kind.

        Raises:
            MissingDependency: It is not installed.
        """

    @abstractmethod
    def key(self, path: Path, card: Card) -> EngineKey:
        """What runs here, and what an engine has to be built from and for; costs a file's hash.

        Raises:
            ModelError: The file cannot be read.
            MissingDependency: The library is not installed.
        """

    def is_built(self, path: Path, card: Card, engines: Path) -> bool:
        """Whether an engine is kept, or none is ever built."""
        return self.builds == "never" or EngineStore(engines).has(self.key(path, card))

    def engine_key(self, models: Models) -> EngineKey:
        """What an engine of the model it names has to be built from and for; see `key`.

        Raises:
            ModelError, MissingDependency: No card, no weights, no library.
        """
        return self.key(models.find(self.model), models.card(self.model))

    def may_build(self, models: Models) -> bool:
        """Whether an engine may be built unasked: it is of use, and did not fail before.

        Raises:
            ModelError, MissingDependency: See `engine_key`.
        """
        if self.builds == "never":
            return False
        build = Builds(models.engines).of(self.engine_key(models))
        return build is None or build.state != "failed"

    def build(
        self, path: Path, card: Card, engines: Path, progress: Progress | None = None
    ) -> Path:
        """Build the engine and keep it; minutes for some, in any thread.

        Args:
            path: The ONNX file.
            card: Its card.
            engines: Where engines are kept.
            progress: Told how far it is; may end it.

        Returns:
            The engine's file.

        Raises:
            ModelError: It cannot be parsed, built or kept, another build is on, or `progress`
                ended it.
            ModelMismatch: The file is not what card or options say.
            MissingDependency: No library, or no device.
        """
        key, store = self.key(path, card), EngineStore(engines)
        if self.builds == "never":
            raise ModelError(f"kind {key.backend} builds nothing: it opens the model's file")
        with Builds(engines).begun(key, progress) as told:
            return store.keep(key, self.made(path, card, store, told))

    def made(self, path: Path, card: Card, store: EngineStore, progress: Progress) -> bytes:
        """An engine's content, for kinds that build; see `build`."""
        raise NotImplementedError

    def plan(self, models: Models, *, can_build: bool) -> Plan:
        """Itself; and where it may not open, the next best, and its engine is built again."""
        if self.builds != "otherwise":
            return Plan((self,))
        self.require()
        from edge.detectors import auto

        told = self.model_dump(include=set(ModelOptions.model_fields))
        others = auto.Options.model_validate({"kind": "auto", **told}).plan(models, can_build=False)
        rest = tuple(other for other in others.now if type(other) is not type(self))
        if self.is_built(models.find(self.model), models.card(self.model), models.engines):
            return Plan((self, *rest), again=self)
        return Plan(rest, self if can_build and self.may_build(models) else None)

    def engine(self, models: Models, serve: Serve) -> NetworkEngine:
        """Find, verify, load and try out; see `DetectorOptions`."""
        self.require()
        card = models.card(self.model)
        path = models.find(self.model)
        network = Network(card, models.digest(path), self.confidence)

        def load() -> Backend:
            got = models.digest(path)
            if got != network.ref.sha256:
                raise ModelMismatch(
                    f"{path} was replaced while in use: expected SHA-256 {network.ref.sha256}, "
                    f"got {got}; restart edge to use the new file"
                )
            backend = self.open(path, card, models.engines)
            try:
                network.try_out(backend, path)
            except BaseException:
                backend.close()
                raise
            return backend

        return NetworkEngine(network, serve(load))


class Network:
    """What a model needs besides a backend; shared by all cameras, keeps nothing of a frame.

    Args:
        card: The model.
        sha256: Of the weights that were loaded.
        min_confidence: Boxes below this are not used.
    """

    def __init__(self, card: Card, sha256: str, min_confidence: float) -> None:
        self.card = card
        self.ref = ModelRef(card.name, sha256, card.labels)
        self._head: Head = head_class(card.family, card.tensors.outputs)(
            card.input.size_wh, len(card.labels)
        )
        self._min_confidence = min_confidence
        self._size = np.array([card.input.size_wh], np.int64)

    def try_out(self, backend: Backend, path: Path) -> None:
        """Run once on an empty picture, so that the first frame finds a warm engine.

        Raises:
            ModelMismatch: The outputs do not fit the card's head.
            ModelError: The run failed.
        """
        width, height = self.card.input.size_wh
        try:
            outputs = backend.run(self.inputs(np.zeros((1, 3, height, width), np.float32)))
            if takes_frames(backend):
                outputs = backend.run(self.inputs(_as_batch(noise_frame((64, 48)))))
        except DetectorStalled as exc:
            why = str(exc).partition("; run `edge doctor`")[0]
            raise ModelError(
                f"{path}: loaded, and its first run failed: {why}; correct the card, or export the "
                "model again; if it ran before, the box may be out of memory"
            ) from exc
        names = self.card.tensors.outputs
        try:
            check_shapes(
                {names[role]: shape for role, shape in self._head.shapes.items()},
                {name: output.shape for name, output in outputs.items()},
            )
        except ModelMismatch as exc:
            raise ModelMismatch(
                f"{path}: outputs do not fit head {self.card.family} of card {self.card.name}: "
                f"{exc}; correct the card, or export the model again"
            ) from exc

    def inputs(self, image: Tensor) -> dict[str, Tensor]:
        """Name the inputs of one picture: (1, 3, H, W) float32, or (1,) frames."""
        tensors = self.card.tensors
        inputs = {tensors.image: image}
        if tensors.size is not None:
            inputs[tensors.size] = self._size
        return inputs

    def detect(self, frame: Frame, backend: Backend, canvas: Canvas) -> Detections:
        """Find objects in one frame; boxes in frame pixels, clipped to it."""
        image: Tensor
        if takes_frames(backend):
            spec, image = self.card.input, _as_batch(frame)
            placed = Letterbox.fit(frame.size_wh, spec.size_wh, spec.letterbox)
        else:
            image, placed = canvas.draw(frame)
        outputs = backend.run(self.inputs(image))
        named = {role: outputs[name] for role, name in self.card.tensors.outputs.items()}
        found = self._head.decode(named, self._min_confidence)
        xyxy = placed.to_frame(found.xyxy)
        # What lies in the padding is no object; only numbers that can be drawn leave this room.
        real = (xyxy[:, 2] > xyxy[:, 0]) & (xyxy[:, 3] > xyxy[:, 1])
        return Detections(
            frame.stamp,
            frame.size_wh,
            self.ref,
            xyxy[real],
            np.clip(found.confidence[real], 0, 1),
            found.class_id[real],
        )


def _as_batch(frame: Frame) -> Tensor:
    """A frame in place of its tensor: (1,) objects, to be stacked as tensors are."""
    batch = np.empty(1, object)
    batch[0] = frame
    return batch


def check_inputs(got: Mapping[str, Sequence[object]], card: Card, path: Path) -> None:
    """Compare the inputs a file has with those its card names.

    Args:
        got: Shape by name; an axis that is no positive number is free.
        card: The model.
        path: The file; for the message.

    Raises:
        ModelMismatch: Other names or sizes; the text says expected and got.
    """
    width, height = card.input.size_wh
    wanted: dict[str, tuple[int, ...]] = {card.tensors.image: (1, 3, height, width)}
    if card.tensors.size is not None:
        wanted[card.tensors.size] = (1, 2)
    fits = wanted.keys() == got.keys() and all(
        len(got[name]) == len(shape)
        and all(g == w for g, w in zip(got[name], shape, strict=True) if _is_fixed(g))
        for name, shape in wanted.items()
    )
    if not fits:
        raise ModelMismatch(
            f"{path}: inputs are not those of card {card.name}: expected {_listed(wanted)}; "
            f"got {_listed(got)}; correct the card, or export the model again"
        )


def _is_fixed(axis: object) -> bool:
    return isinstance(axis, int) and axis > 0


def _listed(shapes: Mapping[str, Sequence[object]]) -> str:
    return ", ".join(f"{name} ({', '.join(map(str, s))})" for name, s in shapes.items()) or "none"


class NetworkEngine:
    """A loaded network that several cameras share.

    Args:
        network: The model.
        backend: What runs it, as served; closed with the engine.
    """

    def __init__(self, network: Network, backend: Backend) -> None:
        self._network = network
        self._backend = backend

    @property
    def model(self) -> ModelRef:
        """Who is looking."""
        return self._network.ref

    def detector(self) -> NetworkDetector:
        """A detector for one camera."""
        return NetworkDetector(self._network, self._backend)

    def close(self) -> None:
        """Release the backend; safe to call twice."""
        self._backend.close()


class NetworkDetector:
    """Looks at frames of one camera; keeps nothing of them but memory to write over."""

    def __init__(self, network: Network, backend: Backend) -> None:
        self._network = network
        self._backend = backend
        self._canvas: Canvas | None = None

    @property
    def model(self) -> ModelRef:
        """Who is looking."""
        return self._network.ref

    def detect(self, frame: Frame) -> Detections:
        """Find objects.

        Raises:
            DetectorStalled: No answer in time, or the engine failed.
        """
        # Gone where this raises: a run that nobody waits for any more may still read it.
        canvas, self._canvas = self._canvas or Canvas(self._network.card.input), None
        found = self._network.detect(frame, self._backend, canvas)
        self._canvas = canvas
        return found
