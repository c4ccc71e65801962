"""`portbook`, and `python -m portbook`."""

import sys


def main() -> None:
    """The command, also where somebody stops it before it is loaded."""
    try:
        from portbook.cli import main as command
    except KeyboardInterrupt:
        print("stopped", file=sys.stderr)
        sys.exit(130)
    command()


if __name__ == "__main__":
    main()
