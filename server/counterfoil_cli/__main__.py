"""``python -m counterfoil_cli``: the same as `counterfoil`."""

import sys

from counterfoil_cli.main import main

if __name__ == "__main__":
    sys.exit(main())
