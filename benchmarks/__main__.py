"""`python -m benchmarks`: every comparison that the README quotes."""

import sys

from benchmarks import widgets

sys.exit(widgets.main())
