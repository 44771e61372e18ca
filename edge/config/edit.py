"""Edit: new values in a technician's file, with comments, order and everything else as they were.

Pure. The text is changed only where a value stands; nothing is parsed and written out again.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import yaml

from edge.config.problem import KeyPath

Span = tuple[int, int]
"""Where a value begins and ends in its text, in characters."""


def spans(text: str) -> dict[KeyPath, Span]:
    """Find every value of a file.

    Args:
        text: Valid YAML.

    Returns:
        Begin and end by path, of single values, lists and blocks; empty for an empty file. A block
        that is indented rather than in braces ends where the next key begins.

    Raises:
        yaml.YAMLError: It is not YAML.
    """
    root = yaml.compose(text, Loader=yaml.SafeLoader)
    return dict(_spans(root, ())) if root is not None else {}


def replaced(text: str, values: Mapping[KeyPath, str]) -> str:
    """Put other values in place of some.

    Args:
        text: Valid YAML.
        values: By path, each as it is to stand in the file, such as `!secret mqtt.password`.

    Raises:
        KeyError: There is no value of that path.
        yaml.YAMLError: It is not YAML.
    """
    places = spans(text)
    for (begin, end), value in sorted(
        ((places[path], value) for path, value in values.items()), reverse=True
    ):
        text = text[:begin] + value + text[end:]
    return text


def _spans(node: yaml.Node, path: KeyPath) -> Iterator[tuple[KeyPath, Span]]:
    yield path, (node.start_mark.index, node.end_mark.index)
    if isinstance(node, yaml.MappingNode):
        for key, value in node.value:
            yield from _spans(value, (*path, str(key.value)))
    elif isinstance(node, yaml.SequenceNode):
        for i, item in enumerate(node.value):
            yield from _spans(item, (*path, i))
