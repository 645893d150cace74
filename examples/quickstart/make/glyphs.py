"""Glyph images: 0-9 and A-Z from free fonts, distorted until a good network still errs sometimes."""
import glob

import numpy as np
from PIL import Image, ImageDraw, ImageFilter, ImageFont

CLASSES = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ"
SIDE = 28
FONT_FOLDERS = ("dejavu", "liberation", "freefont")
FACES = 49  # of Debian 12


def load_fonts():
    """Every upright and slanted text face of the three families, at drawing size."""
    paths = []
    for folder in FONT_FOLDERS:
        paths += sorted(glob.glob(f"/usr/share/fonts/truetype/{folder}/*.ttf"))
    paths = [path for path in paths if "Math" not in path]
    if len(paths) != FACES:  # with other faces the same seed draws other images
        raise SystemExit(f"glyphs: {len(paths)} font faces found, not {FACES}; install fonts-dejavu-core "
                         "fonts-dejavu-extra fonts-liberation fonts-freefont-ttf")
    return [ImageFont.truetype(path, 40) for path in paths]


def draw(rng, fonts, character):
    """One 28x28 uint8 image, bright on dark."""
    canvas = Image.new("L", (64, 64), 0)
    pen = ImageDraw.Draw(canvas)
    pen.text((32, 32), character, fill=255, font=fonts[rng.integers(len(fonts))], anchor="mm")
    angle = rng.normal(0, 8)
    shear = rng.normal(0, 0.12)
    sx, sy = rng.normal(1, 0.14, 2).clip(0.7, 1.4)
    cos, sin = np.cos(np.deg2rad(angle)), np.sin(np.deg2rad(angle))
    # Output to input coordinates about the centre, as PIL wants them.
    matrix = np.array([[cos, sin], [-sin, cos]]) @ np.array([[1 / sx, shear], [0, 1 / sy]])
    dx, dy = rng.normal(0, 1.8, 2)
    offset = np.array([32 + dx, 32 + dy]) - matrix @ np.array([32, 32])
    canvas = canvas.transform((64, 64), Image.AFFINE, (*matrix[0], offset[0], *matrix[1], offset[1]),
                              resample=Image.BILINEAR)
    canvas = canvas.filter(ImageFilter.GaussianBlur(rng.uniform(0.4, 1.8)))
    image = np.asarray(canvas.resize((SIDE, SIDE), Image.BILINEAR), dtype=np.float32)
    image *= rng.uniform(0.5, 1.0)
    for _ in range(rng.integers(0, 3)):  # scratches
        x, y = rng.integers(0, SIDE, 2)
        if rng.random() < 0.5:
            image[y:y + 2, :] *= 0.25
        else:
            image[:, x:x + 2] *= 0.25
    image += rng.normal(0, rng.uniform(5, 22), image.shape)
    return image.clip(0, 255).astype(np.uint8)


def generate(seed, count):
    """`count` images and their labels, every class equally often, shuffled."""
    rng = np.random.default_rng(seed)
    fonts = load_fonts()
    labels = rng.permutation(np.arange(count) % len(CLASSES)).astype(np.uint8)
    images = np.stack([draw(rng, fonts, CLASSES[label]) for label in labels])
    return images, labels
