"""Whether a compiled step has the gradient of a plain one, on this machine and at the paper's size.

    python experiments/speed/compiled.py cuda gmm tom tom_vgg

prints for each stage the losses of both, and by part of the network the cosine between their
gradients and the ratio of the norms: compiled to CUDA graphs in float32, plain and compiled in
bf16, each beside the plain step in float32. Batches of 4 of random pixels; TF32 is off.
"""

import sys

import torch

from vton_aux.bench.inputs import build_stage, random_batch
from vton_aux.bench.suite import GRAPHS, STEPS
from vton_aux.device import FULL, MIXED, autocast
from vton_aux.stages.speed import Speed

SIZE = (256, 192)


def gradient(name, device, precision, speed):
    """Loss of the third step, and its gradient by part of the network."""
    torch._dynamo.reset()
    stage, vgg = STEPS[name]
    module = build_stage(stage, True, vgg, SIZE, speed).to(device).train()
    batch = random_batch(4, SIZE, device)
    for _ in range(3):  # CUDA graphs are recorded on the way
        module.zero_grad()
        with autocast(precision, device):
            loss = module.training_step(batch, 0)["loss"]
        loss.backward()
    parts = {}
    for weight, parameter in module.network.named_parameters():
        flat = parameter.grad.double().flatten().cpu()
        parts.setdefault(weight.partition(".")[0], []).append(flat)
    return loss.item(), {part: torch.cat(found) for part, found in parts.items()}


def main():
    device, *names = sys.argv[1:]
    place = torch.device(device)
    torch.backends.cudnn.allow_tf32 = False
    for name in names:
        true_loss, true = gradient(name, place, FULL, Speed())
        for label, precision, speed in (
            ("compiled", FULL, Speed(**GRAPHS)),
            ("bf16", MIXED, Speed()),
            ("bf16, compiled", MIXED, Speed(**GRAPHS)),
        ):
            loss, found = gradient(name, place, precision, speed)
            shown = ", ".join(
                f"{part} {torch.cosine_similarity(found[part], true[part], dim=0):.6f} "
                f"({found[part].norm() / true[part].norm():.4f})"
                for part in true
            )
            print(f"{name}, {label}: loss {loss:.6f} for {true_loss:.6f}; {shown}", flush=True)


if __name__ == "__main__":
    main()
