"""The course from the command line: `python -m vae_keras --help`."""

import sys

from vae_keras.extras.command_line import main

if __name__ == "__main__":
    sys.exit(main())
