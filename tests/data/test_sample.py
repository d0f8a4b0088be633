import dataclasses
import io
import json

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image, UnidentifiedImageError
from scipy import ndimage

from vton_aux.data.layout import SampleFiles, files_of, read_pairs
from vton_aux.data.sample import plain_background_mask, read_parse, read_photo, read_sample
from vton_aux.data.synthetic import write_dataset
from vton_aux.data.synthetic.garment import draw_garment
from vton_aux.data.synthetic.shop import lay_flat
from vton_aux.errors import UserError


@pytest.fixture(scope="module")
def root(tmp_path_factory):
    folder = tmp_path_factory.mktemp("sample") / "viton"
    write_dataset(folder, train=4, test=2, seed=5, size=(128, 96), progress=False)
    return folder


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("drawn")


@pytest.fixture(scope="module")
def draw(folder):
    """Files of a pair with exact pixels: PNGs, whatever the suffix."""

    def call(person=None, parse=None, joints=None, cloth=None, mask=None) -> SampleFiles:
        person = grey(8, 6) if person is None else person
        cloth = grey(*person.shape[:2]) if cloth is None else cloth
        arrays = {
            "image": person,
            "parse": np.zeros(person.shape[:2], np.uint8) if parse is None else parse,
            "cloth": cloth,
            "cloth_mask": np.zeros(cloth.shape[:2], np.uint8) if mask is None else mask,
        }
        for name, array in arrays.items():
            Image.fromarray(array).save(folder / name, "PNG")
        points = np.full((18, 3), 5.0) if joints is None else joints
        people = [{"pose_keypoints": np.asarray(points, float).ravel().tolist()}]
        (folder / "pose").write_text(json.dumps({"people": people}))
        return SampleFiles(**{n: folder / n for n in (*arrays, "pose")})

    return call


def grey(height, width):
    return np.full((height, width, 3), 90, np.uint8)


def noise(height, width, high=256, seed=0, channels=()):
    return np.random.default_rng(seed).integers(high, size=(height, width, *channels), dtype="u1")


def iou(one, other):
    return (one & other).sum() / (one | other).sum()


def refusal(call, *arguments) -> str:
    with pytest.raises(UserError) as told:
        call(*arguments)
    assert "\n" not in str(told.value)
    return str(told.value)


# photos


@pytest.mark.parametrize("name", ["image/000000_0.jpg", "cloth/000002_1.jpg"])
def test_a_photo_is_decoded_as_pil_does(root, name):
    path = root / "train" / name
    with Image.open(path) as image:
        expected = np.array(image.convert("RGB")).astype(int)
    assert np.abs(read_photo(path) - expected).max() <= 2


@pytest.mark.parametrize(
    ("mode", "options"),
    [
        ("RGB", {"quality": 75}),
        ("RGB", {"quality": 95, "subsampling": 0}),
        ("RGB", {"quality": 90, "progressive": True}),
        ("L", {"quality": 90}),
    ],
)
def test_every_kind_of_jpeg_is_decoded_as_pil_does(folder, mode, options):
    smooth = (
        ndimage.gaussian_filter(noise(67, 53, channels=(3,)).astype(float), (3, 3, 0)) * 2 - 128
    )
    image = Image.fromarray(smooth.clip(0, 255).astype(np.uint8)).convert(mode)
    image.save(folder / "kind.jpg", **options)
    with Image.open(folder / "kind.jpg") as saved:
        expected = np.array(saved.convert("RGB")).astype(int)
    assert expected.shape == (67, 53, 3)
    assert np.abs(read_photo(folder / "kind.jpg") - expected).max() <= 2


def test_red_is_the_first_channel(folder):
    Image.new("RGB", (8, 8), (250, 10, 60)).save(folder / "red.jpg", quality=98)
    assert np.abs(read_photo(folder / "red.jpg")[4, 4] - (250, 10, 60)).max() <= 3


@pytest.mark.parametrize("mode", ["RGBA", "LA", "P"])
def test_what_is_transparent_is_white(folder, mode):
    """A cloth cut out of its background, whose hidden pixels are black."""
    rgba = np.zeros((8, 6, 4), np.uint8)
    rgba[2:6] = 90, 90, 90, 255
    if mode == "RGBA":
        rgba[2] = 0, 0, 0, 51
    cut = Image.fromarray(rgba)
    (cut.quantize() if mode == "P" else cut.convert(mode)).save(folder / "cut", "PNG")
    expected = np.full((8, 6, 3), 255)
    expected[2:6] = 90
    if mode == "RGBA":
        expected[2] = 204  # a fifth of black on white
    assert np.abs(read_photo(folder / "cut").astype(int) - expected).max() <= 1


