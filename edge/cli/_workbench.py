"""The actions of `edge model` that measure, compare and make weights."""

from __future__ import annotations

import argparse
import json
import sys
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

from edge.cli import FAILED, FINE, _comparison
from edge.cli._storage import add_into, add_storage, into_of, models_of
from edge.detections import Detections
from edge.detectors import Card, Models
from edge.errors import InputError
from edge.oversight.comparison import MARGIN, compare
from edge.workbench import engines, pictures
from edge.workbench.annotations import Annotations, Score
from edge.workbench.compare import Agreement, agreement
from edge.workbench.conditions import PERSON, looked
from edge.workbench.evaluate import detect_all, measured
from edge.workbench.pin import pin as pin_weights

N_CALIBRATION = 40
"""Pictures INT8 is calibrated on. The ranges of deimv2-femto and yolox-nano settle well before."""

N_CHECK = 100
"""Pictures two engines are compared on, unless all are asked for: about 500 objects of COCO."""


def arguments(actions: Any) -> None:
    """Declare the actions and their arguments."""
    scoring = actions.add_parser(
        "eval",
        help="mean average precision on annotated pictures, and who or what is missed more often",
        epilog="example: edge model eval yolox-nano --images val2017 --annotations instances.json",
    )
    _add_engine(scoring)
    _add_pictures(scoring)
    scoring.add_argument(
        "--annotations",
        type=Path,
        required=True,
        metavar="FILE",
        help="what is in the pictures, in COCO's format",
    )
    scoring.add_argument(
        "--dataset", metavar="TEXT", help="what the pictures are (default: the folder's name)"
    )
    scoring.add_argument(
        "--class",
        dest="label",
        metavar="LABEL",
        help="whose miss rate is compared by condition and annotated group (default: person)",
    )
    scoring.add_argument(
        "--confidence",
        type=float,
        default=0.35,
        metavar="C",
        help="at which it counts as found: the one of the deployment (default: 0.35)",
    )
    scoring.add_argument(
        "--margin",
        type=float,
        default=MARGIN,
        metavar="D",
        help=f"smallest difference of miss rates that matters (default: {MARGIN})",
    )
    scoring.add_argument(
        "--public", action="store_true", help="no figure of fewer than 30 objects, for publication"
    )
    scoring.add_argument("--json", action="store_true", help="with the entry for the card")
    scoring.set_defaults(act=_eval)

    checking = actions.add_parser(
        "check",
        help="does an engine or a file see what the float reference sees? exit code 1 if not",
        epilog="example: edge model check yolox-nano --engine tensorrt --images pictures/",
    )
    _add_engine(checking)
    _add_pictures(checking)
    checking.add_argument(
        "--weights", type=Path, metavar="FILE", help="another file than the card's"
    )
    checking.add_argument(
        "--annotations", type=Path, metavar="FILE", help="also compare the mAP, in COCO's format"
    )
    checking.add_argument(
        "--pictures", type=_positive, metavar="N", help=f"how many (default: {N_CHECK})"
    )
    checking.add_argument("--json", action="store_true", help="one JSON object for scripts")
    checking.set_defaults(act=_check)

    quantising = actions.add_parser(
        "quantise",
        help="INT8 weights from float ones, for every engine; layers that hurt stay in float",
        epilog="example: edge model quantise deimv2-femto --images pictures/",
    )
    quantising.add_argument("name", metavar="MODEL", help="name of a card with float weights")
    _add_pictures(quantising)
    quantising.add_argument(
        "--pictures", type=_positive, default=N_CALIBRATION, metavar="N", help="how many to use"
    )
    quantising.add_argument(
        "--weight-bits",
        type=int,
        choices=(7, 8),
        default=8,
        help="7 for processors without VNNI, where openvino misreads 8 (default: 8)",
    )
    add_into(quantising)
    quantising.set_defaults(act=_quantise)

    halving = actions.add_parser(
        "fp16",
        help="half-precision weights from float ones, for TensorRT",
        epilog="example: edge model fp16 yolox-nano",
    )
    halving.add_argument("name", metavar="MODEL", help="name of a card with float weights")
    add_into(halving)
    halving.set_defaults(act=_fp16)

    exporting = actions.add_parser(
        "export",
        help="an Ultralytics .pt file to ONNX (workbench only; AGPL-3.0)",
        epilog="example: edge model export yolo11n --from yolo11n.pt --pin 'A. Person'",
    )
    exporting.add_argument("name", metavar="MODEL", help="name of a card of family yolo")
    exporting.add_argument(
        "--from", dest="source", type=Path, required=True, metavar="FILE", help="the .pt file"
    )
    exporting.add_argument(
        "--pin", required=True, metavar="NAME", help="who vouches for the file that is made"
    )
    add_into(exporting)
    exporting.set_defaults(act=_export)


