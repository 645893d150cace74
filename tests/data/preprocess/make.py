#!/usr/bin/python3
"""Makes the images and the pixel expectations of src/data/preprocess_test.cc with PIL and NumPy.

    /usr/bin/python3 tests/data/preprocess/make.py

Expectations: what torchvision's Resize(short side) and CenterCrop do on a PIL image, which is PIL's own
resize(BILINEAR) and a crop at round((size - crop) / 2). Made with Debian 12's python3-pil 9.4.
"""
import pathlib

import numpy as np
from PIL import Image

HERE = pathlib.Path(__file__).resolve().parent


def scene(width, height, seed):
    """Smooth gradients with sharp edges and a little noise."""
    rng = np.random.default_rng(seed)
    y, x = np.mgrid[0:height, 0:width]
    image = np.stack([x * 255 // width, y * 255 // height, (x + y) * 3 % 256], axis=2)
    image[height // 3:height // 2, width // 4:width // 2] = (250, 20, 90)
    return (image + rng.integers(0, 12, image.shape)).clip(0, 255).astype(np.uint8)


def resize_and_crop(image, resize, crop):
    width, height = image.size
    if width >= height:
        size = (int(resize * width / height), resize)
    else:
        size = (resize, int(resize * height / width))
    image = image.resize(size, Image.BILINEAR)
    left, top = round((image.width - crop) / 2.0), round((image.height - crop) / 2.0)
    return image.crop((left, top, left + crop, top + crop))


def main():
    wide = Image.fromarray(scene(61, 40, 1))
    tall = Image.fromarray(scene(33, 50, 2))
    wide.save(HERE / "wide.png", optimize=True)
    wide.save(HERE / "wide.jpg", quality=90)
    tall.convert("P").save(HERE / "palette.png", optimize=True)
    tall.convert("RGBA").save(HERE / "alpha.png", optimize=True)
    tall.convert("L").save(HERE / "gray.png", optimize=True)
    tall.save(HERE / "small.jpg", quality=85, subsampling=0)
    tall.convert("CMYK").save(HERE / "cmyk.jpg", quality=90)
    for name, resize, crop in (("wide.png", 24, 20), ("wide.jpg", 24, 20), ("palette.png", 21, 16),
                               ("alpha.png", 21, 16), ("gray.png", 40, 33), ("small.jpg", 50, 48),
                               ("cmyk.jpg", 24, 20)):
        image = Image.open(HERE / name).convert("RGB")
        np.save(HERE / (name + ".npy"), np.asarray(resize_and_crop(image, resize, crop)))


if __name__ == "__main__":
    main()
