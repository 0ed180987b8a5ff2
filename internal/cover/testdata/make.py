"""Makes the pictures of this folder, and patches.csv: what each patch of each
picture looks like in sRGB on white, as software says that is not Acervo's.

    python3 -m venv venv && venv/bin/pip install pillow==13.0.0 numpy && venv/bin/python make.py
"""

import csv
import io
import struct

import numpy as np
from PIL import Image, ImageCms, ImageDraw, ImageOps

PATCH, COLUMNS, ROWS = 32, 6, 4
COLOURS = [
    (255, 0, 0), (0, 255, 0), (0, 0, 255), (0, 255, 255), (255, 0, 255), (255, 255, 0),
    (200, 40, 40), (40, 160, 60), (40, 60, 200), (220, 170, 140), (120, 80, 60), (90, 120, 160),
    (250, 128, 20), (130, 40, 150), (180, 220, 60), (30, 110, 110), (240, 180, 190), (70, 70, 20),
    (255, 255, 255), (200, 200, 200), (150, 150, 150), (90, 90, 90), (40, 40, 40), (0, 0, 0),
]


def chart(colours=COLOURS, mode="RGB"):
    image = Image.new(mode, (COLUMNS * PATCH, ROWS * PATCH))
    for i, colour in enumerate(colours):
        x, y = i % COLUMNS * PATCH, i // COLUMNS * PATCH
        image.paste(colour, (x, y, x + PATCH, y + PATCH))
    return image


def fixed(*values):
    return b"".join(struct.pack(">i", round(v * 65536)) for v in values)


def para(*parameters):
    return b"para\0\0\0\0" + struct.pack(">HH", {1: 0, 5: 3}[len(parameters)], 0) + fixed(*parameters)


def points(values):
    return b"curv\0\0\0\0" + struct.pack(">I", len(values)) + struct.pack(f">{len(values)}H", *values)


def colorants(red, green, blue, white):
    """The matrix of primaries to XYZ, adapted to D50 after Bradford."""
    xyz = lambda x, y: np.array([x / y, 1, (1 - x - y) / y])
    primaries = np.stack([xyz(*p) for p in (red, green, blue)], axis=1)
    matrix = primaries * np.linalg.solve(primaries, xyz(*white))
    bradford = np.array([[0.8951, 0.2664, -0.1614], [-0.7502, 1.7135, 0.0367], [0.0389, -0.0685, 1.0296]])
    d50 = np.array([0.9642, 1.0, 0.8249])
    scale = (bradford @ d50) / (bradford @ xyz(*white))
    return np.linalg.inv(bradford) @ np.diag(scale) @ bradford @ matrix


def profile(matrix, curve):
    tags = []
    for i, name in enumerate((b"r", b"g", b"b")):
        tags += [(name + b"XYZ", b"XYZ \0\0\0\0" + fixed(*matrix[:, i])), (name + b"TRC", curve)]
    return profile_of(b"RGB ", tags)


def profile_of(space, tags):
    text = lambda s: b"mluc\0\0\0\0" + struct.pack(">II2s2sII", 1, 12, b"en", b"US", 2 * len(s), 28) + s.encode("utf-16-be")
    tags = [(b"desc", text("made for a test")), (b"cprt", text("none")), (b"wtpt", b"XYZ \0\0\0\0" + fixed(0.9642, 1, 0.8249)), *tags]
    table, data = struct.pack(">I", len(tags)), b""
    start = 132 + 12 * len(tags)
    for name, body in tags:
        table += name + struct.pack(">II", start + len(data), len(body))
        data += body + b"\0" * (-len(body) % 4)
    header = struct.pack(">I4sI4s4s4s12s4s", start + len(data), b"\0" * 4, 0x04200000, b"mntr", space, b"XYZ ", b"\x07\xe9" + b"\0" * 10, b"acsp")
    header = header.ljust(68, b"\0") + fixed(0.9642, 1, 0.8249)
    return header.ljust(128, b"\0") + table + data


