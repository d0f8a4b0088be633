import pytest
import torch
from torch import nn

from vton_aux.errors import UserError
from vton_aux.losses.perceptual import PerceptualLoss, _random_state

PLAN = [64, 64, "M", 128, 128, "M", *[256] * 4, "M", *[512] * 4, "M", *[512] * 4, "M"]
TAKEN = {1: 1 / 32, 6: 1 / 16, 11: 1 / 8, 20: 1 / 4, 29: 1}
OFFICIAL = "vgg19-dcbb9e9d.pth"


class VGG19(nn.Module):
    """torchvision's, as far as its file names it."""

    def __init__(self):
        super().__init__()
        layers, channels = [], 3
        for step in PLAN:
            if step == "M":
                layers.append(nn.MaxPool2d(kernel_size=2, stride=2))
            else:
                layers += [nn.Conv2d(channels, step, kernel_size=3, padding=1), nn.ReLU()]
                channels = step
        self.features = nn.Sequential(*layers)
        self.classifier = nn.Linear(4, 4)  # a part that the loss has no use for

    def taken(self, x):
        found = []
        for index, layer in enumerate(self.features[:30]):
            x = layer(x)
            if index in TAKEN:
                found.append(x)
        return found


@pytest.fixture(scope="module")
def vgg():
    torch.manual_seed(1)
    return VGG19().requires_grad_(False)


@pytest.fixture(scope="module")
def weight_file(vgg, tmp_path_factory):
    path = tmp_path_factory.mktemp("vgg") / "vgg19-01234567.pth"
    torch.save(vgg.state_dict(), path)
    return path


@pytest.fixture(scope="module")
def loss(weight_file):
    return PerceptualLoss(str(weight_file))


def light_state(vgg):
    """The right names and shapes in a file of a few kilobytes."""
    return {name: torch.zeros(1).expand(v.shape) for name, v in vgg.state_dict().items()}


def images(seed=0):
    generator = torch.Generator().manual_seed(seed)
    return (2 * torch.rand(1, 3, 64, 48, generator=generator) - 1 for _ in range(2))


def test_a_files_features_are_vgg19s_first_relu_of_each_stage(vgg, loss):
    image, _ = images()
    found, expected = loss.features(image), vgg.taken(image)
    assert [f.shape[1] for f in found] == [64, 128, 256, 512, 512]
    for a, b in zip(found, expected, strict=True):
        torch.testing.assert_close(a, b, atol=1e-5, rtol=1e-4)
        assert b.std() > 0


def test_the_loss_weighs_finer_features_less(vgg, loss):
    prediction, target = images()
    distances = [
        (a - b).abs().mean().item()
        for a, b in zip(vgg.taken(prediction), vgg.taken(target), strict=True)
    ]
    expected = sum(w * d for w, d in zip(TAKEN.values(), distances, strict=True))
    assert loss(prediction, target).item() == pytest.approx(expected, rel=1e-4)


def test_identical_images_cost_nothing(loss):
    image, other = images()
    assert loss(image, image.clone()) == 0
    assert loss(image, other) > 0


def test_only_the_prediction_gets_a_gradient(loss):
    prediction, target = (i.requires_grad_() for i in images())
    loss(prediction, target).backward()
    assert target.grad is None
    assert prediction.grad.abs().sum() > 0
    assert not list(loss.parameters())
    assert not any(b.requires_grad for b in loss.buffers())


def test_the_weights_stay_out_of_checkpoints(loss):
    assert len(list(loss.buffers())) == 2 * 13
    assert not loss.state_dict()


def test_the_random_network_is_always_the_same_and_leaves_the_seed_alone():
    prediction, target = images()
    torch.manual_seed(0)
    expected_draw = torch.rand(1)
    torch.manual_seed(0)
    values = [PerceptualLoss("random")(prediction, target) for _ in range(2)]
    assert torch.equal(*values)
    assert values[0] > 0
    assert torch.rand(1) == expected_draw


def refusal(weights):
    with pytest.raises(UserError) as caught:
        PerceptualLoss(str(weights))
    message = str(caught.value)
    assert "\n" not in message
    return message


def test_a_missing_file_is_named_with_ways_out(tmp_path):
    path = tmp_path / "nowhere.pth"
    message = refusal(path)
    assert message.startswith(f"{path}:")
    assert "tom.vgg=download" in message
    assert "tom.vgg=random" in message


@pytest.mark.parametrize("content", [b"", b"not weights at all", b"PK\x03\x04 torn"])
def test_a_file_that_is_not_torchs_is_named(tmp_path, content):
    path = tmp_path / "weights.pth"
    path.write_bytes(content)
    assert refusal(path).startswith(f"{path}:")


@pytest.mark.parametrize("broken", ["missing", "shape", "bias", "not a tensor"])
def test_a_file_of_another_network_is_named_with_the_tensor(tmp_path, vgg, broken):
    state = light_state(vgg)
    name = "features.28.bias" if broken == "bias" else "features.28.weight"
    state[name] = {
        "shape": torch.zeros(512, 512, 1, 1), "bias": torch.zeros(511), "not a tensor": 3,
        "missing": None,
    }[broken]  # fmt: skip
    if broken == "missing":
        del state[name]
    path = tmp_path / "weights.pth"
    torch.save(state, path)
    message = refusal(path)
    assert message.startswith(f"{path}:")
    assert name in message


def test_a_file_that_holds_a_bare_tensor_is_refused(tmp_path):
    path = tmp_path / "weights.pth"
    torch.save(torch.zeros(3), path)
    assert refusal(path).startswith(f"{path}:")


def test_a_damaged_file_under_the_official_name_is_refused(tmp_path, vgg):
    path = tmp_path / OFFICIAL
    torch.save(light_state(vgg), path)
    message = refusal(path)
    assert message.startswith(f"{path}:")
    assert "SHA-256" in message


@pytest.mark.parametrize("error", [OSError("no route to host"), RuntimeError("invalid hash value")])
def test_a_failed_download_says_what_to_do(tmp_path, monkeypatch, error):
    asked = []

    def fail(url, target, **options):
        asked.append((url, target, options))
        raise error

    monkeypatch.setattr(torch.hub, "get_dir", lambda: str(tmp_path / "hub"))
    monkeypatch.setattr(torch.hub, "download_url_to_file", fail)
    message = refusal("download")
    for part in (str(error), "tom.vgg=PATH", "tom.vgg=random", OFFICIAL):
        assert part in message
    [(url, target, options)] = asked
    assert url == f"https://download.pytorch.org/models/{OFFICIAL}"
    assert target == str(tmp_path / "hub" / "checkpoints" / OFFICIAL)
    assert options["hash_prefix"] == "dcbb9e9d"


def test_a_download_is_kept_and_checked_again_when_read(tmp_path, monkeypatch):
    path = tmp_path / "checkpoints" / OFFICIAL
    path.parent.mkdir()
    path.write_bytes(b"torn")
    monkeypatch.setattr(torch.hub, "get_dir", lambda: str(tmp_path))
    monkeypatch.setattr(torch.hub, "download_url_to_file", lambda *_, **__: pytest.fail("fetched"))
    assert refusal("download").startswith(f"{path}:")


def test_random_weights_keep_the_scale_of_the_features():
    """Kaiming: the variance is 2 / (9 x input channels), which ReLU halves."""
    for name, weight in _random_state().items():
        if name.endswith("weight"):
            expected = (2 / (9 * weight.shape[1])) ** 0.5
            assert weight.std().item() == pytest.approx(expected, rel=0.1), name
