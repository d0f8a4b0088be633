"""The switches change how a step computes and not what; and a step never waits for its values."""

import pytest
import pytorch_lightning as pl
import torch
import torch.nn.functional as F
from torch import nn
from torch.nn.parallel import DistributedDataParallel
from torch.utils._python_dispatch import TorchDispatchMode

from vton_aux import representation
from vton_aux.bench.inputs import build_stage, random_batch
from vton_aux.losses import perceptual
from vton_aux.losses.perceptual import PerceptualLoss
from vton_aux.losses.segmentation import SegmentationLoss
from vton_aux.networks import convolution, upsampled_conv
from vton_aux.networks.aligned import with_zeros
from vton_aux.networks.normalisation import InstanceNorm, normalised
from vton_aux.networks.upsampling import _Doubled
from vton_aux.stages.gmm import GMMStage
from vton_aux.stages.speed import Speed
from vton_aux.stages.tom import TOMStage

SIZE = (128, 96)
SMALL = {"width": 8, "head_width": 8}
CONTEXT = {"size": list(SIZE), "aux": True}
OFF = Speed(channels_last=False, fused_adam=False, malloc=False)


def build(name, speed=None):
    pl.seed_everything(0, verbose=False)
    if name == "gmm":
        stage = GMMStage(SMALL, CONTEXT)
    else:
        settings = {**SMALL, "perceptual_weight": float(name == "tom_vgg")}
        stage = TOMStage(settings, CONTEXT, gmm={"settings": SMALL, "context": CONTEXT})
        stage.perceptual = PerceptualLoss("random") if name == "tom_vgg" else None
    if speed is not None:
        stage.quicken(speed)
    return stage.train()


def train(stage, steps, bf16=False):
    """Losses of `steps` steps."""
    optimizer = stage.configure_optimizers()["optimizer"]
    batch = random_batch(2, SIZE, torch.device("cpu"))
    losses = []
    for _ in range(steps):
        with torch.autocast("cpu", torch.bfloat16, enabled=bf16):
            loss = stage.training_step(batch, 0)["loss"]
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    return losses


@pytest.mark.parametrize("name", ["gmm", "tom"])
def test_the_switches_leave_the_maths(name):
    fast, plain = build(name), build(name, OFF)
    weight = next(fast.network.parameters())
    assert weight.is_contiguous(memory_format=torch.channels_last)
    assert next(plain.network.parameters()).is_contiguous()
    for one, other in zip(fast.parameters(), plain.parameters(), strict=True):
        assert torch.equal(one, other)
    # one step: GMM at its initialisation amplifies rounding, from the second on beyond all bounds
    batch = random_batch(4, SIZE, torch.device("cpu"))
    gradients = []
    for stage in (fast, plain):
        stage.training_step(batch, 0)["loss"].backward()
        parts = [p.grad.flatten() for p in stage.parameters() if p.grad is not None]
        gradients.append(torch.cat(parts))
    assert F.cosine_similarity(*gradients, dim=0) > {"gmm": 0.99, "tom": 0.9999}[name]


def test_bf16_steps_of_tom_follow_float32():
    exact, rough = train(build("tom"), 8), train(build("tom"), 8, bf16=True)
    assert exact[-1] < exact[0]
    assert rough == pytest.approx(exact, rel=0.02)


@pytest.mark.parametrize("name", ["gmm", "tom", "tom_vgg"])
@pytest.mark.parametrize("channels_last", [True, False])
def test_the_switch_decides_how_convolutions_of_large_maps_compute(
    name, channels_last, monkeypatch
):
    stage = build_stage(
        name[:3], aux=True, vgg=name == "tom_vgg", size=SIZE,
        speed=Speed(channels_last=channels_last),
    ).train()  # fmt: skip
    wanted = torch.channels_last if channels_last else torch.contiguous_format
    seen = []

    def conv2d(x, weight, *arguments, **options):
        # pictures of three channels stay NCHW; small maps are products, which are channels-last
        if x.shape[1] > 3 and x.shape[2:].numel() > 1000:
            seen.append(all(t.is_contiguous(memory_format=wanted) for t in (x, weight)))
        return convolve(x, weight, *arguments, **options)

    convolve = F.conv2d
    monkeypatch.setattr(F, "conv2d", conv2d)
    stage.training_step(random_batch(1, SIZE, torch.device("cpu")), 0)
    assert len(seen) >= 3
    assert all(seen)


