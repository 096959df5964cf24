"""From the first uploaded byte to a result, over real HTTP, beside the same network in plain float32 PyTorch.

    python manage.py create_token reader > token
    python benchmarks/upload_to_result.py --url http://127.0.0.1:8000 --token "$(cat token)" PHOTOGRAPH...

Each photograph is uploaded anew, so nothing is answered from an earlier analysis. Run it on an otherwise idle machine.
"""

from __future__ import annotations

import argparse
import json
import statistics
import sys
import time
import urllib.request
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test.client import BOUNDARY, MULTIPART_CONTENT, encode_multipart

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))


def post(url: str, token: str, body: bytes, content_type: str) -> dict[str, Any]:
    headers = {"Authorization": f"Token {token}", "Content-Type": content_type}
    request = urllib.request.Request(url, data=body, headers=headers)  # noqa: S310 - the operator names the server
    with urllib.request.urlopen(request, timeout=600) as answer:  # noqa: S310
        return json.load(answer)


def upload_to_result(url: str, token: str, photograph: Path, model: str) -> tuple[float, float]:
    """Seconds of the upload, and of the analysis after it."""
    file = SimpleUploadedFile(photograph.name, photograph.read_bytes())
    body = encode_multipart(BOUNDARY, {"image": file})
    start = time.perf_counter()
    image_id = post(f"{url}/api/upload_image", token, body, MULTIPART_CONTENT)["image_id"]
    uploaded = time.perf_counter()
    choice = json.dumps({"selectedModel": model, "image_id": image_id}).encode()
    result = post(f"{url}/api/choose_model", token, choice, "application/json")
    if result.get("grade") is None:
        raise SystemExit(f"no result for {photograph}: {result}")
    return uploaded - start, time.perf_counter() - uploaded


def eager_seconds(model: str, repeats: int) -> tuple[float, int]:
    """Median seconds of one forward pass in float32 PyTorch (contiguous, eager), and the input side."""
    import torch

    from inference.engines.pytorch_engine import load_module
    from inference.registry import find_model, resolve_model_name

    installed = find_model(resolve_model_name(model))
    network, side = load_module(installed), installed.card.input_size
    batch = torch.rand(1, 3, side, side)
    seconds = []
    with torch.inference_mode():
        network(batch)
        for _ in range(repeats):
            start = time.perf_counter()
            network(batch)
            seconds.append(time.perf_counter() - start)
    return statistics.median(seconds), side


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("photographs", nargs="+", type=Path)
    parser.add_argument("--url", default="http://127.0.0.1:8000")
    parser.add_argument("--token", required=True)
    parser.add_argument("--model", default="unet")
    parser.add_argument("--uploads", type=int, default=10)
    arguments = parser.parse_args()
    settings.configure()  # for the multipart encoder; no other setting is used

    photographs = [arguments.photographs[n % len(arguments.photographs)] for n in range(arguments.uploads)]
    upload_to_result(
        arguments.url, arguments.token, photographs[0], arguments.model
    )  # the network may still be loading
    times = [upload_to_result(arguments.url, arguments.token, path, arguments.model) for path in photographs]
    uploads, analyses = zip(*times, strict=True)
    whole = [upload + analysis for upload, analysis in times]
    eager, side = eager_seconds(arguments.model, repeats=5)
    print(f"{len(times)} uploads, {arguments.model} at {side} x {side} px, seconds (p50, max)")
    print(f"upload and checks     {statistics.median(uploads):6.2f} {max(uploads):6.2f}")
    print(f"queue to result       {statistics.median(analyses):6.2f} {max(analyses):6.2f}")
    print(f"upload to result      {statistics.median(whole):6.2f} {max(whole):6.2f}")
    print(f"eager float32 PyTorch, the segmentation network alone {eager:6.2f}")
    print(f"ratio eager network / whole upload to result {eager / statistics.median(whole):6.2f}")


if __name__ == "__main__":
    main()
