"""Which samples count under which protocol, found from the files' content, never from a list.

    official     every pair of the test set, as published (2,032 on VITON)
    clean        the first of each distinct test photo that is no copy of a training photo (416)
    validation   the pairs cut out of train for model selection

VITON's published test set shares 1,575 of its photos with the training set, so `official` scores
are partly scores on training data.
"""

from collections.abc import Sequence
from pathlib import Path

import pandas as pd

from vton_aux.data.content import content_hashes
from vton_aux.data.layout import Pair, Pairing, files_of, own_cloth, read_pairs

PROTOCOLS = {
    "official": "all test pairs as published, copies of training photos among them",
    "clean": "distinct test photos that are no copy of a training photo",
    "validation": "pairs cut out of train, no copy of a photo or cloth on both sides",
}


def validation_flags(pairs: Sequence[Pair]) -> pd.DataFrame:
    """`test_flags` of validation pairs: grouped by content already, so none is a copy."""
    return pd.DataFrame(
        {
            "person": [pair.person for pair in pairs],
            "cloth": [pair.cloth for pair in pairs],
            "pairing": "paired",
            "validation": True,
        }
    )


def test_flags(root: Path, pairs: Sequence[Pair], pairing: Pairing) -> pd.DataFrame:
    """A row a test pair, in the order of `pairs`, with what its content tells.

    Columns: person, cloth, pairing; official: True; seen_in_training: the photo is byte-identical
    to one that the training list names; copy: it is byte-identical to the photo of an earlier row;
    clean: neither; own_cloth: the cloth is the person's own by content, so an unpaired row is in
    truth paired.
    """
    photos = [files_of(root, "test", pair).image for pair in pairs]
    trained = [files_of(root, "train", pair).image for pair in read_pairs(root, "train")]
    digests = content_hashes([*photos, *trained], "looking for copies")
    seen = {digests[path] for path in trained}
    own = [_is_own(root, pair) for pair in pairs]
    contents = pd.Series([digests[path] for path in photos])
    table = pd.DataFrame(
        {
            "person": [pair.person for pair in pairs],
            "cloth": [pair.cloth for pair in pairs],
            "pairing": pairing,
            "official": True,
            "seen_in_training": contents.isin(seen),
            "copy": contents.duplicated(),
            "own_cloth": own,
        }
    )
    table.insert(4, "clean", ~table["seen_in_training"] & ~table["copy"])
    return table


def _is_own(root: Path, pair: Pair) -> bool:
    own = own_cloth(pair.person)
    if own == pair.cloth:
        return True
    files = [root / "test" / "cloth" / name for name in (own, pair.cloth)]
    if not files[0].is_file() or files[0].stat().st_size != files[1].stat().st_size:
        return False
    return files[0].read_bytes() == files[1].read_bytes()
