"""Untrusted bytes to upright RGB pixels, or one sentence that says what is wrong with them.

The content decides what a file is, never its name. The size is read from the header and checked before any pixel is
decoded, so a small file cannot claim the memory of the machine.
"""

from __future__ import annotations

import io
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import BinaryIO

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import ExifTags, Image, TiffImagePlugin, UnidentifiedImageError

from inference.errors import ImageRejected, gettext_noop

MAX_PIXELS = 120_000_000
MIN_SIDE = 200
SCREEN_SIDE = 2048
"""Pixels of the longer side of a copy that is enough for a screen."""
JUDGED_SIDE = 1024
"""And of one that is enough to judge a photograph without a network."""

FORMATS = ("JPEG", "PNG", "TIFF", "BMP", "WEBP")

# (offset, first bytes, name): allowed formats whose header is broken, so that "damaged" is said and not "no image".
_ALLOWED_SIGNATURES = (
    (0, b"\xff\xd8\xff", "JPEG"),
    (0, b"\x89PNG\r\n\x1a\n", "PNG"),
    (0, b"II*\x00", "TIFF"),
    (0, b"MM\x00*", "TIFF"),
    (8, b"WEBP", "WebP"),
)
_OTHER_SIGNATURES = (
    (0, b"GIF8", "GIF"),
    (128, b"DICM", "DICOM"),
    (0, b"%PDF", "PDF"),
    (4, b"ftyphei", "HEIC"),
    (4, b"ftypmif1", "HEIC"),
    (4, b"ftypavi", "AVIF"),
    (4, b"jP  \r\n\x87\n", "JPEG 2000"),
    (0, b"\xff\x4f\xff\x51", "JPEG 2000"),
    (0, b"8BPS", "Photoshop"),
    (0, b"PK\x03\x04", "ZIP"),
)

# EXIF orientation -> (quarter turns counter-clockwise, then mirror left-right?); TIFF 6.0, tag 274.
_ORIENTATIONS = {
    1: (0, False),
    2: (0, True),
    3: (2, False),
    4: (2, True),
    5: (3, True),
    6: (3, False),
    7: (1, True),
    8: (1, False),
}

# How many times smaller -> the bit that makes OpenCV decode a JPEG like that; IMREAD_COLOR_RGB beside it gives colour.
_REDUCED = {
    8: cv2.IMREAD_REDUCED_GRAYSCALE_8,
    4: cv2.IMREAD_REDUCED_GRAYSCALE_4,
    2: cv2.IMREAD_REDUCED_GRAYSCALE_2,
    1: 0,
}

_MAX_FACT_LENGTH = 64


@dataclass(frozen=True)
class DecodedImage:
    """An upright photograph: `rgb` is uint8, HxWx3, 0-255; `camera` holds what EXIF knows of make, model, taken_at.

    `width` and `height` are those of the photograph, upright, also where `rgb` is a smaller copy. `taken_at` is ISO
    8601, with an offset only where the camera wrote one.
    """

    rgb: NDArray[np.uint8]
    width: int
    height: int
    format: str
    camera: dict[str, str] = field(default_factory=dict)


def decode(
    source: bytes | str | Path | BinaryIO,
    *,
    max_pixels: int = MAX_PIXELS,
    longest: int | None = None,
    halved: bool = False,
) -> DecodedImage:
    """Decode a photograph of any allowed format, bit depth and colour model to upright 8-bit RGB.

    With `longest` a larger photograph is scaled down, so that its longer side has that many pixels, and with `halved`
    to half its size, where both sides are even: of a JPEG only so much is worked out, but all of it is read and
    checked. Transparent pixels are laid on black. Raises ImageRejected with one of the codes empty_file, not_an_image,
    unsupported_format, animated_image, too_small, too_many_pixels, truncated_image. A path that cannot be read raises
    OSError.
    """
    data = _read(source)
    with _opened(data) as picture:
        if max(picture.width * picture.height, _tile_pixels(picture)) > max_pixels:
            raise _too_many_pixels(max_pixels)
        if min(picture.size) < MIN_SIDE:
            raise ImageRejected(
                "too_small",
                gettext_noop(
                    "The picture is only %(width)d x %(height)d pixels: "
                    "upload one whose shorter side has at least %(minimum)d pixels."
                ),
                width=picture.width,
                height=picture.height,
                minimum=MIN_SIDE,
            )
        if halved and not (picture.width % 2 or picture.height % 2):
            longest = max(picture.size) // 2
        rgb = _whole_jpeg(picture, data, longest)
        if rgb is None:
            picture.load()
            rgb = _to_rgb(picture)
        # Read after load(): Pillow turns TIFF files upright by itself and then drops their tag.
        exif = _exif(picture)
        camera = _camera_facts(exif)
        name = "JPEG" if picture.format == "MPO" else str(picture.format)
        width, height = picture.size
        turns, mirrored = _ORIENTATIONS.get(exif.get(ExifTags.Base.Orientation) or 1, (0, False))
        if turns % 2:
            width, height = height, width
        rgb = _upright(_scaled_down(rgb, longest), turns, mirrored=mirrored)
    return DecodedImage(rgb=rgb, width=width, height=height, format=name, camera=camera)


