"""`python -m dver` is `dver`."""

import sys

from dver.cli.main import main

sys.exit(main())