def printer():
    """A press in four inks: dots grow, and each ink takes its part of the light. As a table, of version 2."""
    grid = 9
    light = np.ones((grid,) * 4 + (3,))
    paints = ((0.0, 0.3, 0.75), (0.75, 0.02, 0.2), (0.95, 0.8, 0.02), (0.02, 0.02, 0.02))
    for amount, paint in zip(np.meshgrid(*[np.linspace(0, 1, grid)] * 4, indexing="ij"), paints):
        light *= 1 - amount[..., None] * (1 - np.array(paint))
    xyz = light @ REC709.T / np.array([0.9642, 1.0, 0.8249])
    f = np.where(xyz > (6 / 29) ** 3, np.cbrt(xyz), xyz * 841 / 108 + 4 / 29)
    x, y, z = np.moveaxis(f, -1, 0)
    lab = np.stack([(116 * y - 16) * 652.8, (500 * (x - y) + 128) * 256, (200 * (y - z) + 128) * 256], axis=-1)
    words = lambda values: np.round(values).astype(">u2").tobytes()
    grown = 65535 * np.linspace(0, 1, 256) ** 0.8
    table = b"mft2\0\0\0\0" + bytes([4, 3, grid, 0]) + fixed(1, 0, 0, 0, 1, 0, 0, 0, 1) + struct.pack(">HH", 256, 2)
    table += words(grown) * 4 + words(lab) + struct.pack(">HH", 0, 65535) * 3
    header = struct.pack(">I4sI4s4s4s12s4s", 144 + len(table), b"\0" * 4, 0x02400000, b"prtr", b"CMYK", b"Lab ", b"\x07\xe9" + b"\0" * 10, b"acsp")
    header = (header.ljust(68, b"\0") + fixed(0.9642, 1, 0.8249)).ljust(128, b"\0")
    return header + struct.pack(">I4sII", 1, b"A2B0", 144, len(table)) + table


D65, D50 = (0.3127, 0.3290), (0.34567, 0.35850)
SRGB_CURVE = para(2.4, 1 / 1.055, 0.055 / 1.055, 1 / 12.92, 0.04045)
P3 = colorants((0.680, 0.320), (0.265, 0.690), (0.150, 0.060), D65)
REC709 = colorants((0.64, 0.33), (0.30, 0.60), (0.15, 0.06), D65)
ADOBE = colorants((0.64, 0.33), (0.21, 0.71), (0.15, 0.06), D65)
PROPHOTO = colorants((0.7347, 0.2653), (0.1596, 0.8404), (0.0366, 0.0001), D50)
decoded = lambda v: v / 12.92 if v <= 0.04045 else ((v + 0.055) / 1.055) ** 2.4
PROFILES = {
    "srgb": profile(REC709, SRGB_CURVE),
    "p3": profile(P3, SRGB_CURVE),
    "p3-table": profile(P3, points([round(65535 * decoded(i / 1023)) for i in range(1024)])),
    "adobergb": profile(ADOBE, points([563])),  # 2.19921875 in u8Fixed8
    "prophoto": profile(PROPHOTO, para(1.8)),
}


# Grey as an old Mac shows it, and as a press that prints dots larger than they were.
GREYS = {
    "grey-mac.jpg": profile_of(b"GRAY", [(b"kTRC", points([461]))]),  # 1.80078125 in u8Fixed8
    "grey-dots.png": profile_of(b"GRAY", [(b"kTRC", points([round(65535 * (1 - (1 - i / 255) ** 0.6)) for i in range(256)]))]),
}


def to_srgb(image):
    """What the picture looks like: its profile applied by littleCMS, on white."""
    icc = image.info.get("icc_profile")
    if icc and image.mode in ("RGB", "CMYK", "L"):
        image = ImageCms.profileToProfile(
            image, ImageCms.ImageCmsProfile(io.BytesIO(icc)), ImageCms.createProfile("sRGB"),
            renderingIntent=ImageCms.Intent.RELATIVE_COLORIMETRIC, outputMode="RGB")
    if "transparency" in image.info or image.mode in ("RGBA", "LA"):
        image = image.convert("RGBA")
        white = Image.new("RGBA", image.size, "white")
        image = Image.alpha_composite(white, image)
    return image.convert("RGB")


rows = []


def note(name):
    pixels = np.asarray(to_srgb(Image.open(name))).astype(float)
    for i in range(len(COLOURS)):
        x, y = i % COLUMNS * PATCH, i // COLUMNS * PATCH
        mean = pixels[y + 8:y + 24, x + 8:x + 24].mean(axis=(0, 1))
        rows.append([name, i, *(round(v) for v in mean)])


def save(name, image, **options):
    image.save(name, **options)
    note(name)


def segments(data):
    """The segments of a JPEG up to its first scan, and all that follows."""
    at, found = 2, []
    while data[at + 1] != 0xDA:
        n = struct.unpack(">H", data[at + 2:at + 4])[0] + 2
        found.append(data[at:at + n])
        at += n
    return found, data[at:]


def inks():
    """The chart in CMYK, with some grey carried by black ink."""
    rgb = np.asarray(chart()).astype(float)
    k = np.minimum(255 - rgb.max(axis=2), 128)
    cmy = 255 - rgb * 255 / np.maximum(255 - k, 1)[..., None]
    return np.clip(np.dstack([cmy, k]), 0, 255).round().astype("uint8")


