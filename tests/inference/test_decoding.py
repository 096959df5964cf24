import io
import struct
import zlib

import cv2
import numpy as np
import pytest
import skimage.data
import tifffile
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import ExifTags, Image

from inference.decoding import DecodedImage, decode
from inference.errors import ImageRejected

# Pillow warns of what is wrong with a broken file; what counts here is what comes of it.
pytestmark = [
    pytest.mark.filterwarnings("ignore::UserWarning:PIL"),
    pytest.mark.filterwarnings("ignore::PIL.Image.DecompressionBombWarning"),
]


def scene(height: int = 240, width: int = 320) -> np.ndarray:
    """Four flat quarters, each of its own colour: survives JPEG, and no turn or mirror image looks like another."""
    rgb = np.zeros((height, width, 3), np.uint8)
    rgb[: height // 2, : width // 2] = (200, 40, 40)
    rgb[: height // 2, width // 2 :] = (40, 200, 40)
    rgb[height // 2 :, : width // 2] = (40, 40, 200)
    rgb[height // 2 :, width // 2 :] = (160, 160, 160)
    return rgb


def saved(picture: Image.Image, kind: str, **options) -> bytes:
    buffer = io.BytesIO()
    picture.save(buffer, kind, **options)
    return buffer.getvalue()


def png_header(width: int, height: int) -> bytes:
    """A PNG of the given size whose pixels are one tiny compressed run of zeros."""

    def chunk(name: bytes, body: bytes) -> bytes:
        return struct.pack(">I", len(body)) + name + body + struct.pack(">I", zlib.crc32(name + body))

    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return (
        b"\x89PNG\r\n\x1a\n"
        + chunk(b"IHDR", header)
        + chunk(b"IDAT", zlib.compress(bytes(100_000)))
        + chunk(b"IEND", b"")
    )


def refusal(data: bytes, **options) -> str:
    with pytest.raises(ImageRejected) as caught:
        decode(data, **options)
    assert caught.value.message.endswith(".")
    return caught.value.code


def assert_same_scene(decoded: DecodedImage, expected: np.ndarray, tolerance: int = 12) -> None:
    assert decoded.rgb.dtype == np.uint8
    assert decoded.rgb.shape == expected.shape
    height, width = expected.shape[:2]
    for y in (height // 4, 3 * height // 4):
        for x in (width // 4, 3 * width // 4):
            assert np.abs(decoded.rgb[y, x].astype(int) - expected[y, x]).max() <= tolerance, (y, x)


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "TIFF", "BMP", "WEBP"])
def test_allowed_formats(kind):
    decoded = decode(saved(Image.fromarray(scene()), kind))
    assert_same_scene(decoded, scene())
    assert decoded.format == kind
    assert (decoded.width, decoded.height) == (320, 240)


def test_sources_may_be_bytes_a_path_or_an_open_file(tmp_path):
    path = tmp_path / "a-png-by-content.jpg"
    path.write_bytes(saved(Image.fromarray(scene()), "PNG"))
    with path.open("rb") as file:
        for source in (path.read_bytes(), path, file):
            decoded = decode(source)
            assert decoded.format == "PNG"
            assert_same_scene(decoded, scene(), tolerance=0)


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "TIFF", "WEBP"])
@pytest.mark.parametrize(
    ("orientation", "as_stored"),
    [
        (1, lambda a: a),
        (2, lambda a: a[:, ::-1]),
        (3, lambda a: a[::-1, ::-1]),
        (4, lambda a: a[::-1]),
        (5, lambda a: a.transpose(1, 0, 2)),
        (6, lambda a: np.rot90(a, 1)),
        (7, lambda a: np.rot90(a, 2).transpose(1, 0, 2)),
        (8, lambda a: np.rot90(a, -1)),
    ],
)
def test_orientation_is_applied_exactly_once(kind, orientation, as_stored):
    exif = Image.Exif()
    exif[ExifTags.Base.Orientation] = orientation
    stored = Image.fromarray(np.ascontiguousarray(as_stored(scene())))
    assert_same_scene(decode(saved(stored, kind, exif=exif)), scene())


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("kind", ["JPEG", "PNG", "TIFF"])
@pytest.mark.parametrize("longest", [321, 160, 101, 39])
def test_a_smaller_copy_shows_the_same(kind, orientation, longest):
    exif = Image.Exif()
    exif[ExifTags.Base.Orientation] = orientation
    data = saved(Image.fromarray(scene(241, 321)), kind, exif=exif)
    whole, copy = decode(data), decode(data, longest=longest)
    assert (copy.width, copy.height) == (whole.width, whole.height) == whole.rgb.shape[1::-1]
    assert max(copy.rgb.shape) == longest
    expected = cv2.resize(whole.rgb, copy.rgb.shape[1::-1], interpolation=cv2.INTER_AREA)
    assert_same_scene(copy, expected)


@pytest.mark.parametrize("orientation", [1, 6])
@pytest.mark.parametrize("kind", ["JPEG", "PNG"])
def test_half_a_photograph_has_its_pixels_between_the_same_edges(kind, orientation):
    exif = Image.Exif()
    exif[ExifTags.Base.Orientation] = orientation
    data = saved(Image.fromarray(scene(240, 322)), kind, exif=exif)
    whole, half = decode(data).rgb, decode(data, halved=True)
    assert (half.width, half.height) == whole.shape[1::-1]
    pairs = whole.reshape(whole.shape[0] // 2, 2, whole.shape[1] // 2, 2, 3).mean(axis=(1, 3))
    assert half.rgb.shape == pairs.shape
    assert np.abs(half.rgb - pairs).mean() < 1


def test_a_photograph_of_an_odd_number_of_pixels_is_not_halved():
    assert decode(saved(Image.fromarray(scene(241, 320)), "JPEG"), halved=True).rgb.shape == (241, 320, 3)


def test_small_photographs_are_not_enlarged():
    assert decode(saved(Image.fromarray(scene()), "JPEG"), longest=400).rgb.shape == (240, 320, 3)


def test_orientations_agree_with_pillow():
    from PIL import ImageOps

    for orientation in range(1, 9):
        exif = Image.Exif()
        exif[ExifTags.Base.Orientation] = orientation
        data = saved(Image.fromarray(scene()), "PNG", exif=exif)
        expected = ImageOps.exif_transpose(Image.open(io.BytesIO(data)))
        assert np.array_equal(decode(data).rgb, np.asarray(expected))


def test_camera_facts():
    exif = Image.Exif()
    exif[ExifTags.Base.Make] = "Canon\x00"
    exif[ExifTags.Base.Model] = "CR-2 AF"
    exif.get_ifd(ExifTags.IFD.Exif)[ExifTags.Base.DateTimeOriginal] = "2024:05:06 07:08:09"
    decoded = decode(saved(Image.fromarray(scene()), "JPEG", exif=exif))
    assert decoded.camera == {"make": "Canon", "model": "CR-2 AF", "taken_at": "2024-05-06T07:08:09"}


def test_broken_camera_facts_do_not_cost_the_photograph():
    data = saved(Image.fromarray(scene()), "JPEG", exif=b"Exif\x00\x00II*\x00\xff\xff\xff\xff garbage")
    assert decode(data).camera == {}


@pytest.mark.parametrize("kind", ["JPEG", "TIFF"])
def test_cmyk(kind):
    cmyk = Image.fromarray(scene()).convert("CMYK")
    assert_same_scene(decode(saved(cmyk, kind)), scene())


@pytest.mark.parametrize("mode", ["L", "1", "P", "LA"])
def test_grey_and_palette(mode):
    picture = Image.fromarray(scene()).convert("L" if mode == "LA" else "RGB").convert(mode)
    assert_same_scene(decode(saved(picture, "PNG")), np.asarray(picture.convert("RGB")), tolerance=0)


def test_16_bit_grey_png_is_scaled():
    ramp = np.linspace(0, 65535, 320).astype(np.uint16)[None].repeat(240, axis=0)
    rgb = decode(cv2.imencode(".png", ramp)[1].tobytes()).rgb
    assert np.abs(rgb[..., 0] - ramp / 257).max() <= 1
    assert np.array_equal(rgb[..., 0], rgb[..., 2])


@pytest.mark.parametrize("extension", [".png", ".tiff"])
def test_16_bit_colour_is_scaled(extension):
    deep = scene().astype(np.uint16) * 257
    data = cv2.imencode(extension, deep[..., ::-1])[1].tobytes()
    assert_same_scene(decode(data), scene(), tolerance=1)


@pytest.mark.parametrize("byteorder", ["<", ">"])
def test_16_bit_grey_tiff_in_both_byte_orders(byteorder):
    ramp = np.linspace(0, 65535, 320).astype(np.uint16)[None].repeat(240, axis=0)
    buffer = io.BytesIO()
    tifffile.imwrite(buffer, ramp, byteorder=byteorder)
    assert np.abs(decode(buffer.getvalue()).rgb[..., 1] - ramp / 257).max() <= 1


def test_transparent_pixels_lie_on_black():
    rgba = np.dstack([scene(), np.full((240, 320), 255, np.uint8)])
    rgba[:120, :160, 3] = 0
    expected = scene()
    expected[:120, :160] = 0
    for kind in ("PNG", "WEBP", "TIFF"):
        assert_same_scene(decode(saved(Image.fromarray(rgba), kind)), expected)


def test_transparent_palette_entry_lies_on_black():
    palette = Image.fromarray(scene()).quantize(4)
    index = palette.getpixel((10, 10))
    expected = scene()
    expected[:120, :160] = 0
    assert_same_scene(decode(saved(palette, "PNG", transparency=index)), expected)


def test_mpo_gives_its_first_frame():
    first, second = Image.fromarray(scene()), Image.fromarray(255 - scene())
    decoded = decode(saved(first, "MPO", save_all=True, append_images=[second]))
    assert_same_scene(decoded, scene())
    assert decoded.format == "JPEG"


@pytest.mark.parametrize("kind", ["PNG", "WEBP", "TIFF"])
def test_animations_and_pages_are_refused(kind):
    first, second = Image.fromarray(scene()), Image.fromarray(255 - scene())
    assert refusal(saved(first, kind, save_all=True, append_images=[second])) == "animated_image"


def test_empty_file():
    assert refusal(b"") == "empty_file"


@pytest.mark.parametrize("data", [b"hello", b"\x00" * 5000, b"<svg></svg>", b"\x7fELF" + b"\x00" * 300])
def test_not_an_image(data):
    assert refusal(data) == "not_an_image"


def test_other_formats_are_named():
    gif = saved(Image.fromarray(scene()), "GIF")
    dicom = b"\x00" * 128 + b"DICM" + b"\x00" * 100
    for data, name in ((gif, "GIF"), (dicom, "DICOM"), (b"%PDF-1.7 ...", "PDF"), (b"PK\x03\x04....", "ZIP")):
        with pytest.raises(ImageRejected, match=name) as caught:
            decode(data)
        assert caught.value.code == "unsupported_format"


def test_float_tiff_is_refused():
    buffer = io.BytesIO()
    tifffile.imwrite(buffer, np.zeros((240, 320), np.float32))
    assert refusal(buffer.getvalue()) == "unsupported_format"


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "TIFF", "BMP", "WEBP"])
@pytest.mark.parametrize("share", [0.3, 0.6, 0.9])
def test_truncated_files(kind, share):
    noise = np.random.default_rng(0).integers(0, 255, (300, 300, 3), dtype=np.uint8)
    data = saved(Image.fromarray(noise), kind)
    assert refusal(data[: int(len(data) * share)]) == "truncated_image"


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "TIFF"])
def test_truncated_inside_the_header(kind):
    assert refusal(saved(Image.fromarray(scene()), kind)[:12]) == "truncated_image"


