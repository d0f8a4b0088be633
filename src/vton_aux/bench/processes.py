"""GMM steps under DDP in several processes, for the growth curve over processes."""

import os
import socket
from multiprocessing.connection import Connection, wait
from typing import Any

import torch
import torch.distributed
import torch.multiprocessing as mp

from vton_aux.errors import UserError


class Processes:
    """`count` processes that each train a GMM on `batch` samples a step, gradients shared."""

    def __init__(self, count: int, device: str, batch: int, bf16: bool) -> None:
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            port = free.getsockname()[1]
        context = mp.get_context("spawn")
        self.images = count * batch
        self.pipes: list[Connection] = []
        self.processes = []
        threads = max(1, torch.get_num_threads() // count)
        for rank in range(count):
            ours, theirs = context.Pipe()
            arguments = (theirs, rank, count, port, device, batch, bf16, threads)
            process = context.Process(target=_work, args=arguments, daemon=True)
            process.start()
            self.pipes.append(ours)
            self.processes.append(process)

    def step(self) -> int:
        """One step of all processes; images of all.

        Raises:
            UserError: one of them has died; the others would wait for it.
        """
        try:
            for pipe in self.pipes:
                pipe.send(None)
            waiting = set(self.pipes)
            while waiting:
                for ready in wait([*waiting, *(process.sentinel for process in self.processes)]):
                    if not isinstance(ready, Connection):
                        raise EOFError
                    ready.recv()
                    waiting.discard(ready)
        except (EOFError, OSError) as error:  # the end of a process shows at its pipe or sentinel
            raise UserError("one of the processes died; what it said stands above") from error
        return self.images


def _work(
    pipe: Any, rank: int, count: int, port: int, device: str, batch: int, bf16: bool, threads: int
) -> None:
    from vton_aux.bench.case import choose_training_kernels, precision_of
    from vton_aux.bench.inputs import build_stage, random_batch
    from vton_aux.device import autocast
    from vton_aux.stages.speed import Speed

    torch.set_num_threads(threads)
    choose_training_kernels()
    os.environ.update(MASTER_ADDR="127.0.0.1", MASTER_PORT=str(port))
    place = torch.device(device, rank) if device == "cuda" else torch.device(device)
    if device == "cuda":
        torch.cuda.set_device(place)
    torch.distributed.init_process_group(
        "nccl" if device == "cuda" else "gloo", rank=rank, world_size=count
    )
    module: Any = build_stage("gmm", False, False, (256, 192), Speed()).to(place).train()
    configured: Any = module.configure_optimizers()
    optimizer = configured["optimizer"]
    samples = random_batch(batch, (256, 192), place)

    # DDP shares the gradients of what `forward` uses; Lightning puts its step there too
    module.forward = lambda: module.training_step(samples, 0)["loss"]
    shared = torch.nn.parallel.DistributedDataParallel(module)
    while True:
        pipe.recv()
        with autocast(precision_of(bf16), place):
            loss = shared()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        if device == "cuda":
            torch.cuda.synchronize()
        pipe.send(None)
