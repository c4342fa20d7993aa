"""A picture on its way to the service: as a person sees it, and nothing of what else is in it."""

import io
import random
import struct
import subprocess
import sys
import zlib

import pytest
from PIL import Image, ImageCms
from test_models import ROOT

from veo import pictures
from veo.models import LARGEST_PICTURE, LARGEST_UPLOAD, MODELS
from veo.pictures import BadPicture, film_size, prepare

HD = (1280, 720)
RED, GREEN, BLUE, WHITE = (220, 30, 30), (30, 200, 30), (30, 30, 220), (255, 255, 255)
CORNERS = [RED, GREEN, BLUE, WHITE]


def saved(picture, kind="PNG", **options):
    file = io.BytesIO()
    picture.save(file, kind, **options)
    return file.getvalue()


def quarters(width=640, height=360):
    picture = Image.new("RGB", (2, 2))
    picture.putdata(CORNERS)
    return picture.resize((width, height), Image.Resampling.NEAREST)


def opened(content):
    return Image.open(io.BytesIO(content), formats=["JPEG"])


def corners(picture):
    width, height = picture.size
    places = [(x, y) for y in (height // 4, 3 * height // 4) for x in (width // 4, 3 * width // 4)]
    return [nearest(picture.getpixel(place)) for place in places]


def nearest(pixel):
    return min(CORNERS, key=lambda each: sum(abs(a - b) for a, b in zip(each, pixel, strict=True)))


def noise(width, height, mode="RGB"):
    size = width * height * len(mode)
    return Image.frombytes(mode, (width, height), random.Random(1).randbytes(size))


# What comes out


def test_a_film_behind_a_picture_is_left_out():
    assert corners(opened(prepare(motion_photo(), HD))) == CORNERS


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "WEBP"])
def test_a_picture_comes_out_as_a_jpeg_of_the_films_size(kind):
    out = prepare(saved(quarters(), kind), HD)
    assert opened(out).size == HD
    assert corners(opened(out)) == CORNERS
    assert {layer[1:3] for layer in opened(out).layer} == {(1, 1)}  # 4:4:4


