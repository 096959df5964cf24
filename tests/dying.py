"""What stands in for work that a library kills its process in. Imports nothing that a child would have to set up."""

import os
import signal


def die(*_given: object, **_named: object) -> None:
    """As some OpenVINO releases did on some AMD EPYC machines."""
    os.kill(os.getpid(), signal.SIGFPE)