def _add_engine(parser: argparse.ArgumentParser) -> None:
    add_storage(parser)
    parser.add_argument("name", metavar="MODEL", help="name of the card")
    parser.add_argument(
        "--engine",
        choices=engines.engine_kinds(),
        default="onnx",
        metavar="KIND",
        help=f"{', '.join(engines.engine_kinds())} (default: onnx)",
    )
    parser.add_argument(
        "--precision", metavar="WORD", help="what the engine computes in, if its kind has a choice"
    )


def _add_pictures(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--images", type=Path, required=True, metavar="DIR", help="folder of pictures"
    )


def _positive(text: str) -> int:
    try:
        number = int(text)
    except ValueError:
        number = 0
    if number < 1:
        raise argparse.ArgumentTypeError(f"expected a number above 0, got {text!r}")
    return number


def _eval(args: argparse.Namespace) -> int:
    for name, share in (("--confidence", args.confidence), ("--margin", args.margin)):
        if not 0 < share < 1:
            raise InputError(f"{name}: expected a number between 0 and 1, got {share:g}")
    models = models_of(args)
    card = models.card(args.name)
    annotations = Annotations(args.annotations)
    with engines.opened(args.engine, args.name, models, precision=args.precision) as engine:
        found = detect_all(engine, annotations.pictures(args.images), _progress)
        score = annotations.score(found)
        entry = measured(
            card,
            engine,
            score,
            kind=args.engine,
            precision=args.precision,
            dataset=args.dataset or f"{args.images.resolve().name}, {score.n_pictures} pictures",
        )
    factors = compare(
        looked(args.annotations, found, args.confidence, args.label), margin=args.margin
    )
    if args.json:
        shown = _comparison.plain(factors, is_public=args.public)
        compared = {
            "class": args.label or PERSON,
            "confidence": args.confidence,
            "margin": args.margin,
            "factors": shown,
        }
        print(json.dumps({"measured": entry, **asdict(score), "miss_rates": compared}, indent=2))
    else:
        _print_score(score, str(engine.model))
        if factors:
            _comparison.print_factors(
                factors, args.label or PERSON, args.margin, is_public=args.public
            )
    return FINE


def _print_score(score: Score, model: str) -> None:
    print(f"{model}: {score.n_pictures} pictures, {score.n_objects} objects")
    overall = {"mAP 50-95": score.map, "mAP 50": score.map50, "mAP 75": score.map75}
    for what, points in {**overall, **score.by_size}.items():
        print(f"  {what:16} {_points(points)}")
    print(f"\n  {'class':16}   mAP  objects")
    by_count = sorted(score.by_class.items(), key=lambda item: -item[1][1])
    for label, (points, n_objects) in by_count:
        print(f"  {label:16} {_points(points)}  {n_objects:7}")
    if score.not_scored:
        print(f"not scored, the model has no such label: {', '.join(score.not_scored)}")


def _points(points: float | None) -> str:
    return "    -" if points is None else f"{points:5.1f}"


def _check(args: argparse.Namespace) -> int:
    models = models_of(args)
    card = models.card(args.name)
    reference = card.derived_from.model if card.derived_from else card.name
    annotations = Annotations(args.annotations) if args.annotations else None
    n_pictures = args.pictures or N_CHECK
    chosen = (
        annotations.pictures(args.images, n_pictures)
        if annotations
        else pictures.listed(args.images, n_pictures)
    )
    with engines.opened("onnx", reference, models) as engine:
        expected, name = detect_all(engine, chosen, _progress), engine.model
    if args.weights:
        with engines.with_weights(card, args.weights, models) as candidate:
            got = _look(args, candidate, chosen)
    else:
        got = _look(args, models, chosen)
    seen = agreement(list(expected.values()), list(got.values()))
    if annotations:
        before, after = (annotations.score(found).map for found in (expected, got))
        seen = replace(seen, map_drop=round((before or 0.0) - (after or 0.0), 2))
    return _report(args, seen, f"onnx with {name}")


