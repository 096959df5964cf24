"""Web processes stay small: no networks in them."""

import os
import subprocess
import sys

PROGRAM = """
import sys
import drweb.asgi
from django.urls import get_resolver
get_resolver().url_patterns, [len(p.url_patterns) for p in get_resolver().url_patterns if hasattr(p, "url_patterns")]
print(sorted({"torch", "torchvision", "openvino", "segmentation_models_pytorch", "timm"} & sys.modules.keys()))
"""


def test_the_web_application_imports_no_network_library(tmp_path):
    environment = {**os.environ, "DJANGO_SETTINGS_MODULE": "drweb.settings", "DRWEB_DATA_DIR": str(tmp_path)}
    output = subprocess.run(
        [sys.executable, "-c", PROGRAM], env=environment, capture_output=True, text=True, check=False
    )
    assert output.returncode == 0, output.stderr
    assert output.stdout.strip() == "[]"
