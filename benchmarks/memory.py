"""The most memory that a worker takes, by how many networks it holds: each case in a process of its own.

    python benchmarks/memory.py [--networks unet unet-lite ...] [--image PHOTOGRAPH]

A case loads its networks and the grader and analyses the photograph with each, as a worker does: its field of view was
found at its upload. The networks are prepared for OpenVINO before anything is measured: that happens once per weights,
in a child process. Peak resident set size, in GiB; weights come from DRWEB_WEIGHTS_DIR or inference/weights.
"""

from __future__ import annotations

import argparse
import json
import resource
import subprocess
import sys
from dataclasses import asdict
from pathlib import Path
from tempfile import NamedTemporaryFile

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from inference.registry import installed_models

_CHILD = "--measure"


def measure(names: list[str], image: Path, field_of_view: str) -> None:
    """In the child: print the peak in GiB."""
    from inference.analysis import analyse, warm_up
    from inference.field_of_view import FieldOfView

    for name in names:
        warm_up(name)
    fov = FieldOfView(**json.loads(field_of_view))
    engines = {analyse(image, name, field_of_view=fov).segmentation.engine for name in names}
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
    print(
        f"{peak:.2f} GiB  {len(names)} segmentation and the grader, on {', '.join(sorted(engines))}: {' '.join(names)}"
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--networks", nargs="+", default=list(installed_models("segmentation")))
    parser.add_argument("--image", type=Path)
    parser.add_argument(_CHILD, metavar="FIELD_OF_VIEW", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.measure:
        measure(options.networks, options.image, options.measure)
        return
    from benchmarks.photograph import photograph
    from inference.analysis import load_network
    from inference.decoding import decode
    from inference.field_of_view import find_field_of_view
    from inference.registry import GRADER

    content = photograph(options.image)
    fov = json.dumps(asdict(find_field_of_view(decode(content).rgb)))
    for name in (*options.networks, GRADER):
        load_network(name)
    with NamedTemporaryFile() as image:  # a child that made the photograph itself would be measured with that
        image.write(content)
        image.flush()
        for names in (*([name] for name in options.networks), options.networks):
            child = [sys.executable, __file__, _CHILD, fov, "--image", image.name, "--networks", *names]
            subprocess.run(child, check=True)


if __name__ == "__main__":
    main()
