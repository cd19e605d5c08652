"""Fetches all that the tests on real engines need into the caches, while quick tests run; what is there is left alone.

`make test` runs it beside the quick tests; nothing depends on it, for whatever is missing later is fetched then.
"""

from __future__ import annotations

import functools

from chromium import chromium
from druid_reindex.sandbox import distributions, stack, synthea
from druid_reindex.sandbox.home import SandboxHome
from real_sandbox import PATIENTS

OTHER_HADOOP = "3.4.1"


def main() -> None:
    """Fetch whatever is missing; nothing is done twice. Raises what fetching raises."""
    report = functools.partial(print, flush=True)
    home = SandboxHome.from_environment()
    stack.download(home, report)
    distributions.hadoop(home, report, OTHER_HADOOP)
    distributions.jdbc(home, report)
    synthea.histories(home, PATIENTS.seed, PATIENTS.population, report)
    chromium()


if __name__ == "__main__":
    main()
