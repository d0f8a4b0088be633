"""Drawn people and garments in the VITON layout, with the true image of every unpaired try-on."""

from vton_aux.data.synthetic.write import write_dataset

__all__ = ["write_dataset"]
