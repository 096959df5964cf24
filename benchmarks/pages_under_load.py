"""How fast the work-list answers while networks use every processor: idle, and with a queue of photographs.

    python benchmarks/pages_under_load.py [--queue 50] [--requests 60] [--image PHOTOGRAPH] [--workers 1]

It starts a system of its own, as `benchmarks/load.py` does, logs a reader in, and asks for the page several times a
second: first idle, then while `--queue` photographs are analysed.
"""

from __future__ import annotations

import argparse
import re
import time
from pathlib import Path

from system import LOGIN, PASSWORD, Client, System, percentiles, sample_photograph, started

PAUSE_SECONDS = 0.2


def logged_in(system: System) -> Client:
    """A browser of the reader's."""
    client = Client(system.url)
    form = client.call("GET", "/accounts/login/")
    token = re.search(rb'name="csrfmiddlewaretoken" value="([^"]+)"', form.content)
    assert token is not None
    client.headers["Cookie"] = cookie = f"csrftoken={form.headers['set-cookie'].split('csrftoken=')[1].split(';')[0]}"
    body = f"csrfmiddlewaretoken={token[1].decode()}&username={LOGIN}&password={PASSWORD}".encode()
    answer = client.call("POST", "/accounts/login/", body, "application/x-www-form-urlencoded")
    session = re.search(r"sessionid=([^;]+)", answer.headers.get("set-cookie", ""))
    assert session is not None, f"cannot log in: {answer.status}"
    client.headers["Cookie"] = f"{cookie}; sessionid={session[1]}"
    return client


def page_seconds(client: Client, requests: int) -> list[float]:
    """The whole answer, from the first byte sent to the last one read."""
    seconds = []
    for _request in range(requests):
        begun = time.perf_counter()
        answer = client.call("GET", "/")
        seconds.append(time.perf_counter() - begun)
        assert answer.status == 200, answer.status
        time.sleep(PAUSE_SECONDS)
    return seconds


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--queue", type=int, default=50)
    parser.add_argument("--requests", type=int, default=60)
    parser.add_argument("--image", type=Path)
    parser.add_argument("--workers", type=int, default=1)
    parser.add_argument("--model", default="unet-lite")
    options = parser.parse_args()
    photograph = options.image.read_bytes() if options.image else sample_photograph()
    with started(options.workers) as system:
        api = Client(system.url, {"Authorization": f"Token {system.token}"})
        images = [api.send("/api/upload_image", photograph, "eye.jpg").json["image_id"] for _n in range(options.queue)]
        reader = logged_in(system)
        idle = page_seconds(reader, options.requests)
        for image_id in images:
            api.post("/api/choose_model", selectedModel=options.model, image_id=image_id, wait=False)
        loaded = page_seconds(reader, options.requests)
        left = api.call("GET", "/readyz").json["checks"]["queue"]
    print(f"work-list, seconds {'p50':>8} {'p95':>8} {'p99':>8} {'max':>8}")
    print(f"idle               {percentiles(idle)}")
    print(f"under load         {percentiles(loaded)}   ({left['waiting']} of {options.queue} still waiting at the end)")


if __name__ == "__main__":
    main()
