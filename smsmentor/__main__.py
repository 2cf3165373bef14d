"""`python -m smsmentor` is the command `smsmentor`."""

from smsmentor.cli import main

main(prog_name="smsmentor")
