"""`python -m portbook`."""

from portbook.cli import main

main()