def test_too_small():
    assert refusal(saved(Image.fromarray(scene(199, 400)), "PNG")) == "too_small"
    assert decode(saved(Image.fromarray(scene(200, 200)), "PNG")).width == 200


@pytest.mark.parametrize("size", [(30_000, 30_000), (12_001, 10_000), (2**31 - 1, 1), (60_000, 2_001)])
def test_pixel_bombs_are_refused_before_decoding(size, monkeypatch):
    def no_decoding(self):
        raise AssertionError("pixels were decoded")

    monkeypatch.setattr("PIL.ImageFile.ImageFile.load", no_decoding)
    assert refusal(png_header(*size)) == "too_many_pixels"


def test_a_small_tiff_of_huge_tiles_is_refused_before_decoding(tmp_path):
    path = tmp_path / "tiles.tif"
    tifffile.imwrite(path, scene(256, 256), tile=(256, 256), compression="zlib", photometric="rgb")
    assert decode(path).rgb.shape == (256, 256, 3)
    with tifffile.TiffFile(path, mode="r+b") as tiff:
        for tag in ("TileWidth", "TileLength"):
            tiff.pages[0].tags[tag].overwrite(20_000)
    assert refusal(path.read_bytes()) == "too_many_pixels"


def test_pixel_limit_can_be_lowered():
    assert refusal(saved(Image.fromarray(scene()), "PNG"), max_pixels=50_000) == "too_many_pixels"


