#!/usr/bin/env python3
"""Writes the study of real, trained models on real data: nine models, five variants each, what they cost in
accuracy on the same samples, the trade-off, and real inputs beside synthetic ones of the same size.

  bench/real_models.py --assets DIR FOLDER
  build/release/quantbench run FOLDER/study.toml        20 to 30 minutes on two cores

DIR holds models/ and data/ under the names below. FOLDER also gets coco.json, the boxes of the detector's
images in COCO's form: they come one text file an image (class, centre and size as shares)."""
import argparse
import json
import pathlib
import sys

MODELS = {  # id: file, data, and what else its table of the study says
    "darknet_tiny": ("darknet_tiny_imagenet", "imagenet", ""),
    "resnet20": ("resnet20_cifar10", "cifar", ""),
    "mnist_cnn": ("mnist_cnn", "mnist", ""),
    "kws_dscnn": ("kws_dscnn", "kws", ""),
    "vww_mobilenet": ("vww_mobilenetv1_025", "vww", ""),
    "fastestdet": ("fastestdet_coco", "coco", ""),
    "silero_vad": ("silero_vad_16k_op15", "vad", ""),
    "sst2": ("sst2_transformer", "sst2", "vocabulary = 8192\n"),
    "stories260k": ("stories260k", "stories", "vocabulary = 512\n"),
}
RECIPES = ["dynamic-int8", "static-int8", "weight-int8", "weight-int4", "float16"]
SIDE = 352  # pixels of the detector's images

HEAD = """\
[study]
title = "Real models on real data"
processes = 3
repetitions = 10
budget_s = 4
natural_batches = 48
margin = 0.01

[budget]
drop = 0.01

[sweep]
batch = [1]

"""

DATA = """\
[data.imagenet]
kind = "image-folder"
path = "{assets}/data/imagenet_224"
labels = "{assets}/data/imagenet_224/labels.csv"
[data.cifar]
kind = "npy"
path = "{assets}/data/cifar10_x_u8_nhwc.npy"
labels = "{assets}/data/cifar10_y_i32.npy"
preprocess = {{ stored = "nhwc", scale = 0.00392156862745098, mean = [0.485, 0.456, 0.406], std = [0.229, 0.224, 0.225] }}
[data.mnist]
kind = "idx"
path = "{assets}/data/t10k-images-idx3-ubyte.gz"
labels = "{assets}/data/t10k-labels-idx1-ubyte.gz"
[data.kws]
kind = "npy"
path = "{assets}/data/kws01_mfcc_i8_1000x49x10.npy"
labels = "{assets}/data/kws01_y_i32.npy"
preprocess = {{ mean = 83, std = 1.7102685 }}
[data.vww]
kind = "npy"
path = "{assets}/data/vww_x_u8_nhwc_96.npy"
labels = "{assets}/data/vww_y_i32.npy"
preprocess = {{ stored = "nhwc", scale = 0.00392156862745098 }}
[data.coco]
kind = "coco"
path = "{assets}/data/coco128_val2017_352x352"
labels = "{coco}"
preprocess = {{ size = [352, 352], channels = "bgr" }}
answer = {{ head = "fastestdet", score = 0.05, iou = 0.45 }}
[data.vad]
kind = "audio"
path = "{assets}/data/vad_wav16k"
labels = "{assets}/data/vad_wav16k"
audio = {{ step = 512, context = 64 }}
inputs = {{ sr = 16000, state = {{ feedback = "stateN" }} }}
[data.sst2]
kind = "text"
path = "{assets}/data/sst2/dev872.tsv"
text = {{ tokenizer = "{assets}/data/sst2/vocab.txt", model = "words", max_length = 64 }}
[data.stories]
kind = "tokens"
path = "{assets}/data/tinystories_tokens_i32_60x257.npy"
"""


def boxes_as_coco(folder):
    images, boxes = [], []
    for number, image in enumerate(sorted(folder.glob("*.jpg"))):
        images.append({"id": number, "file_name": image.name, "width": SIDE, "height": SIDE})
        for line in image.with_suffix(".txt").read_text().splitlines():
            label, x, y, width, height = map(float, line.split())
            left, top = max(0, (x - width / 2) * SIDE), max(0, (y - height / 2) * SIDE)
            boxes.append({"image_id": number, "category_id": int(label), "iscrowd": 0,
                          "bbox": [left, top, min(width * SIDE, SIDE - left), min(height * SIDE, SIDE - top)]})
    return {"images": images, "categories": [{"id": label} for label in range(80)], "annotations": boxes}


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--assets", type=pathlib.Path, required=True)
    parser.add_argument("folder", type=pathlib.Path)
    arguments = parser.parse_args()
    assets, folder = arguments.assets.resolve(), arguments.folder
    for file, _, _ in MODELS.values():
        if not (assets / f"models/{file}.onnx").exists():
            sys.exit(f"{assets / 'models' / file}.onnx: not there")
    folder.mkdir(parents=True, exist_ok=True)
    coco = folder.resolve() / "coco.json"
    coco.write_text(json.dumps(boxes_as_coco(assets / "data/coco128_val2017_352x352")))
    text = HEAD
    for name, (file, data, more) in MODELS.items():
        text += f'[[model]]\nid = "{name}"\npath = "{assets}/models/{file}.onnx"\ndata = "{data}"\n{more}\n'
    for recipe in RECIPES:
        text += f'[[variant]]\nid = "{recipe}"\nrecipe = "{recipe}"\n\n'
    (folder / "study.toml").write_text(text + DATA.format(assets=assets, coco=coco))
    print(folder / "study.toml")


if __name__ == "__main__":
    main()