def _look(args: argparse.Namespace, models: Models, chosen: list[Path]) -> dict[Path, Detections]:
    with engines.opened(args.engine, args.name, models, precision=args.precision) as engine:
        return detect_all(engine, chosen, _progress)


def _report(args: argparse.Namespace, seen: Agreement, reference: str) -> int:
    objections = seen.objections()
    if args.json:
        print(json.dumps({**asdict(seen), "objections": objections}, indent=2))
    else:
        print(
            f"{args.name} on {args.engine} against {reference}, {seen.n_pictures} pictures:\n"
            f"  of {seen.n_reference} objects found      {seen.found:7.1%}\n"
            f"  of {seen.n_other} objects known      {seen.not_invented:7.1%}\n"
            f"  mean IoU of boxes        {seen.iou:7.3f}\n"
            f"  change of confidence     {seen.confidence_change:7.3f}"
        )
        if seen.map_drop is not None:
            print(f"  points of mAP lost       {seen.map_drop:7.2f}")
    for objection in objections:
        print(f"edge model: {args.name} on {args.engine}: {objection}", file=sys.stderr)
    if objections:
        print("edge model: refused; do not use it, build or convert it again", file=sys.stderr)
    return FAILED if objections else FINE


def _quantise(args: argparse.Namespace) -> int:
    from edge.workbench.quantise import quantise

    models = models_of(args)
    card, weights = _float_weights(models, args.name)
    frames = [pictures.read_frame(path) for path in pictures.listed(args.images, args.pictures)]

    def look(file: Path, n_pictures: int | None) -> list[Detections]:
        with (
            engines.with_weights(card, file, models) as candidate,
            engines.opened("onnx", card.name, candidate) as engine,
        ):
            detector = engine.detector()
            return [detector.detect(frame) for frame in frames[:n_pictures]]

    calibration = engines.tensors(args.name, models, frames)
    made = quantise(weights, calibration, look, _say, args.weight_bits)
    path = engines.install(
        made.model,
        card,
        into_of(args),
        suffix="int8",
        sha256=models.digest(weights),
        how=f"edge model quantise, {engines.software('onnxruntime')}, {len(frames)} pictures, "
        f"weights of {args.weight_bits} bits; of "
        f"{made.n_layers} convolutions these stay in float: {', '.join(made.in_float) or 'none'}",
    )
    _advise(path, args.images)
    return FINE


def _fp16(args: argparse.Namespace) -> int:
    from edge.workbench.fp16 import to_fp16

    models = models_of(args)
    card, weights = _float_weights(models, args.name)
    path = engines.install(
        to_fp16(weights),
        card,
        into_of(args),
        suffix="fp16",
        sha256=models.digest(weights),
        how=f"edge model fp16, {engines.software('onnxruntime')}; inputs and outputs stay float32",
    )
    _advise(path, Path("DIR"))
    return FINE


def _float_weights(models: Models, name: str) -> tuple[Card, Path]:
    card, path = models.card(name), models.find(name)
    digest = models.digest(path)
    precision = next(each.precision for each in card.weights if each.sha256 == digest)
    if precision != "fp32":
        made_from = f", {card.derived_from.model}" if card.derived_from else ""
        raise InputError(
            f"{name}: expected float weights, got {precision}; name the model they were made from"
            + made_from
        )
    return card, path


def _advise(path: Path, images: Path) -> None:
    name = path.parent.name
    print(f"{name}: {path}, with a card of its own")
    print(f"compare it with float before use: edge model check {name} --images {images}")


def _export(args: argparse.Namespace) -> int:
    from edge.workbench.export import export

    card = models_of(args).card(args.name)
    args.source = export(card, args.source)
    return pin(args, card)


def pin(args: argparse.Namespace, card: Card) -> int:
    """Accept a file as the weights of a card on this site, in the name of a person."""
    if args.source is None:
        raise InputError("--pin: expected a file to vouch for, got none; add --from FILE")
    path = pin_weights(card, args.source, into_of(args), args.pin, models_of(args))
    print(f"{card.name}: {path}, pinned by {args.pin} on {path.with_name('card.yaml')}")
    return FINE


def _say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


def _progress(n_done: int, n_all: int) -> None:
    if sys.stderr.isatty():
        print(
            f"{n_done} of {n_all} pictures", end="\n" if n_done == n_all else "\r", file=sys.stderr
        )