@settings(max_examples=300)
@given(st.binary(max_size=400))
def test_any_bytes_are_decoded_or_refused(data):
    with pytest.raises(ImageRejected):
        decode(data)


VALID = {
    "CMYK": saved(Image.fromarray(scene(200, 200)).convert("CMYK"), "JPEG"),
    "PALETTE": saved(Image.fromarray(scene(200, 200)).quantize(8), "PNG"),
    **{kind: saved(Image.fromarray(scene(200, 200)), kind) for kind in ("JPEG", "PNG", "TIFF", "BMP", "WEBP")},
}


@settings(max_examples=400)
@given(
    st.sampled_from(sorted(VALID)),
    st.lists(st.tuples(st.integers(0, 2000), st.integers(0, 255)), min_size=1, max_size=12),
    st.integers(0, 2**20),
)
def test_mutated_files_are_decoded_or_refused(kind, changes, end):
    data = bytearray(VALID[kind])
    for position, value in changes:
        data[position % len(data)] = value
    if end % 2:
        data = data[: end % len(data)]
    found = []
    for longest in (None, 50):
        try:
            decoded = decode(bytes(data), max_pixels=4_000_000, longest=longest)
        except ImageRejected as error:
            found.append(error.code)
        else:
            found.append((decoded.width, decoded.height))
            assert decoded.rgb.dtype == np.uint8
            assert decoded.rgb.shape[2] == 3
    assert found[0] == found[1]  # a smaller copy forgives nothing


def test_a_path_may_be_a_string(tmp_path):
    path = tmp_path / "retina.png"
    Image.fromarray(skimage.data.retina()).save(path)
    assert (decode(str(path)).rgb == decode(path).rgb).all()
