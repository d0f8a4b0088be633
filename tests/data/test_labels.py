import pytest

from vton_aux.data.labels import (
    LABEL_SETS,
    LEFT_RIGHT,
    LIP,
    NECK,
    PALETTE,
    WORN_CLOTH,
    grouped,
)

# the list of the LIP data set
DOCUMENTED = {
    0: "background", 1: "hat", 2: "hair", 3: "glove", 4: "sunglasses", 5: "upper clothes",
    6: "dress", 7: "coat", 8: "socks", 9: "pants", 10: "jumpsuits", 11: "scarf", 12: "skirt",
    13: "face", 14: "left arm", 15: "right arm", 16: "left leg", 17: "right leg",
    18: "left shoe", 19: "right shoe",
}  # fmt: skip
RAW_NAMES = {**DOCUMENTED, 20: "neck"}
COARSE = {
    "background": {"background"},
    "head": {"hat", "hair", "sunglasses"},
    "face": {"face", "neck"},
    "upper clothes": {"upper clothes", "dress", "coat", "jumpsuits", "scarf"},
    "lower clothes": {"socks", "pants", "skirt"},
    "arms": {"glove", "left arm", "right arm"},
    "legs": {"left leg", "right leg", "left shoe", "right shoe"},
}
every = pytest.mark.parametrize("labels", LABEL_SETS.values(), ids=LABEL_SETS)


def names(labels, classes):
    return {labels.classes[c] for c in classes}


def test_there_are_three_sets():
    assert set(LABEL_SETS) == {"lip", "lip_neck", "coarse"}
    assert all(key == labels.name for key, labels in LABEL_SETS.items())


def test_the_raw_labels_are_those_of_lip():
    assert dict(enumerate(LIP)) == DOCUMENTED
    assert NECK == 20


def test_lip_and_lip_neck_keep_the_raw_labels():
    for key, count in (("lip", 20), ("lip_neck", 21)):
        labels = LABEL_SETS[key]
        assert labels.class_of == tuple(range(count))
        assert labels.classes == tuple(RAW_NAMES[raw] for raw in range(count))


def test_coarse_groups():
    labels = LABEL_SETS["coarse"]
    groups = {name: set() for name in labels.classes}
    for raw, c in enumerate(labels.class_of):
        groups[labels.classes[c]].add(RAW_NAMES[raw])
    assert groups == COARSE


@every
def test_every_raw_label_has_a_class_and_every_class_a_raw_label(labels):
    assert len(labels.class_of) in (20, 21)
    assert set(labels.class_of) == set(range(len(labels.classes)))
    assert len(set(labels.classes)) == len(labels.classes)


def test_only_lip_does_not_know_the_neck():
    knowing = {key for key, labels in LABEL_SETS.items() if len(labels.class_of) > NECK}
    assert knowing == {"lip_neck", "coarse"}


@every
def test_background_is_background_and_nothing_else(labels):
    assert labels.classes[labels.background] == "background"
    assert [raw for raw, c in enumerate(labels.class_of) if c == labels.background] == [0]


def test_the_background_is_where_raw_label_0_is():
    labels = grouped("three", {"skin": (1,), "cloth": (2,), "wall": (0,)}, skin=("skin",))
    assert (labels.background, labels.skin, labels.class_of) == (2, (0,), (2, 0, 1))


@pytest.mark.parametrize("raw", [(1, 3), (1, 1), (0, 1)])
def test_a_set_that_lacks_a_raw_label_or_has_it_twice_is_refused(raw):
    with pytest.raises(ValueError, match=r"label set odd: raw labels are .* each once"):
        grouped("odd", {"wall": (0,), "rest": raw}, skin=())


def test_skin_is_face_arms_and_legs():
    limbs = {"left arm", "right arm", "left leg", "right leg"}
    assert names(LABEL_SETS["lip"], LABEL_SETS["lip"].skin) == {"face"} | limbs
    assert names(LABEL_SETS["lip_neck"], LABEL_SETS["lip_neck"].skin) == {"face", "neck"} | limbs
    assert names(LABEL_SETS["coarse"], LABEL_SETS["coarse"].skin) == {"face", "arms", "legs"}


@every
def test_no_cloth_is_skin(labels):
    assert len(set(labels.skin)) == len(labels.skin)
    assert labels.background not in labels.skin
    assert not {labels.class_of[raw] for raw in (*WORN_CLOTH, 9, 12)} & set(labels.skin)


def test_the_cloth_of_the_shop_replaces_upper_clothes_dress_and_coat():
    assert {RAW_NAMES[raw] for raw in WORN_CLOTH} == {"upper clothes", "dress", "coat"}


def test_left_and_right_labels_are_pairs():
    expected = {("left arm", "right arm"), ("left leg", "right leg"), ("left shoe", "right shoe")}
    assert {(RAW_NAMES[a], RAW_NAMES[b]) for a, b in LEFT_RIGHT} == expected


@every
def test_colours_are_distinct(labels):
    assert len(labels.colours) == len(labels.classes)
    assert len(set(labels.colours)) == len(labels.classes)
    assert all(0 <= value <= 255 for colour in labels.colours for value in colour)


@every
def test_a_class_has_the_colour_of_one_of_its_labels(labels):
    for c, colour in enumerate(labels.colours):
        assert colour in {PALETTE[raw] for raw, of in enumerate(labels.class_of) if of == c}
