"""A validation set cut out of train, with all copies of an image on one side."""

from collections import Counter
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from vton_aux.data.content import content_hashes
from vton_aux.data.layout import Pair, files_of


def split_validation(
    root: Path, pairs: Sequence[Pair], fraction: float, seed: int
) -> tuple[list[Pair], list[Pair]]:
    """Cut about `fraction` of the distinct person images out of `pairs`.

    Pairs are grouped by content: two pairs with byte-identical person images, or byte-identical
    cloths, are in one group, and a group stands on one side whole. Which groups are cut out is a
    pure function of the contents and of `seed`; neither names nor the order of `pairs` matter.

    Args:
        fraction: share of the groups, 0 <= fraction < 1; at least one group where it is above 0. A
            group that alone holds more than this share of the pairs (all models in one shirt) stays
            in training, as long as there is a smaller one.

    Returns:
        The training pairs with their copies, and the validation pairs with each distinct
        (person, cloth) once; both in the order of `pairs`.
    """
    files = [files_of(root, "train", pair) for pair in pairs]
    digests = content_hashes((p for f in files for p in (f.image, f.cloth)), "grouping copies")
    contents = [(digests[f.image], digests[f.cloth]) for f in files]
    groups = _groups(contents)
    # the smallest content names a group: it does not depend on names or order
    names: dict[int, tuple[str, str]] = {}
    for group, content in zip(groups, contents, strict=True):
        names[group] = min(names.get(group, content), content)
    ordered = sorted(names, key=names.__getitem__)
    count = max(1, round(fraction * len(ordered))) if fraction > 0 else 0
    pairs_of = Counter(groups)
    most = max(fraction * len(pairs), min(pairs_of.values()))
    drawn = [ordered[i] for i in np.random.default_rng(seed).permutation(len(ordered))]
    cut = {*[group for group in drawn if pairs_of[group] <= most][:count]}
    train = [pair for pair, group in zip(pairs, groups, strict=True) if group not in cut]
    first: dict[tuple[str, str], Pair] = {}
    for pair, group, content in zip(pairs, groups, contents, strict=True):
        if group in cut:
            first.setdefault(content, pair)
    return train, list(first.values())


def _groups(contents: Sequence[tuple[str, str]]) -> list[int]:
    """Connected components of pairs that share a person image or a cloth."""
    nodes: dict[tuple[str, str], int] = {}
    edges = [
        (nodes.setdefault(("person", p), len(nodes)), nodes.setdefault(("cloth", c), len(nodes)))
        for p, c in contents
    ]
    rows, columns = np.array(edges).T
    graph = coo_array((np.ones(len(edges)), (rows, columns)), shape=(len(nodes), len(nodes)))
    _, component = connected_components(graph, directed=False)
    return [int(component[row]) for row in rows]