def test_a_format_that_pillow_does_not_know_is_read(folder):
    cv2.imwrite(str(folder / "photo.hdr"), np.full((8, 6, 3), 0.5, np.float32))
    with pytest.raises(UnidentifiedImageError), Image.open(folder / "photo.hdr"):
        pass
    assert read_photo(folder / "photo.hdr").shape == (8, 6, 3)


def test_a_photo_of_the_wanted_size_is_left_as_it_is(draw):
    person = noise(8, 6, channels=(3,))
    assert (read_sample(draw(person), (8, 6), 20)["person"] == person).all()


def test_half_a_photo_is_the_mean_of_each_four_pixels(draw):
    person, cloth = noise(16, 12, channels=(3,)), noise(16, 12, seed=1, channels=(3,))
    sample = read_sample(draw(person, cloth=cloth), (8, 6), 20)
    for name, full in (("person", person), ("cloth", cloth)):
        means = full.reshape(8, 2, 6, 2, 3).mean(axis=(1, 3))
        assert np.abs(sample[name] - means).max() <= 0.5


def test_a_photo_grows_as_pil_grows_it(draw):
    person = noise(16, 12, channels=(3,))
    grown = read_sample(draw(person), (64, 48), 20)["person"]
    expected = Image.fromarray(person).resize((48, 64), Image.Resampling.BILINEAR)
    assert np.abs(grown - np.array(expected).astype(int)).max() <= 2


# labels


def test_labels_are_exact_at_factor_two(draw):
    labels = noise(8, 6, high=20)
    double = np.kron(labels, np.ones((2, 2), np.uint8))
    assert (read_sample(draw(grey(16, 12), double), (8, 6), 20)["parse"] == labels).all()
    assert (read_sample(draw(grey(8, 6), labels), (16, 12), 20)["parse"] == double).all()


@settings(max_examples=60, deadline=None)
@given(
    size=st.tuples(st.integers(3, 40), st.integers(3, 40)),
    wanted=st.tuples(st.integers(1, 50), st.integers(1, 50)),
)
def test_labels_are_copied_from_the_nearest_pixel(draw, size, wanted):
    ramp = np.arange(size[0] * size[1]) % 20
    parse = ramp.reshape(size).astype(np.uint8)
    resized = read_sample(draw(grey(*size), parse), wanted, 20)["parse"]
    assert resized.shape == wanted
    assert resized.dtype == np.uint8
    for (i, j), label in np.ndenumerate(resized):  # the centre of each pixel lies in its source
        y, x = (i + 0.5) * size[0] / wanted[0], (j + 0.5) * size[1] / wanted[1]
        rows = {int(y), max(0, int(np.ceil(y)) - 1)}
        columns = {int(x), max(0, int(np.ceil(x)) - 1)}
        assert label in {int(parse[r, c]) for r in rows for c in columns}


def test_no_labels_appear_between_two(draw):
    parse = np.zeros((30, 22), np.uint8)
    parse[9:21, 7:18] = 14
    for size in ((64, 64), (20, 15), (31, 23), (7, 5)):
        assert set(np.unique(read_sample(draw(grey(30, 22), parse), size, 20)["parse"])) == {0, 14}