def test_in_bf16_gmm_matches_and_warps_in_float32():
    stage = build("gmm")
    with torch.autocast("cpu", torch.bfloat16):
        warp = stage(random_batch(2, SIZE, torch.device("cpu")), segment=True)
    assert warp.offsets.dtype == warp.grid.dtype == warp.cloth.dtype == torch.float32


def gradient(stage, batch):
    """Loss and gradient of a step."""
    loss = stage.training_step(batch, 0)["loss"]
    loss.backward()
    parts = [p.grad.flatten() for p in stage.parameters() if p.grad is not None]
    return loss.item(), torch.cat(parts)


def on_a_gpus_paths(monkeypatch):
    """Have the CPU compute as a GPU does under torch.compile."""
    monkeypatch.setattr(upsampled_conv, "doubled", _Doubled.apply)
    monkeypatch.setattr(upsampled_conv, "_doubled_edge", upsampled_conv._doubled_by_product)
    monkeypatch.setattr(InstanceNorm, "forward", lambda self, x: normalised(x))

    def aligned_conv2d(x, weight, *rest, **named):
        missing = -x.shape[1] % 8
        return F.conv2d(with_zeros(x, missing), with_zeros(weight, missing), *rest, **named)

    for module in (convolution, perceptual):
        monkeypatch.setattr(module, "aligned_conv2d", aligned_conv2d)

    def cross_entropy(self, logits, parse):
        return F.cross_entropy(logits.float(), self.target(parse), self.weight)

    monkeypatch.setattr(SegmentationLoss, "forward", cross_entropy)

    def body_shape(parse, blur):
        size = parse.shape[1:]
        small = size[0] // blur, size[1] // blur
        return representation._grown(representation._shrunk(parse, small), size)[:, None].byte()

    monkeypatch.setattr(representation, "body_shape", body_shape)
    monkeypatch.setattr(representation, "person_maps", representation._person_by_pixel)


@pytest.mark.slow
@pytest.mark.parametrize("gpu", [False, True])
@pytest.mark.parametrize("name", ["gmm", "tom_vgg"])
def test_a_step_is_one_graph_with_the_gradient_of_a_plain_one(name, gpu, monkeypatch):
    compile, asked = torch.compile, {}

    def traced(function, *, fullgraph, dynamic, options):
        asked.update(options)
        return compile(function, backend="aot_eager", fullgraph=fullgraph, dynamic=dynamic)

    monkeypatch.setattr(torch, "compile", traced)
    batch = random_batch(2, SIZE, torch.device("cpu"))
    plain = gradient(build(name), batch)
    if gpu:
        on_a_gpus_paths(monkeypatch)
    torch._dynamo.reset()
    loss, found = gradient(build(name, Speed(compile="reduce-overhead")), batch)
    assert loss == pytest.approx(plain[0], rel=1e-6)
    assert F.cosine_similarity(found, plain[1], dim=0) > 0.9999
    assert asked["triton.cudagraphs"] is False  # the graphs are ours, see `GraphedLoss`
    # with the reordering, inductor loses gradients
    assert asked["reorder_for_peak_memory"] is False


@pytest.fixture
def one_process():
    store = torch.distributed.HashStore()
    torch.distributed.init_process_group("gloo", store=store, rank=0, world_size=1)
    yield
    torch.distributed.destroy_process_group()


class Step(nn.Module):
    """A step of a stage as Lightning hands it to DDP."""

    def __init__(self, stage):
        super().__init__()
        self.stage = stage

    def forward(self, batch):
        return self.stage.training_step(batch, 0)["loss"]