def cmyk():
    options = {"quality": 95, "subsampling": 0}
    save("cmyk-adobe.jpg", Image.fromarray(inks(), "CMYK"), **options)
    with open("cmyk-adobe.jpg", "rb") as f:
        head, tail = segments(f.read())
    with open("cmyk-plain.jpg", "wb") as f:
        f.write(b"\xff\xd8" + b"".join(s for s in head if s[1] != 0xEE) + tail)
    note("cmyk-plain.jpg")
    save("cmyk-print.jpg", Image.fromarray(inks(), "CMYK"), icc_profile=printer(), **options)
    # YCCK: the three colour inks as if they were RGB, in YCbCr.
    c, m, y, k = (inks()[..., i] for i in range(4))
    ycc = np.asarray(Image.fromarray(np.dstack([c, m, y]), "RGB").convert("YCbCr"))
    buffer = io.BytesIO()
    Image.fromarray(np.dstack([255 - ycc, k]), "CMYK").save(buffer, "JPEG", **options)
    head, tail = segments(buffer.getvalue())
    head = [s[:-1] + b"\x02" if s[1] == 0xEE else s for s in head]
    with open("ycck.jpg", "wb") as f:
        f.write(b"\xff\xd8" + b"".join(head) + tail)
    note("ycck.jpg")


def poster():
    """Something like a cover: light that changes slowly, grain, hard edges, letters."""
    y, x = np.mgrid[0:640, 0:480]
    grain = np.random.default_rng(1).normal(0, 3, (640, 480))
    planes = [127 + 100 * np.sin(x / 90 + y / 200) + grain, 110 + 90 * np.sin(y / 80 + 1) + grain, 120 + 110 * np.sin((x + y) / 130) + grain]
    image = Image.fromarray(np.clip(np.dstack(planes), 0, 255).round().astype("uint8"))
    draw = ImageDraw.Draw(image)
    draw.ellipse((60, 60, 260, 260), fill=(230, 20, 40))
    draw.ellipse((220, 160, 420, 360), fill=(20, 200, 60))
    for i in range(14):
        draw.text((40, 400 + 15 * i), "Ao verme que primeiro roeu as frias carnes do meu cadaver", fill=(15, 15, 25))
    return image


def golden(name):
    """What Pillow makes of a picture, in the sizes of two renditions."""
    image = to_srgb(ImageOps.exif_transpose(Image.open(name)))
    image.info.clear()  # a profile has the time when it was made
    for width in (320, 96):
        size = width, round(image.height * width / image.width)
        image.resize(size, Image.Resampling.LANCZOS).save(f"{name[:-4]}.{width}.png", optimize=True)


def goldens():
    sideways = Image.Exif()
    sideways[0x0112] = 6
    poster().transpose(Image.Transpose.ROTATE_90).save(
        "golden-p3.jpg", quality=92, exif=sideways, icc_profile=PROFILES["p3"])
    golden("golden-p3.jpg")
    clear = poster()
    clear.putalpha(Image.fromarray((np.mgrid[0:640, 0:480][1] // 40 % 5 * 63).astype("uint8")))
    clear.save("golden-alpha.png", optimize=True)
    golden("golden-alpha.png")


def main():
    for name, icc in PROFILES.items():
        save(f"{name}.jpg", chart(), quality=92, subsampling=0, icc_profile=icc)
    save("p3.png", chart(), icc_profile=PROFILES["p3"])
    save("p3.webp", chart(), quality=90, icc_profile=PROFILES["p3"])
    save("plain.jpg", chart(), quality=90)
    save("422.jpg", chart(), quality=90, subsampling=1)
    save("progressive.jpg", chart(), quality=90, progressive=True)
    save("grey.jpg", chart().convert("L"), quality=90)
    save("grey-mac.jpg", chart().convert("L"), quality=90, icc_profile=GREYS["grey-mac.jpg"])
    save("grey-dots.png", chart().convert("L"), icc_profile=GREYS["grey-dots.png"])
    save("lossy.webp", chart(), quality=90)
    save("lossless.webp", chart(), lossless=True)
    clear = chart([(*c, (255, 128, 0, 60)[i % 4]) for i, c in enumerate(COLOURS)], "RGBA")
    save("alpha.png", clear)
    save("alpha.webp", clear, quality=90, exact=True)
    save("alpha-lossless.webp", clear, lossless=True, exact=True)
    # For animations put together in the tests: one colour, and no patches to note.
    red = Image.new("RGB", (96, 64), (200, 0, 0))
    red.save("red.webp", lossless=True)
    red.save("red-lossy.webp", quality=90)
    red.putalpha(255)
    red.putpixel((95, 63), (200, 0, 0, 254))
    red.save("red-alpha.webp", quality=90)
    flat = chart().quantize(24)
    save("palette.gif", flat, transparency=flat.getpixel((5 * PATCH, PATCH)))
    save("palette.png", flat, transparency=bytes(range(0, 240, 10)))
    save("animated.webp", chart(), save_all=True, append_images=[chart(COLOURS[::-1])], quality=90)
    save("animated.gif", flat, save_all=True, append_images=[chart(COLOURS[::-1]).quantize(24)])
    cmyk()
    goldens()
    with open("patches.csv", "w", newline="") as f:
        csv.writer(f, lineterminator="\n").writerows(rows)


main()
