"""What a check has to say in the end: how many sentences hold, and which do not."""

import sys


def told(name, about, count, wrong):
    """The exit code."""
    for sentence in wrong:
        print(f"{name}: this does not hold: {sentence}", file=sys.stderr)
    print(f"{name}: {count} sentences {about}: {'all hold' if not wrong else f'{len(wrong)} do not'}")
    return 1 if wrong else 0