@pytest.mark.slow
@pytest.mark.usefixtures("one_process")
def test_under_ddp_a_compiled_step_is_one_graph_too(monkeypatch):
    compile, graphs = torch.compile, []

    def counted(graph, inputs):
        graphs.append(graph)
        return graph

    def traced(function, *, fullgraph, dynamic, options):
        return compile(function, backend=counted, fullgraph=fullgraph, dynamic=dynamic)

    monkeypatch.setattr(torch, "compile", traced)
    torch._dynamo.reset()
    step = Step(build("gmm", Speed(compile="default")))
    batch = random_batch(2, SIZE, torch.device("cpu"))
    DistributedDataParallel(step, bucket_cap_mb=1)(batch).backward()
    assert len(graphs) == 1
    plain = gradient(build("gmm"), batch)[1]
    found = [p.grad.flatten() for p in step.parameters() if p.grad is not None]
    assert F.cosine_similarity(torch.cat(found).double(), plain, dim=0) > 0.9999


@pytest.mark.usefixtures("one_process")
@pytest.mark.parametrize("name", ["gmm", "tom_vgg"])
def test_ddp_sends_no_constants(name):
    stage = build(name)
    stage.setup("fit")
    sent = {buffer.data_ptr() for buffer in DistributedDataParallel(stage).modules_buffers}
    names = {name for name, buffer in stage.named_buffers() if buffer.data_ptr() in sent}
    assert names == {name for name in stage.state_dict() if name in dict(stage.named_buffers())}
    assert any(name.endswith("running_mean") for name in names)
    constants = sum(b.nbytes for n, b in stage.named_buffers() if n not in names)
    assert constants > 10 * sum(b.nbytes for n, b in stage.named_buffers() if n in names)


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a GPU")
@pytest.mark.parametrize("name", ["gmm", "tom", "tom_vgg"])
def test_on_a_gpu_cuda_graphs_have_the_gradient_of_a_plain_step(name, monkeypatch):
    monkeypatch.setattr(torch.backends.cudnn, "allow_tf32", False)  # GMM amplifies rounding
    gpu = torch.device("cuda")
    first, last = random_batch(4, SIZE, gpu), random_batch(4, SIZE, gpu)
    last["person"], last["parse"] = 255 - last["person"], last["parse"].flip(1)
    torch._dynamo.reset()
    steps, statistics = [], []
    for speed in (Speed(), Speed(compile="reduce-overhead")):
        stage = build(name, speed).cuda()
        for batch in (first, first, last):
            stage.zero_grad()
            step = gradient(stage, batch)
        steps.append(step)
        statistics.append([buffer.double() for buffer in stage.network.buffers()])
    assert steps[1][0] == pytest.approx(steps[0][0], rel=1e-4)
    assert F.cosine_similarity(steps[0][1], steps[1][1], dim=0) > 0.999
    for one, other in zip(*statistics, strict=True):  # recording counts no batch
        torch.testing.assert_close(one, other, rtol=1e-3, atol=1e-4)


def test_a_compiled_stage_has_the_checkpoint_of_a_plain_one():
    compiled, plain = build("gmm", Speed(compile="default")), build("gmm")
    assert "loss" in vars(compiled)  # in place of the method
    assert "loss" not in vars(plain)
    plain.load_state_dict(compiled.state_dict())


class NoSync(TorchDispatchMode):
    """Fails on what makes the host wait for a GPU: a value read, or a shape that hangs on one."""

    FORBIDDEN = ("_local_scalar_dense", "nonzero", "masked_select", "unique", "equal")

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        name = func.name().partition("::")[2].partition(".")[0]
        assert name not in self.FORBIDDEN, f"{func} waits for the device"
        return func(*args, **(kwargs or {}))


@pytest.mark.parametrize("name", ["gmm", "tom"])
def test_a_step_reads_no_value_back(name):
    stage = build_stage(name, aux=True, vgg=False, size=SIZE, speed=Speed())
    batch = random_batch(1, SIZE, torch.device("cpu"))
    stage.training_step(batch, 0)  # tables are made once
    with NoSync():
        stage.training_step(batch, 0)["loss"].backward()
    with pytest.raises(AssertionError, match="waits"), NoSync():
        torch.ones(1).item()
