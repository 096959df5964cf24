from pathlib import Path

import pytest

from tests.tiny_weights import write_tiny_models


@pytest.fixture(scope="session")
def tiny_weights_folder(tmp_path_factory) -> Path:
    return write_tiny_models(tmp_path_factory.mktemp("weights"))


@pytest.fixture(scope="session")
def inference_cache_folder(tmp_path_factory) -> Path:
    return tmp_path_factory.mktemp("inference-cache")


@pytest.fixture
def tiny_weights(tiny_weights_folder, inference_cache_folder, monkeypatch) -> Path:
    """The installed models are tiny random ones; OpenVINO's copies of them are kept for the session."""
    monkeypatch.setenv("DRWEB_WEIGHTS_DIR", str(tiny_weights_folder))
    monkeypatch.setenv("DRWEB_CACHE_DIR", str(inference_cache_folder))
    monkeypatch.delenv("DRWEB_ENGINE", raising=False)
    return tiny_weights_folder
