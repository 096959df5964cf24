import numpy as np
import pytest
from django.core.management import call_command
from PIL import Image

SIDE = 256


def photograph(path, seed):
    randomness = np.random.default_rng(seed)
    ys, xs = np.mgrid[:SIDE, :SIDE]
    disc = np.hypot(xs - SIDE / 2, ys - SIDE / 2) < SIDE * 0.47
    rgb = np.dstack([disc * 170, disc * 90, disc * 40]) + randomness.normal(0, 2, (SIDE, SIDE, 3))
    lesions = np.zeros((SIDE, SIDE), bool)
    for x, y in randomness.integers(80, 170, (6, 2)):
        lesions[y : y + 12, x : x + 12] = True
    rgb[lesions] = (250, 240, 120)
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(np.clip(rgb, 0, 255).astype(np.uint8)).save(path)
    return lesions


@pytest.fixture
def data_root(tmp_path):
    """Four outlined photographs, eight graded and eight normal ones, of toy size."""
    root = tmp_path / "data"
    for lesion in ("EX", "SE", "HE", "MA"):
        (root / "idrid" / "masks" / lesion).mkdir(parents=True)
    for number in range(4):
        lesions = photograph(root / "idrid" / "images" / f"IDRiD_0{number}.png", number)
        Image.fromarray(lesions).save(root / "idrid" / "masks" / "EX" / f"IDRiD_0{number}_EX.png")
    rows = ["image,patient,eye,grade"]
    for patient in range(8):
        photograph(root / "eyepacs400" / "images" / f"{patient}_left.png", 50 + patient)
        rows.append(f"{patient}_left.png,{patient},left,{(0, 2)[patient % 2]}")
        photograph(root / "normal400" / "images" / f"{patient}_left.png", 80 + patient)
    (root / "eyepacs400" / "labels.csv").write_text("\n".join(rows) + "\n", encoding="utf-8")
    return root


@pytest.fixture
def manifest(tmp_path, data_root):
    """Half of each source for validation."""
    path = tmp_path / "split.csv"
    sources = ["idrid=1/2", "eyepacs400=1/2", "normal400=1/2"]
    call_command("datasets", "merge", *sources, root=data_root, seed=1, out=path)
    return path
