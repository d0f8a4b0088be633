"""`python -m vton_aux` is `vton-aux`."""

from vton_aux.cli import main

main()
