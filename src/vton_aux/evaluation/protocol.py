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
from vton_aux.data.layout import Pair, Pairing, files_of, names_own_cloth, own_cloth, read_pairs

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

    Columns: person, cloth, pairing; official: True; clean: a photo that is neither seen_in_training
    nor a copy; photo: the row's number among the distinct photos; seen_in_training: the photo is
    byte-identical to one that the training list names; cloth_seen: the cloth is, so the warp may
    know it; copy: the photo is that of an earlier row; own_cloth: the cloth is the person's own, as
    far as the person's name tells it, so an unpaired row is in truth paired.
    """
    files = [files_of(root, "test", pair) for pair in pairs]
    trained = [files_of(root, "train", pair) for pair in read_pairs(root, "train")]
    own = {
        pair.person: root / "test" / "cloth" / own_cloth(pair.person)
        for pair in pairs
        if names_own_cloth(pair.person)
    }
    listed = [path for f in (*files, *trained) for path in (f.image, f.cloth)]
    digests = content_hashes([*listed, *filter(Path.is_file, own.values())], "looking for copies")
    photos = pd.Series([digests[f.image] for f in files])
    cloths = pd.Series([digests[f.cloth] for f in files])
    seen = photos.isin({digests[f.image] for f in trained})
    copy = photos.duplicated()
    return pd.DataFrame(
        {
            "person": [pair.person for pair in pairs],
            "cloth": [pair.cloth for pair in pairs],
            "pairing": pairing,
            "official": True,
            "clean": ~seen & ~copy,
            "photo": pd.factorize(photos)[0],
            "seen_in_training": seen,
            "cloth_seen": cloths.isin({digests[f.cloth] for f in trained}),
            "copy": copy,
            "own_cloth": [
                pair.person in own and digests.get(own[pair.person]) == cloth
                for pair, cloth in zip(pairs, cloths, strict=True)
            ],
        }
    )