@pytest.mark.parametrize("mode", ["P", "L"])
def test_a_parse_is_read_as_indices(folder, mode):
    labels = noise(8, 6, high=20)
    image = Image.fromarray(labels)
    if mode == "P":
        image.putpalette([255 - i // 3 for i in range(768)])
    image.save(folder / "indices.png")
    with Image.open(folder / "indices.png") as saved:
        assert saved.mode == mode
    assert (read_parse(folder / "indices.png", 20) == labels).all()


@pytest.mark.parametrize("mode", ["RGB", "RGBA", "1", "I;16"])
def test_a_parse_of_colours_is_refused(folder, mode):
    Image.new(mode, (6, 8)).save(folder / "colours.png")
    message = refusal(read_parse, folder / "colours.png", 20)
    assert str(folder / "colours.png") in message
    assert "indices" in message


@pytest.mark.parametrize(("highest", "raw_labels", "fits"), [
    (19, 20, True), (20, 20, False), (20, 21, True), (21, 21, False), (255, 20, False),
])  # fmt: skip
def test_labels_outside_the_set_are_refused(draw, highest, raw_labels, fits):
    parse = np.zeros((8, 6), np.uint8)
    parse[3, 2] = highest
    files = draw(parse=parse)
    if fits:
        assert read_sample(files, (8, 6), raw_labels)["parse"][3, 2] == highest
    else:
        message = refusal(read_sample, files, (8, 6), raw_labels)
        assert str(files.parse) in message
        assert f"label {highest}" in message


def test_the_message_about_label_20_names_the_set_that_knows_it(draw):
    assert "lip_neck" in refusal(read_sample, draw(parse=np.full((8, 6), 20, "u1")), (8, 6), 20)


def test_a_parse_of_another_size_than_its_image_is_refused(draw):
    files = draw(grey(8, 6), np.zeros((6, 8), np.uint8))
    message = refusal(read_sample, files, (8, 6), 20)
    assert str(files.parse) in message
    assert "8x6" in message
    assert "6x8" in message


# joints


@pytest.mark.parametrize("size", [(8, 6), (16, 12), (64, 48), (128, 96), (64, 96), (50, 31)])
def test_joints_scale_with_the_image(draw, size):
    y, x = 18, 9  # a bright square of 3 x 3 pixels, and a joint in its middle
    person = np.zeros((32, 24, 3), np.uint8)
    person[y - 1 : y + 2, x - 1 : x + 2] = 255
    joints = [(x, y, 1), *[(0, 0, 0)] * 17]
    sample = read_sample(draw(person, joints=joints), size, 20)
    mean = sample["person"].mean(axis=2)
    centre = (mean * np.indices(size)).sum(axis=(1, 2)) / mean.sum()
    scale = np.array(size) / (32, 24)
    assert (np.abs(sample["joints"][0, 1::-1] - centre) <= 0.5 * np.maximum(scale, 1)).all()
    assert sample["joints"][:, 2].tolist() == [1, *[0] * 17]


def test_joints_at_the_same_size_stay(draw):
    joints = np.random.default_rng(0).uniform(2, 6, (18, 3)).astype(np.float32)
    sample = read_sample(draw(joints=joints), (8, 6), 20)
    assert (sample["joints"][:, :2] == joints[:, :2]).all()


# cloth masks


def test_a_cloth_mask_is_cut_at_128(draw):
    mask = np.arange(256, dtype=np.uint8).reshape(16, 16)
    sample = read_sample(draw(grey(16, 16), mask=mask), (16, 16), 20)
    assert sample["cloth_mask"].dtype == np.uint8
    assert (sample["cloth_mask"].ravel() == [0] * 128 + [1] * 128).all()


def test_a_mask_of_zeros_and_ones_is_refused(draw):
    mask = np.zeros((16, 16), np.uint8)
    mask[4:12] = 1
    told = refusal(read_sample, draw(grey(16, 16), mask=mask), (16, 16), 20)
    assert "cloth_mask: its brightest pixel is 1" in told
    assert "255" in told


def test_a_cloth_mask_is_cut_after_it_shrinks(draw):
    mask = np.array([[0, 0, 0, 200], [0, 200, 200, 200]], np.uint8)
    sample = read_sample(draw(grey(2, 4), mask=mask), (1, 2), 20)
    assert sample["cloth_mask"].tolist() == [[0, 1]]


def test_a_cloth_may_have_another_size_than_the_person(draw):
    cloth, mask = grey(20, 30), np.zeros((20, 30), np.uint8)
    mask[:, 15:] = 255
    sample = read_sample(draw(grey(8, 6), cloth=cloth, mask=mask), (8, 6), 20)
    assert sample["cloth"].shape == (8, 6, 3)
    assert (sample["cloth_mask"] == [0, 0, 0, 1, 1, 1]).all()


def test_a_missing_cloth_mask_is_found_on_the_plain_background():
    checked = 0
    for k in range(30):
        shop = lay_flat(draw_garment((11, k, 1)), 256, 192)
        contrast = np.abs(shop.picture.astype(int) - shop.picture[0, 0]).max(axis=2)
        if (contrast[shop.mask > 0] < 20).mean() > 0.02:
            continue  # white on white
        assert iou(plain_background_mask(shop.picture) > 0, shop.mask > 0) > 0.95
        checked += 1
    assert checked >= 15


def test_a_missing_cloth_mask_is_found_in_the_file_too(root):
    for pair in read_pairs(root, "train"):
        files = files_of(root, "train", pair)
        drawn = read_sample(files, (128, 96), 20)["cloth_mask"]
        without = dataclasses.replace(files, cloth_mask=None)
        found = read_sample(without, (128, 96), 20)["cloth_mask"]
        assert set(np.unique(found)) == {0, 1}
        assert iou(found > 0, drawn > 0) > 0.95


@pytest.mark.parametrize("background", [(255, 255, 255), (240, 236, 230), (20, 40, 60)])
def test_a_hole_that_the_background_shows_through_belongs_to_the_cloth(background):
    rows, columns = np.mgrid[:60, :50]
    distance = np.hypot(rows - 30, columns - 25)
    cloth = np.full((60, 50, 3), background, np.uint8)
    cloth[(distance < 20) & (distance > 8)] = (130, 130, 130)
    assert iou(plain_background_mask(cloth) > 0, distance < 20) > 0.99


def test_jpeg_noise_in_the_background_is_no_cloth():
    cloth = 255 - noise(60, 50, high=10, channels=(3,))
    cloth[20:40, 15:35] = 100
    square = cloth.max(axis=2) == 100
    assert iou(plain_background_mask(cloth) > 0, square) > 0.98


# broken files


@pytest.mark.parametrize("share", [0.02, 0.3, 0.6, 0.95])
@pytest.mark.parametrize("name", ["image", "cloth", "cloth_mask", "parse"])
def test_a_file_that_was_cut_short_is_named(root, folder, name, share):
    files = files_of(root, "train", read_pairs(root, "train")[0])
    data = getattr(files, name).read_bytes()
    cut = folder / f"cut{getattr(files, name).suffix}"
    cut.write_bytes(data[: int(share * len(data))])
    message = refusal(read_sample, dataclasses.replace(files, **{name: cut}), (128, 96), 20)
    assert str(cut) in message


@pytest.mark.parametrize("content", [b"", b"\x00" * 50, b"<html>404 Not Found</html>"])
@pytest.mark.parametrize("name", ["image", "parse", "pose", "cloth", "cloth_mask"])
def test_a_file_that_is_no_picture_is_named(root, folder, name, content):
    files = files_of(root, "train", read_pairs(root, "train")[0])
    (folder / "broken").write_bytes(content)
    broken = dataclasses.replace(files, **{name: folder / "broken"})
    assert str(folder / "broken") in refusal(read_sample, broken, (128, 96), 20)


@pytest.mark.parametrize("name", ["image", "parse", "pose", "cloth", "cloth_mask"])
def test_a_file_that_is_not_there_is_named(root, folder, name):
    files = files_of(root, "train", read_pairs(root, "train")[0])
    gone = dataclasses.replace(files, **{name: folder / "gone.xyz"})
    message = refusal(read_sample, gone, (128, 96), 20)
    assert str(folder / "gone.xyz") in message
    assert "missing" in message


@pytest.mark.parametrize("name", ["image", "parse", "cloth", "cloth_mask"])
def test_a_folder_in_place_of_a_picture_is_named(root, folder, name):
    files = files_of(root, "train", read_pairs(root, "train")[0])
    swapped = dataclasses.replace(files, **{name: folder})
    assert str(folder) in refusal(read_sample, swapped, (128, 96), 20)


def test_a_thumbnail_inside_a_cut_photo_does_not_make_it_whole(folder):
    small, large = io.BytesIO(), io.BytesIO()
    Image.new("RGB", (16, 16)).save(small, "JPEG")
    Image.fromarray(noise(64, 64, channels=(3,))).save(large, "JPEG", exif=_exif(small.getvalue()))
    data = large.getvalue()
    (folder / "thumbnail.jpg").write_bytes(data)
    assert read_photo(folder / "thumbnail.jpg").shape == (64, 64, 3)
    assert small.getvalue() in data[: len(data) - 4096]
    for cut in (data[:-2], data[:-200], data[:-4096]):
        (folder / "thumbnail.jpg").write_bytes(cut)
        assert "thumbnail.jpg" in refusal(read_photo, folder / "thumbnail.jpg")


def _exif(thumbnail: bytes) -> bytes:
    return b"Exif\x00\x00MM\x00*\x00\x00\x00\x08\x00\x00\x00\x00\x00\x00" + thumbnail


def test_a_phone_photo_with_a_film_behind_it_is_whole(folder):
    file = io.BytesIO()
    Image.fromarray(noise(64, 64, channels=(3,))).save(file, "JPEG")
    (folder / "motion.jpg").write_bytes(file.getvalue() + b"\x00\x00\x00\x18ftypmp42" * 500)
    assert read_photo(folder / "motion.jpg").shape == (64, 64, 3)
