"""The pose part of I_p alone."""

import torch

from vton_aux.representation import draw_joints


def pose_maps(joints, size, radius):
    """(B, J, 3) joints -> (B, J, H, W): 1 in each joint's square, -1 elsewhere."""
    maps = torch.full((joints.shape[0], *size, joints.shape[1]), -1.0)
    draw_joints(maps, joints, radius)
    return maps.permute(0, 3, 1, 2)
