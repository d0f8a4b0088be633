import random
import tempfile
from collections import defaultdict
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from vton_aux.data.layout import Pair
from vton_aux.data.split import split_validation

ALONE = [(k, k) for k in range(40)]  # forty people, each in a cloth of its own
fractions = st.sampled_from([0.0, 0.05, 0.2, 0.5, 0.8])
wardrobes = st.lists(st.tuples(st.integers(0, 9), st.integers(0, 9)), min_size=1, max_size=14)


def write(root, contents, name="{:06d}"):
    """A folder whose k-th pair holds the k-th (person, cloth) of `contents`; equal is a copy."""
    pairs = []
    for folder in ("image", "cloth"):
        (root / "train" / folder).mkdir(parents=True)
    for k, (person, cloth) in enumerate(contents):
        pair = Pair(f"{name.format(k)}_0.jpg", f"{name.format(k)}_1.jpg")
        (root / "train" / "image" / pair.person).write_bytes(b"person %d" % person)
        (root / "train" / "cloth" / pair.cloth).write_bytes(b"cloth %d" % cloth)
        pairs.append(pair)
    return pairs


def contents_of(root, pairs):
    return [
        ((root / "train" / "image" / p.person).read_text(),
         (root / "train" / "cloth" / p.cloth).read_text())
        for p in pairs
    ]  # fmt: skip


def split(contents, fraction, seed, name="{:06d}"):
    """The contents on both sides."""
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        pairs = write(root, contents, name)
        sides = split_validation(root, pairs, fraction, seed)
        return tuple(contents_of(root, side) for side in sides)


@settings(max_examples=40, deadline=None)
@given(wardrobes, fractions, st.integers(0, 5))
def test_no_image_and_no_cloth_is_on_both_sides(contents, fraction, seed):
    train, validation = split(contents, fraction, seed)
    for part in (0, 1):
        assert not {pair[part] for pair in train} & {pair[part] for pair in validation}


@settings(max_examples=40, deadline=None)
@given(wardrobes, fractions, st.integers(0, 5))
def test_nothing_is_lost_and_validation_has_each_once(contents, fraction, seed):
    train, validation = split(contents, fraction, seed)
    everything = [(f"person {p}", f"cloth {c}") for p, c in contents]
    assert len(set(validation)) == len(validation)
    assert set(train) | set(validation) == set(everything)
    # training keeps its copies, and both sides keep the order
    assert train == [pair for pair in everything if pair not in set(validation)]
    assert validation == [p for p in dict.fromkeys(everything) if p in set(validation)]


@settings(max_examples=40, deadline=None)
@given(wardrobes, fractions, st.integers(0, 5), st.randoms())
def test_neither_order_nor_names_matter(contents, fraction, seed, chance):
    shuffled = chance.sample(contents, len(contents))
    one = split(contents, fraction, seed)
    other = split(shuffled, fraction, seed, name="z{:03d}")
    assert [sorted(side) for side in one] == [sorted(side) for side in other]


def test_a_group_is_the_same_whichever_of_its_pairs_comes_first():
    tied = [(k, k // 4) for k in range(40)]
    for seed in range(5):
        forward, backward = split(tied, 0.3, seed)[1], split(tied[::-1], 0.3, seed)[1]
        assert sorted(forward) == sorted(backward)


def test_byte_identical_copies_under_other_names_stay_together(tmp_path):
    contents = [(k % 20, k % 20) for k in range(60)]
    pairs = write(tmp_path, contents)
    train, validation = split_validation(tmp_path, pairs, 0.2, 0)
    assert len(validation) == 4
    assert len(train) == 3 * 16
    seen = defaultdict(int)
    for person, _ in contents_of(tmp_path, train):
        seen[person] += 1
    assert set(seen.values()) == {3}


def test_copies_of_a_cloth_tie_different_people_together():
    contents = [(k, k // 4) for k in range(40)]  # four people a cloth
    for seed in range(5):
        train, validation = split(contents, 0.2, seed)
        assert len(validation) == 8
        assert len(train) == 32
        assert len({cloth for _, cloth in validation}) == 2


def test_a_chain_of_copies_is_one_group():
    chain = [(0, 0), (0, 1), (1, 1), (1, 2), (2, 2)]
    others = [(k, k) for k in range(10, 13)]
    whole = {(f"person {p}", f"cloth {c}") for p, c in chain}
    cut = [whole & {*split([*chain, *others], 0.65, seed)[1]} for seed in range(30)]
    assert {len(part) for part in cut} == {0, 5}


def test_a_group_larger_than_the_validation_set_stays_in_training():
    one_shirt = [(k, 0) for k in range(40)]
    others = [(k, k) for k in range(100, 140)]
    for seed in range(25):
        _, validation = split([*one_shirt, *others], 0.05, seed)
        assert len(validation) == 2
        assert len(split([*one_shirt, *others[:3]], 0.05, seed)[1]) == 1  # of two pairs at most
    assert split(one_shirt, 0.05, 0)[0] == []  # told by the data module: nothing is left


@pytest.mark.parametrize(
    ("fraction", "expected"), [(0.0, 0), (0.001, 1), (0.05, 2), (0.25, 10), (0.5, 20), (0.9, 36)]
)
def test_the_fraction_counts_distinct_images(fraction, expected):
    copies = ALONE + random.Random(0).choices(ALONE, k=30)
    train, validation = split(copies, fraction, 0)
    assert len(validation) == expected
    assert len(set(train)) == 40 - expected


def test_the_seed_decides():
    sides = [split(ALONE, 0.25, seed)[1] for seed in (0, 1, 2, 0)]
    assert sides[0] == sides[3]
    assert sides[0] != sides[1]
    assert sides[0] != sides[2]
    assert sides[1] != sides[2]


def test_every_image_can_be_chosen(tmp_path):
    pairs = write(tmp_path, ALONE)
    chosen = {p for seed in range(60) for p in split_validation(tmp_path, pairs, 0.2, seed)[1]}
    assert len(chosen) == 40
