#!/usr/bin/env python3
"""Writes the study that says how long a whole study takes: four classifiers, four variants each, batches
1 to 32, accuracy on 2,000 samples; within 20 minutes on two cores, by the budget of its cells.

  bench/four_by_four.py --assets DIR [--small] FOLDER
  build/release/quantbench check FOLDER/study.toml
  build/release/quantbench run FOLDER/study.toml --dry-run     what it will do, and how long that may take
  time build/release/quantbench run FOLDER/study.toml

DIR holds models/resnet20_cifar10.onnx (ResNet-20, input [N,3,32,32]) and its test set as arrays,
data/cifar10_x_u8_nhwc.npy and data/cifar10_y_i32.npy; the other three networks and their data are those
of examples/quickstart. --small: batches 1 and 2 and 100 samples, a minute, to try the way."""
import argparse
import pathlib
import sys

STUDY = """\
# Made by bench/four_by_four.py: four classifiers, four variants, batches up to 32.

[study]
title = "Four classifiers, four ways to quantize them"
repetitions = 10
budget_s = {budget}           # of each of the {cells} cells
precision = 0.02
evaluate_samples = {samples}
margin = 0.01

[[model]]
id = "resnet20"
path = "{assets}/models/resnet20_cifar10.onnx"
why = "a residual network, trained on CIFAR-10"
data = "cifar"

[[model]]
id = "glyph_cnn"
path = "{quickstart}/models/glyph_cnn.onnx"
why = "depthwise separable convolutions, as on phones"
data = "glyphs"
calibrate = "glyphs-calibration"

[[model]]
id = "glyph_mlp"
path = "{quickstart}/models/glyph_mlp.onnx"
why = "nothing but large matrix products"
data = "glyphs"
calibrate = "glyphs-calibration"

[[model]]
id = "intent_transformer"
path = "{quickstart}/models/intent_transformer.onnx"
why = "a transformer encoder that classifies text"
data = "intents"
calibrate = "intents-calibration"
dims = {{ seq = 32 }}
vocabulary = 207
metric = "top1"

[[variant]]
id = "int8-static"
recipe = "static-int8"
calibrate = {{ samples = 128 }}

[[variant]]
id = "int8-dynamic"
recipe = "dynamic-int8"

[[variant]]
id = "int8-weights"
recipe = "weight-int8"

[[variant]]
id = "float16"
recipe = "float16"

[data.cifar]
kind = "npy"
path = "{assets}/data/cifar10_x_u8_nhwc.npy"
labels = "{assets}/data/cifar10_y_i32.npy"
preprocess = {{ stored = "nhwc", scale = 0.00392156862745098, mean = [0.485, 0.456, 0.406], std = [0.229, 0.224, 0.225] }}

[data.glyphs]
kind = "idx"
path = "{quickstart}/data/glyph-test-images.idx3.gz"
labels = "{quickstart}/data/glyph-test-labels.idx1.gz"
preprocess = {{ scale = 0.00392156862745098, mean = 0.2, std = 0.3 }}

[data.glyphs-calibration]
kind = "idx"
path = "{quickstart}/data/glyph-calibration-images.idx3.gz"
preprocess = {{ scale = 0.00392156862745098, mean = 0.2, std = 0.3 }}

[data.intents]
kind = "text"
path = "{quickstart}/data/intent-test.tsv"
text = {{ tokenizer = "{quickstart}/data/intent-vocabulary.txt", model = "words", max_length = 32 }}

[data.intents-calibration]
kind = "text"
path = "{quickstart}/data/intent-calibration.tsv"
text = {{ tokenizer = "{quickstart}/data/intent-vocabulary.txt", model = "words", max_length = 32 }}

[budget]
drop = 0.01

[sweep]
batch = {batches}
densify = false               # the number of cells is to be known before

[[hypothesis]]
id = "H1"
text = "static int8 is faster than the original at every batch"
metric = "latency.ratio"
arms = ["int8-static", "original"]
expect = "< 1"
why = "more integer than float lanes, a quarter of the bytes"

[[hypothesis]]
id = "H2"
text = "weight-only int8 costs at most half a point of accuracy"
metric = "accuracy.difference"
arms = ["int8-weights", "original"]
expect = ">= -0.005"
why = "activations stay float"
"""


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--assets", type=pathlib.Path, required=True)
    parser.add_argument("--small", action="store_true")
    parser.add_argument("folder", type=pathlib.Path)
    arguments = parser.parse_args()
    assets = arguments.assets.resolve()
    for name in ["models/resnet20_cifar10.onnx", "data/cifar10_x_u8_nhwc.npy", "data/cifar10_y_i32.npy"]:
        if not (assets / name).exists():
            sys.exit(f"{assets / name}: not there")
    batches = [1, 2] if arguments.small else [1, 2, 4, 8, 16, 32]
    arguments.folder.mkdir(parents=True, exist_ok=True)
    path = arguments.folder / "study.toml"
    path.write_text(STUDY.format(
        assets=assets, quickstart=pathlib.Path(__file__).resolve().parent.parent / "examples/quickstart",
        batches=batches, cells=4 * len(batches), budget=2 if arguments.small else 30,
        samples=100 if arguments.small else 2000))
    print(path)


if __name__ == "__main__":
    main()