def copy_to_judge(rgb: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """A copy of a picture (HxWx3), halved as often as its longer side is then still `JUDGED_SIDE` pixels or more.

    The mean of each four pixels: a tenth of the time of other averages.
    """
    while max(rgb.shape) >= 2 * JUDGED_SIDE:
        height, width = rgb.shape[0] // 2, rgb.shape[1] // 2
        rgb = np.asarray(cv2.resize(rgb[: 2 * height, : 2 * width], (width, height), interpolation=cv2.INTER_AREA))
    return rgb


def decode_drawing(
    source: bytes | Path | BinaryIO, *, expected_shape: tuple[int, int]
) -> tuple[NDArray[np.uint8], NDArray[np.uint8] | None] | None:
    """Decode a picture drawn over a photograph: colours (HxWx3, or HxW if grey) and, where it has one, alpha (HxW).

    None where its size is not `expected_shape` (height, width): nothing larger than the photograph is decoded. Raises
    ImageRejected as `decode` does, but small pictures are allowed.
    """
    with _opened(_read(source)) as picture:
        if picture.size != (expected_shape[1], expected_shape[0]):
            return None
        picture.load()
        if picture.has_transparency_data and not picture.mode.startswith("I;16"):
            rgba = np.asarray(picture.convert("RGBA"))
            return rgba[..., :3], rgba[..., 3]
        if picture.mode in {"1", "L"}:
            return np.asarray(picture.convert("L")), None
        return _to_rgb(picture), None


def _read(source: bytes | str | Path | BinaryIO) -> bytes:
    if isinstance(source, str | Path):
        data = Path(source).read_bytes()
    elif isinstance(source, bytes | bytearray | memoryview):
        data = bytes(source)
    else:
        data = source.read()
    if not data:
        raise ImageRejected(
            "empty_file", gettext_noop("The file is empty (0 bytes): export it again and upload the new copy.")
        )
    return data


@contextmanager
def _opened(data: bytes) -> Iterator[Image.Image]:
    """Open with the allowed decoders only, and turn whatever they raise, now or while loading, into ImageRejected."""
    try:
        with Image.open(io.BytesIO(data), formats=FORMATS) as picture:
            # MPO is a JPEG with a second, smaller picture behind the first, as many cameras write it.
            if getattr(picture, "is_animated", False) and picture.format != "MPO":
                raise ImageRejected(
                    "animated_image",
                    gettext_noop(
                        "The file holds several frames or pages: "
                        "save the one that shows the eye as a single picture and upload that."
                    ),
                )
            yield picture
    except (ImageRejected, MemoryError):
        raise
    except UnidentifiedImageError:
        raise _unidentified(data) from None
    except (Image.DecompressionBombError, Image.DecompressionBombWarning):
        raise _too_many_pixels(MAX_PIXELS) from None
    except Exception as error:
        # Pillow's decoders raise OSError, SyntaxError, ValueError, struct.error and more on broken files.
        raise _damaged() from error


def _unidentified(data: bytes) -> ImageRejected:
    if any(data[start : start + len(magic)] == magic for start, magic, _ in _ALLOWED_SIGNATURES):
        return _damaged()
    for start, magic, name in _OTHER_SIGNATURES:
        if data[start : start + len(magic)] == magic:
            return ImageRejected(
                "unsupported_format",
                gettext_noop(
                    "%(format)s files cannot be read: "
                    "export the photograph as JPEG, PNG, TIFF, BMP or WebP and upload that."
                ),
                format=name,
            )
    return ImageRejected(
        "not_an_image",
        gettext_noop(
            "The file is not an image that can be read: upload the photograph as JPEG, PNG, TIFF, BMP or WebP."
        ),
    )


def _damaged() -> ImageRejected:
    return ImageRejected(
        "truncated_image",
        gettext_noop("The image file is damaged or cut short: export or copy it again and upload the new copy."),
    )


def _too_many_pixels(max_pixels: int) -> ImageRejected:
    return ImageRejected(
        "too_many_pixels",
        gettext_noop(
            "The picture has more than the %(limit)d million pixels allowed: "
            "export it at a smaller size and upload that."
        ),
        limit=max_pixels // 1_000_000,
    )


def _tile_pixels(picture: Image.Image) -> int:
    """Pixels of one tile of a TIFF: a tile may be larger than the picture, and is decoded whole."""
    if not isinstance(picture, TiffImagePlugin.TiffImageFile):
        return 0
    width, height = (picture.tag_v2.get(tag, 0) for tag in (TiffImagePlugin.TILEWIDTH, TiffImagePlugin.TILELENGTH))
    return int(width) * int(height)


def _whole_jpeg(picture: Image.Image, data: bytes, longest: int | None) -> NDArray[np.uint8] | None:
    """What nearly every camera writes, by OpenCV: the same library and pixels in half of Pillow's time.

    At a half, a quarter or an eighth of its size where that is still `longest` or more. None for what Pillow must
    judge: other formats and colour models, and files that do not end as a JPEG does, of which OpenCV would grey out the
    missing part without a word.
    """
    if picture.format not in {"JPEG", "MPO"} or picture.mode != "RGB" or not data.endswith(b"\xff\xd9"):
        return None
    factor = next(each for each in _REDUCED if each == 1 or (longest and max(picture.size) >= each * longest))
    flags = _REDUCED[factor] | cv2.IMREAD_COLOR_RGB | cv2.IMREAD_IGNORE_ORIENTATION
    rgb = cv2.imdecode(np.frombuffer(data, np.uint8), flags)
    if rgb is None or rgb.shape[:2] != (-(-picture.height // factor), -(-picture.width // factor)):
        return None
    return np.asarray(rgb, np.uint8)


def _scaled_down(rgb: NDArray[np.uint8], longest: int | None) -> NDArray[np.uint8]:
    height, width = rgb.shape[:2]
    scale = 1.0 if longest is None else longest / max(height, width)
    if scale >= 1:
        return rgb
    size = (max(1, round(width * scale)), max(1, round(height * scale)))
    # Down to a half each pixel still counts when only its neighbours are asked, which takes a tenth of the time.
    method = cv2.INTER_LINEAR if scale > 1 / 2 else cv2.INTER_AREA
    return np.asarray(cv2.resize(rgb, size, interpolation=method), np.uint8)


def _to_rgb(picture: Image.Image) -> NDArray[np.uint8]:
    if picture.mode.startswith("I;16"):
        # Scaled by the full range of the container; Pillow's own conversion would clip everything above 255.
        grey = cv2.convertScaleAbs(np.asarray(picture).astype(np.uint16), alpha=255 / 65535)
        return np.asarray(cv2.cvtColor(grey, cv2.COLOR_GRAY2RGB), dtype=np.uint8)
    if picture.mode in {"I", "F", "LAB"}:
        raise ImageRejected(
            "unsupported_format",
            gettext_noop(
                "The picture has 32 bits per channel or a colour model other than RGB, grey or CMYK: "
                "save it as 8-bit RGB and upload that."
            ),
        )
    if picture.has_transparency_data:
        rgba = picture.convert("RGBA")
        black = Image.new("RGBA", rgba.size, (0, 0, 0, 255))
        picture = Image.alpha_composite(black, rgba)
    return np.asarray(picture.convert("RGB"))


def _exif(picture: Image.Image) -> Image.Exif:
    try:
        return picture.getexif()
    except Exception:  # noqa: BLE001 - broken facts about a photograph must not cost the photograph
        return Image.Exif()


def _upright(rgb: NDArray[np.uint8], turns: int, *, mirrored: bool) -> NDArray[np.uint8]:
    if turns:
        rgb = np.rot90(rgb, turns)
    if mirrored:
        rgb = rgb[:, ::-1]
    return np.ascontiguousarray(rgb)


def _camera_facts(exif: Image.Exif) -> dict[str, str]:
    try:
        details = exif.get_ifd(ExifTags.IFD.Exif)
    except Exception:  # noqa: BLE001 - as in _exif
        details = {}
    facts = {
        "make": _text(exif.get(ExifTags.Base.Make)),
        "model": _text(exif.get(ExifTags.Base.Model)),
        "taken_at": _timestamp(
            _text(details.get(ExifTags.Base.DateTimeOriginal) or exif.get(ExifTags.Base.DateTime)),
            _text(details.get(ExifTags.Base.OffsetTimeOriginal)),
        ),
    }
    return {name: value for name, value in facts.items() if value}


def _text(value: object) -> str:
    if isinstance(value, bytes):
        value = value.decode("utf-8", "replace")
    if not isinstance(value, str):
        return ""
    return re.sub(r"[^\x20-\x7e\u00a0-\ud7ff\uf900-\ufffc]", "", value).strip()[:_MAX_FACT_LENGTH]


def _timestamp(text: str, offset: str) -> str:
    try:
        taken = datetime.strptime(text, "%Y:%m:%d %H:%M:%S")  # noqa: DTZ007 - EXIF clocks know no time zone
    except ValueError:
        return ""
    suffix = offset if re.fullmatch(r"[+-]\d\d:\d\d", offset) else ""
    return taken.isoformat() + suffix
