import json
from pathlib import Path

import numpy as np
import pytest
import torch
import yaml
from PIL import Image, ImageDraw
from scipy import ndimage

from pose_maps import pose_maps
from vton_aux.config import config_folder
from vton_aux.data.pose import read_pose
from vton_aux.representation import (
    PersonRepresentation,
    _grown,
    _person_by_pixel,
    _shrunk,
    body_shape,
    joint_bits,
    label_mask,
    on_white,
    person_maps,
    to_signed,
    to_unit,
)

SIZES = [(256, 192), (128, 96)]
BLURS = [((256, 192), 16), ((128, 96), 8), ((512, 384), 32)]  # 12 x 16 cells at each size


def settings(name):
    return yaml.safe_load((Path(config_folder()) / "representation" / f"{name}.yaml").read_text())


def random_batch(size=(256, 192), samples=2, seed=0):
    rng = np.random.default_rng(seed)
    height, width = size
    coarse = rng.integers(0, 21, (samples, height // 8, width // 8), dtype=np.uint8)
    xy = rng.uniform(2, (width, height), (samples, 18, 2))
    batch = {
        "person": rng.integers(0, 256, (samples, 3, *size), dtype=np.uint8),
        "cloth": rng.integers(0, 256, (samples, 3, *size), dtype=np.uint8),
        "cloth_mask": rng.integers(0, 2, (samples, 1, *size), dtype=np.uint8),
        "parse": coarse.repeat(8, axis=1).repeat(8, axis=2),
        "joints": np.dstack([xy, rng.integers(0, 2, (samples, 18))]).astype(np.float32),
    }
    return {name: torch.from_numpy(value) for name, value in batch.items()}


def silhouettes(size, count, seed=0):
    """Blobs and, in the end, noise; raw labels above 0."""
    rng = np.random.default_rng(seed)
    for i in range(count):
        field = rng.normal(size=size)
        if i < count - 1:
            field = ndimage.gaussian_filter(field, size[0] / 25)
        yield np.where(field > 0, rng.integers(1, 20, size), 0)


def shrunk_and_grown(parse, factor):
    height, width = parse.shape
    picture = Image.fromarray((parse > 0).astype(np.uint8) * 255)
    small = picture.resize((width // factor, height // factor), Image.Resampling.BILINEAR)
    return np.asarray(small.resize((width, height), Image.Resampling.BILINEAR))


def grey(shape):
    return (shape.double() + 1) * 127.5


def drawn(joints, size, radius):
    """As CP-VTON draws them: every joint with PIL, one by one, none with x <= 1 or y <= 1."""
    maps = []
    for x, y in joints:
        picture = Image.new("L", (size[1], size[0]))
        if x > 1 and y > 1:
            box = (x - radius, y - radius, x + radius, y + radius)
            ImageDraw.Draw(picture).rectangle(box, "white", "white")
        maps.append(np.asarray(picture))
    return np.stack(maps) > 0


def openpose(size, seed):
    """18 joints: inside, along each border and beyond it, and some that were not found."""
    rng = np.random.default_rng(seed)
    height, width = size
    xy = rng.uniform(0.5, (width + 3, height + 3), (18, 2))
    xy[:3] = rng.uniform(1.01, 5, (3, 2))
    xy[3:5] = rng.uniform((width - 4, height - 4), (width, height), (2, 2))
    xy[5:7] = np.round(xy[5:7] * 2) / 2
    xy[7], xy[8], xy[9] = (0, 0), (1, height / 2), (width / 2, 1)
    return xy.astype(np.float32)


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("seed", range(6))
def test_pose_maps_are_pils_rectangles(tmp_path, size, seed):
    radius = 5 * size[0] / 256
    xy = openpose(size, seed)
    flat = [value for x, y in xy.tolist() for value in (x, y, 0.9)]
    file = tmp_path / "pose.json"
    file.write_text(json.dumps({"people": [{"pose_keypoints": flat}]}))
    maps = pose_maps(torch.from_numpy(read_pose(file))[None], size, radius)[0]
    assert set(maps.unique().tolist()) == {-1, 1}
    assert np.array_equal(maps.numpy() > 0, drawn(xy.tolist(), size, radius))
    assert (maps[7:10] == -1).all()


@pytest.mark.parametrize("size", SIZES)
def test_a_pixels_bits_are_the_squares_that_are_drawn(size):
    batch = np.stack([openpose(size, seed) for seed in range(6)])
    found = np.random.default_rng(0).integers(0, 2, (6, 18, 1))
    joints = torch.from_numpy(np.concatenate([batch, found], axis=2).astype(np.float32))
    radius = 5 * size[0] / 256
    bits = joint_bits(joints, size, radius)
    maps = torch.stack([(bits >> joint) & 1 for joint in range(18)], dim=1)
    assert maps.any()
    assert torch.equal(maps * 2.0 - 1, pose_maps(joints, size, radius))


@pytest.mark.parametrize("size", SIZES)
def test_a_person_pixel_by_pixel_is_the_same(size):
    generator = torch.Generator().manual_seed(0)
    shape, photo, keep = (
        torch.randint(0, high, (2, channels, *size), generator=generator, dtype=torch.uint8)
        for high, channels in ((256, 1), (256, 3), (2, 1))
    )
    joints = torch.rand(2, 18, 3, generator=generator) * torch.tensor([size[1], size[0], 1])
    found = _person_by_pixel(shape, photo, keep, joints, 5.0)
    assert found.is_contiguous(memory_format=torch.channels_last)
    assert torch.equal(found, person_maps(shape, photo, keep, joints, 5.0))


def test_a_joint_is_a_square_of_eleven_pixels_around_it():
    joints = torch.tensor([[[50.0, 80.0, 1.0]]])
    (square,) = (pose_maps(joints, (256, 192), 5.0)[0] > 0).numpy()
    rows, columns = np.nonzero(square)
    assert (rows.min(), rows.max(), columns.min(), columns.max()) == (75, 85, 45, 55)
    assert square.sum() == 11**2


@pytest.mark.parametrize(("size", "factor"), BLURS)
def test_the_body_shape_is_pils_to_the_grey_level(size, factor):
    for parse in silhouettes(size, 6):
        found = body_shape(torch.from_numpy(parse)[None], factor)[0, 0].numpy()
        np.testing.assert_array_equal(found, shrunk_and_grown(parse, factor))
        small = size[0] // factor, size[1] // factor
        compiled = _grown(_shrunk(torch.from_numpy(parse)[None], small), size)
        np.testing.assert_array_equal(compiled[0].numpy(), found)


def test_the_body_shape_tells_no_outline_and_no_labels():
    (parse,) = silhouettes((256, 192), 1)
    relabelled = np.where(parse > 0, 5, 0)
    shapes = [body_shape(torch.from_numpy(p)[None], 16) for p in (parse, relabelled)]
    assert torch.equal(*shapes)
    full, empty = torch.ones(1, 256, 192).long(), torch.zeros(1, 256, 192).long()
    assert (body_shape(full, 16) == 255).all()
    assert (body_shape(empty, 16) == 0).all()


def test_images_are_normalised_by_half_and_half():
    levels = torch.arange(256, dtype=torch.uint8)
    expected = (np.arange(256) / 255 - 0.5) / 0.5
    signed = to_signed(levels)
    np.testing.assert_allclose(signed.numpy(), expected, atol=1e-6)
    np.testing.assert_allclose(to_unit(signed).numpy(), np.arange(256) / 255, atol=1e-6)
    assert to_unit(torch.tensor([-1.5, 3.0])).tolist() == [0, 1]


def where_labelled(batch, labels, elsewhere):
    image, parse = batch["person"].numpy(), batch["parse"].numpy()
    shown = np.full(image.shape, elsewhere, dtype=float)
    for b, y, x in np.argwhere(np.isin(parse, list(labels))):
        shown[b, :, y, x] = (image[b, :, y, x] / 255 - 0.5) / 0.5
    return shown


def test_the_channels_are_shape_head_and_pose():
    batch = random_batch()
    inputs = PersonRepresentation()(batch)
    assert inputs.gmm_person.shape == (2, 22, 256, 192)
    assert inputs.gmm_person.dtype == torch.float32
    for b in range(2):
        shape = shrunk_and_grown(batch["parse"][b].numpy(), 16)
        assert np.abs(grey(inputs.gmm_person[b, 0]).numpy() - shape).max() < 2.01
        found = batch["joints"][b].numpy()
        xy = np.where(found[:, 2:] > 0, found[:, :2], 0).tolist()
        pose = drawn(xy, (256, 192), 5)
        assert np.array_equal(inputs.gmm_person[b, 4:].numpy(), np.where(pose, 1, -1))
    head = where_labelled(batch, {1, 2, 4, 13}, elsewhere=-1)
    np.testing.assert_allclose(inputs.gmm_person[:, 1:4].numpy(), head, atol=1e-6)


def test_in_cp_vton_both_stages_see_the_same_person():
    inputs = PersonRepresentation(**settings("cp_vton"))(random_batch())
    assert torch.equal(inputs.gmm_person, inputs.tom_person)
    default = PersonRepresentation()(random_batch())
    assert torch.equal(inputs.gmm_person, default.gmm_person)


def test_targets_and_cloth():
    batch = random_batch()
    inputs = PersonRepresentation()(batch)
    worn = where_labelled(batch, {5, 6, 7}, elsewhere=1)
    np.testing.assert_allclose(inputs.worn_cloth.numpy(), worn, atol=1e-6)
    mask = np.isin(batch["parse"].numpy(), [5, 6, 7])[:, None]
    assert np.array_equal(inputs.worn_mask.numpy(), mask.astype(np.float32))
    photo = where_labelled(batch, range(21), elsewhere=0)
    np.testing.assert_allclose(inputs.image.numpy(), photo, atol=1e-6)
    cloth = (batch["cloth"].numpy() / 255 - 0.5) / 0.5
    np.testing.assert_allclose(inputs.cloth.numpy(), cloth, atol=1e-6)
    assert torch.equal(inputs.cloth_mask, batch["cloth_mask"].float())
    assert torch.equal(inputs.parse, batch["parse"])


def test_the_cloth_to_be_replaced_is_hidden_from_both_stages():
    batch = random_batch()
    worn = torch.isin(batch["parse"], torch.tensor([5, 6, 7], dtype=torch.uint8))[:, None]
    repainted = {**batch, "person": torch.where(worn, 255 - batch["person"], batch["person"])}
    for name in ("cp_vton", "cp_vton_plus"):
        representation = PersonRepresentation(**settings(name))
        before, after = representation(batch), representation(repainted)
        assert torch.equal(before.gmm_person, after.gmm_person)
        assert torch.equal(before.tom_person, after.tom_person)
        assert not torch.equal(before.worn_cloth, after.worn_cloth)


def test_cp_vton_plus_shows_lower_clothes_legs_and_neck_to_tom_alone():
    batch = random_batch()
    inputs = PersonRepresentation(**settings("cp_vton_plus"))(batch)
    gmm = where_labelled(batch, {1, 4, 13}, elsewhere=-1)
    tom = where_labelled(batch, {1, 2, 4, 13, 9, 12, 16, 17, 20}, elsewhere=-1)
    np.testing.assert_allclose(inputs.gmm_person[:, 1:4].numpy(), gmm, atol=1e-6)
    np.testing.assert_allclose(inputs.tom_person[:, 1:4].numpy(), tom, atol=1e-6)
    others = [0, *range(4, 22)]
    assert torch.equal(inputs.gmm_person[:, others], inputs.tom_person[:, others])
    for label in (9, 12, 16, 17, 20):
        pixels = (batch["parse"] == label)[:, None].expand(-1, 3, -1, -1)
        assert (inputs.gmm_person[:, 1:4][pixels] == -1).all()
        assert torch.equal(inputs.tom_person[:, 1:4][pixels], inputs.image[pixels])


def test_joints_and_blur_scale_with_the_height():
    batch = random_batch((128, 96))
    inputs = PersonRepresentation()(batch)
    assert inputs.gmm_person.shape == (2, 22, 128, 96)
    found = batch["joints"][0].numpy()
    pose = drawn(np.where(found[:, 2:] > 0, found[:, :2], 0).tolist(), (128, 96), 2.5)
    assert np.array_equal(inputs.gmm_person[0, 4:].numpy() > 0, pose)
    shape = shrunk_and_grown(batch["parse"][0].numpy(), 8)
    assert np.abs(grey(inputs.gmm_person[0, 0]).numpy() - shape).max() < 2.01


@pytest.mark.parametrize("size", SIZES)
def test_a_batch_is_its_samples_stacked(size):
    batch = random_batch(size, samples=3)
    representation = PersonRepresentation(**settings("cp_vton_plus"))
    together = vars(representation(batch))
    singles = [
        vars(representation({name: value[i : i + 1] for name, value in batch.items()}))
        for i in range(3)
    ]
    for name, value in together.items():
        assert torch.equal(value, torch.cat([single[name] for single in singles])), name


def test_masks_of_labels_and_what_they_keep():
    parse = torch.tensor([[[0, 5], [13, 7]]])
    photo = torch.tensor([10, 20, 30], dtype=torch.uint8)[None, :, None, None].expand(1, 3, 2, 2)
    assert label_mask(parse, (5, 7)).tolist() == [[[[0, 1], [0, 1]]]]
    worn = on_white(photo, label_mask(parse, (13,)))
    assert worn[0, :, 1, 0].tolist() == [10, 20, 30]
    assert (worn[0].flatten(1)[:, [0, 1, 3]] == 255).all()


def test_the_person_is_in_the_format_that_convolutions_want():
    inputs = PersonRepresentation()(random_batch())
    assert inputs.gmm_person.is_contiguous(memory_format=torch.channels_last)


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
def test_under_autocast_the_person_is_what_a_convolution_would_round_it_to(dtype):
    batch = random_batch()
    parts, levels = batch["parse"], torch.arange(256, dtype=torch.uint8)
    parts[:, :16, :16] = 1  # a face that has all grey levels
    batch["person"][:, :, :16, :16] = levels.view(16, 16)
    exact = PersonRepresentation()(batch)
    with torch.autocast("cpu", dtype):
        rounded = PersonRepresentation()(batch)
    assert rounded.gmm_person.dtype == dtype
    assert torch.equal(rounded.gmm_person, exact.gmm_person.to(dtype))
    assert rounded.worn_cloth.dtype == torch.float32  # what is sampled and compared stays exact
    assert len(exact.gmm_person[0, 1, :16, :16].unique()) == 256


def test_an_export_leaves_nothing_behind_that_is_no_number():
    class Person(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.representation = PersonRepresentation((5,), (5,))

        def forward(self, batch):
            return self.representation(batch).gmm_person

    person, batch = Person(), random_batch((64, 64))
    exported = torch.export.export(person, (batch,)).module()
    assert torch.equal(exported(batch), person(batch))