@pytest.mark.parametrize(
    ("shape", "size"),
    [((2000, 400), HD), ((400, 2000), HD), ((1280, 721), HD), ((500, 500), (720, 1280))],
)
def test_another_shape_is_cropped_to_the_middle(shape, size):
    """Rings around the middle stay round: nothing is stretched."""
    picture = Image.new("RGB", shape, "white")
    side = min(shape) // 4
    middle = [each // 2 for each in shape]
    picture.paste(RED, (middle[0] - side, middle[1] - side, middle[0] + side, middle[1] + side))
    out = opened(prepare(saved(picture), size))
    box = out.convert("L").point(lambda value: 255 * (value < 200)).getbbox()
    assert out.size == size
    assert abs((box[2] - box[0]) / (box[3] - box[1]) - 1) < 0.03
    assert abs(box[0] + box[2] - size[0]) <= 4
    assert abs(box[1] + box[3] - size[1]) <= 4


@pytest.mark.parametrize(
    ("shape", "size"),
    [((2560, 640), (1280, 320)), ((640, 2560), (320, 1280)), ((300, 200), (300, 200))],
)
def test_a_reference_is_kept_whole(shape, size):
    out = opened(prepare(saved(quarters(*shape)), HD, crop=False))
    assert out.size == size
    assert corners(out) == CORNERS


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP"])
@pytest.mark.parametrize("orientation", range(10))
def test_a_picture_comes_out_upright(orientation, kind):
    seen = {2: "GRWB", 3: "WBGR", 4: "BWRG", 5: "RBGW", 6: "BRWG", 7: "WGBR", 8: "GWRB"}
    names = dict(zip("RGBW", CORNERS, strict=True))
    exif = Image.Exif()
    exif[pictures.ORIENTATION] = orientation
    content = saved(quarters(400, 400), kind, exif=exif)
    expected = [names[each] for each in seen.get(orientation, "RGBW")]
    assert corners(opened(prepare(content, HD[::-1]))) == expected
    if orientation in (5, 6, 7, 8):
        lying = saved(quarters(640, 360), kind, exif=exif)
        assert opened(prepare(lying, HD, crop=False)).size == (360, 640)


@pytest.mark.parametrize("mode", ["1", "L", "LA", "P", "PA", "RGB", "RGBA", "CMYK", "I;16"])
def test_every_kind_of_pixel_is_seen_as_it_is(mode):
    if mode == "I;16":
        picture = Image.new("I;16", (640, 360), 257 * 128)
    else:
        picture = Image.new("L", (640, 360), 128).convert("RGB").convert(mode.replace("PA", "P"))
    content = saved(picture, "TIFF" if mode == "PA" else "JPEG" if mode == "CMYK" else "PNG")
    if mode == "PA":
        content = saved(Image.new("P", (640, 360)), transparency=bytes([128] * 256))
    pixels = opened(prepare(content, HD)).convert("L").resize((1, 1)).getpixel((0, 0))
    assert abs(pixels - 128) <= (4 if mode != "1" else 12)


def test_sixteen_bits_a_colour_are_read():
    rows = b"\0" + struct.pack(">3H", 0xDC00, 0x1E00, 0x1E00) * 640
    content = png((640, 360), rows * 360, depth=16)
    assert nearest(opened(prepare(content, HD)).getpixel((9, 9))) == RED


def test_what_is_transparent_is_white():
    for mode in ("RGBA", "LA"):
        picture = Image.new(mode, (640, 360))
        assert nearest(opened(prepare(saved(picture), HD)).getpixel((9, 9))) == WHITE
    keyed = saved(Image.new("RGB", (640, 360), RED), transparency=RED)
    assert nearest(opened(prepare(keyed, HD)).getpixel((9, 9))) == WHITE


@pytest.mark.slow
def test_the_colours_of_another_space_are_meant():
    """A profile that calls every colour by another name is followed, and a broken one is not."""
    lab = ImageCms.ImageCmsProfile(ImageCms.createProfile("LAB")).tobytes()
    srgb = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    plain = prepare(saved(quarters()), HD)
    for profile in (b"no profile", lab, srgb, bytes(4000), srgb[:300]):
        for kind in ("PNG", "JPEG"):
            out = prepare(saved(quarters(), kind, icc_profile=profile), HD)
            assert corners(opened(out)) == corners(opened(plain))
            assert b"ICC_PROFILE" not in out


def test_nothing_of_where_and_when_comes_out():
    exif = Image.Exif()
    exif[0x010F] = "Canary phone"
    exif[0x010E] = "<script>canary</script>"
    exif.get_ifd(0x8825)[2] = (52.0, 31.0, 12.0)
    for kind in ("JPEG", "PNG", "WEBP"):
        content = saved(quarters(), kind, exif=exif)
        assert b"anary" in content
        out = prepare(content + b"<script>canary</script>", HD)
        assert b"anary" not in out
        assert b"Exif" not in out
        assert {each for each in opened(out).info} <= {
            "jfif",
            "jfif_version",
            "jfif_unit",
            "jfif_density",
        }
    comment = saved(quarters(), "JPEG", comment=b"canary")
    assert b"canary" in comment
    assert b"canary" not in prepare(comment, HD)


def test_even_noise_is_no_larger_than_what_is_sent():
    out = prepare(saved(noise(1920, 1080), "JPEG", quality=95), (1920, 1080))
    assert len(out) <= LARGEST_PICTURE
    assert opened(out).size == (1920, 1080)


def test_the_size_of_a_film():
    sizes = {
        film_size(shape, resolution)
        for model in MODELS.values()
        for shape in model.aspect_ratios
        for resolution in model.resolutions
    }
    wide = {(640, 360), (1280, 720), (1920, 1080), (3840, 2160)}
    assert sizes == wide | {(height, width) for width, height in wide}
    assert film_size("1:1", "480p") == (480, 480)


# What may be meant to harm


def png(size, rows, *, depth=8, colour=2, chunks=(), interlaced=0):
    """A PNG by hand, of `rows` as they are packed."""

    def chunk(kind, content):
        return len(content).to_bytes(4) + kind + content + zlib.crc32(kind + content).to_bytes(4)

    head = struct.pack(">IIBBBBB", *size, depth, colour, 0, 0, interlaced)
    packed = rows if isinstance(rows, list) else [zlib.compress(rows)]
    parts = [chunk(b"IHDR", head), *(chunk(*each) for each in chunks)]
    parts += [chunk(b"IDAT", each) for each in packed]
    return b"".join([b"\x89PNG\r\n\x1a\n", *parts, chunk(b"IEND", b"")])


def zeros(size):
    """So many zeros, packed, without them ever being there."""
    packer = zlib.compressobj(9)
    pieces = [packer.compress(bytes(min(1 << 20, size - at))) for at in range(0, size, 1 << 20)]
    return b"".join([*pieces, packer.flush()])


def blank(width, height, colour=2):
    bytes_per_pixel = {0: 1, 2: 3, 6: 4}[colour]
    return png((width, height), [zeros((width * bytes_per_pixel + 1) * height)], colour=colour)


def animated(kind):
    frames = [Image.new("RGB", (320, 180), each) for each in (RED, GREEN, BLUE)]
    return saved(frames[0], kind, save_all=True, append_images=frames[1:])


def progressive(width, height):
    return saved(Image.new("RGB", (width, height), RED), "JPEG", progressive=True)


def many_scans():
    content = saved(quarters(), "JPEG", progressive=True)
    at = content.rindex(b"\xff\xda")
    return content[:-2] + content[at:-2] * 2000 + content[-2:]


def hidden_scans():
    """Two thousand behind a marker that libjpeg skips, and not as much as it says is behind it."""
    content = many_scans()
    at = content.index(b"\xff\xda")
    return content[:at] + b"\xff\x02\xff\xff" + content[at:]


def many_segments():
    content = many_scans()
    return content[:2] + b"\xff\xfe\0\2" * 20_000 + content[2:]


def motion_photo():
    """As a phone makes it: a film behind the picture, which has all bytes in it."""
    return saved(quarters(), "JPEG", progressive=True) + b"....ftypmp42" + b"\xff\xda" * 500


def zipped(kind):
    return saved(quarters(), kind) + b"PK\3\4" + bytes(1000)


PNG, JPEG, WEBP = (saved(quarters(), kind) for kind in ("PNG", "JPEG", "WEBP"))
HOSTILE = {
    "nothing": (lambda: b"", "no JPEG"),
    "a word": (lambda: b"canary", "no JPEG"),
    "a GIF": (lambda: saved(quarters(), "GIF"), "no JPEG"),
    "a BMP": (lambda: saved(quarters(), "BMP"), "no JPEG"),
    "a TIFF": (lambda: saved(quarters(), "TIFF"), "no JPEG"),
    "an AVI": (lambda: b"RIFF\0\0\0\0AVI " + bytes(100), "no JPEG"),
    "an SVG": (lambda: b"<svg xmlns='http://www.w3.org/2000/svg'/>", "no JPEG"),
    "a page before a picture": (lambda: b"<html>" + JPEG, "no JPEG"),
    "a PostScript": (lambda: b"%!PS-Adobe-3.0 EPSF-3.0\n", "no JPEG"),
    "12 MiB and 1": (lambda: JPEG + bytes(LARGEST_UPLOAD + 1 - len(JPEG)), "12 MiB"),
    "1 × 1": (lambda: saved(Image.new("RGB", (1, 1))), "1 × 1 pixels"),
    "20,000 × 1": (lambda: saved(Image.new("RGB", (20_000, 1))), "20000 × 1 pixels"),
    "1 × 20,000": (lambda: saved(Image.new("RGB", (1, 20_000)), "JPEG"), "1 × 20000"),
    "900 million pixels": (lambda: saved(Image.new("1", (30_000, 30_000))), "more pixels"),
    "100 million pixels": (lambda: saved(Image.new("1", (10_000, 10_000))), "more pixels"),
    "51 million pixels": (lambda: saved(Image.new("1", (10_200, 5_000))), "more pixels"),
    "2**31 pixels wide": (lambda: png((2**31 - 1, 2**31 - 1), b""), "more pixels"),
    "no pixels": (lambda: png((0, 0), b""), "."),
    "a bomb of 200 MB": (lambda: blank(7_000, 7_000, 6), "more pixels"),
    "a WebP of 40 million": (lambda: saved(Image.new("L", (8_000, 5_000)), "WEBP"), "more pixels"),
    "in scans, 50 million": (lambda: progressive(10_000, 5_000), "more pixels"),
    "2,000 scans": (many_scans, "built in a way"),
    "2,000 hidden scans": (hidden_scans, "built in a way"),
    "20,000 segments": (many_segments, "built in a way"),
    "long and thin": (lambda: saved(Image.new("RGB", (45_000, 1_100)), "JPEG"), "more pixels"),
    "half a JPEG": (lambda: JPEG[: len(JPEG) // 2], "damaged"),
    "half a PNG": (lambda: PNG[: len(PNG) // 2], "damaged"),
    "half a WebP": (lambda: WEBP[: len(WEBP) // 2], "damaged"),
    "the head of a JPEG": (lambda: JPEG[:20], "damaged"),
    "the head of a PNG": (lambda: PNG[:8], "damaged"),
    "the head of a WebP": (lambda: WEBP[:12], "damaged"),
    "a PNG of nothing": (lambda: png((640, 360), [b""]), "damaged"),
    "a PNG with too few rows": (lambda: png((640, 360), bytes(1000)), "damaged"),
    "a PNG that moves": (lambda: animated("PNG"), "moves"),
    "a WebP that moves": (lambda: animated("WEBP"), "moves"),
}


LARGE = ("900 million pixels", "a bomb of 200 MB", "a WebP of 40 million", "in scans, 50 million")
"""They take long to make."""


@pytest.mark.parametrize(
    "name",
    [pytest.param(name, marks=[pytest.mark.slow] if name in LARGE else []) for name in HOSTILE],
)
def test_what_cannot_be_sent_is_told_in_a_sentence(name):
    make, says = HOSTILE[name]
    with pytest.raises(BadPicture) as caught:
        prepare(make(), HD)
    message = str(caught.value)
    assert says in message
    assert message.endswith(".")
    assert len(message) < 120
    assert "canary" not in message


LARGE = {
    "a PNG of 20 million": lambda: blank(5_400, 3_700),
    "a transparent PNG of 26 million": lambda: blank(6_200, 4_200, 6),
    "a grey PNG of 50 million": lambda: blank(9_000, 5_500, 0),
    "a JPEG of 50 million": lambda: saved(Image.new("RGB", (9_000, 5_500), RED), "JPEG"),
    "a JPEG in scans of 24 million": lambda: progressive(6_000, 4_000),
    "a WebP of 6 million": lambda: saved(Image.new("RGB", (3_200, 2_000), RED), "WEBP"),
    "a transparent WebP": lambda: saved(Image.new("RGBA", (3_200, 2_000)), "WEBP", lossless=True),
    "a wide PNG": lambda: blank(20_000, 1_000, 6),
    "64 texts of a megabyte": lambda: png(
        (5_400, 3_700),
        [zeros((5_400 * 3 + 1) * 3_700)],
        chunks=[(b"zTXt", b"a\0\0" + zeros(1 << 20))] * 64,
    ),
    "a zip behind a JPEG": lambda: zipped("JPEG"),
    "a zip behind a PNG": lambda: zipped("PNG"),
    "CMYK": lambda: saved(Image.new("CMYK", (6_000, 4_000)), "JPEG"),
}


@pytest.mark.slow
def test_no_picture_takes_more_than_150_mib(tmp_path):
    """In a process of its own: the peak of what it holds, beside what it held before."""
    for number, make in enumerate((*LARGE.values(), *(each for each, _ in HOSTILE.values()))):
        (tmp_path / f"{number:03}").write_bytes(make())
    out = subprocess.check_output(
        [sys.executable, "-W", "ignore", "-c", MEASURE, str(ROOT), str(tmp_path)]
    )
    told = dict(zip([*LARGE, *HOSTILE], map(str.split, out.decode().splitlines()), strict=True))
    assert {name: how for name, (_, how) in told.items() if how != "taken"}.keys() == {*HOSTILE}
    assert {name: kib for name, (kib, _) in told.items() if int(kib) > 150 << 10} == {}
    assert {
        name: kib for name, (kib, _) in told.items() if name in HOSTILE and int(kib) > 8 << 10
    } == {}


MEASURE = r"""
import re, sys
from pathlib import Path
sys.path.insert(0, sys.argv[1])
from veo.models import LARGEST_UPLOAD
from veo.pictures import BadPicture, prepare

def kib(what):
    return int(re.search(what + r":\s+(\d+)", Path("/proc/self/status").read_text())[1])

prepare(Path(sys.argv[2], "008").read_bytes(), (1920, 1080))
for path in sorted(Path(sys.argv[2]).iterdir()):
    content = path.read_bytes()
    Path("/proc/self/clear_refs").write_text("5")  # the peak counts from here
    before = kib("VmRSS")
    try:
        prepare(content, (1920, 1080))
        how = "taken"
    except BadPicture:
        how = "refused"
    print(kib("VmHWM") - before, how)
"""
