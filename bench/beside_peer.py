#!/usr/bin/env python3
"""Accuracy beside ONNX Runtime's own static quantizer: seven trained models, calibrated on the same samples
by both, scored on others.

  bench/beside_peer.py samples --assets DIR FOLDER    needs numpy and PIL
  bench/beside_peer.py peer FOLDER                    needs onnx and onnxruntime
  bench/beside_peer.py score FOLDER [--program build/release/quantbench] [--models A,B]

DIR is that of bench/real_models.py. `samples` parts each data set by a seeded shuffle: 128 samples to
calibrate on (32 where there are 128 in all, for text the training phrases beside it), as the model takes them
in one .npz that both read, and the rest to score. `peer` runs quantize_static (min-max, QDQ, weights int8 a
channel) after quant_pre_process, with activations as int8 (its default), as uint8, and as uint8 with 7-bit
weights (reduce_range). `score` quantizes by recipe, evaluates all arms on the samples that nobody
calibrated on, and prints a Markdown table: the change of the score against the original in points with its
paired 95 % interval. The three may run in different Pythons: all they share is FOLDER."""
import argparse
import json
import pathlib
import shutil
import subprocess
import sys

CALIBRATION = 128
CIFAR = {"stored": "nhwc", "scale": 1 / 255, "mean": [0.485, 0.456, 0.406], "std": [0.229, 0.224, 0.225]}
ARRAYS = {  # id: model, samples, labels, preprocess
    "resnet20": ("resnet20_cifar10", "cifar10_x_u8_nhwc.npy", "cifar10_y_i32.npy", CIFAR),
    "mnist_cnn": ("mnist_cnn", "t10k-images-idx3-ubyte.gz", "t10k-labels-idx1-ubyte.gz", {}),
    "kws_dscnn": ("kws_dscnn", "kws01_mfcc_i8_1000x49x10.npy", "kws01_y_i32.npy", {"mean": 83, "std": 1.7102685}),
    "vww_mobilenet": ("vww_mobilenetv1_025", "vww_x_u8_nhwc_96.npy", "vww_y_i32.npy",
                      {"stored": "nhwc", "scale": 1 / 255}),
}
PEERS = ["peer-s8", "peer-u8", "peer-u8-7bit"]
RECIPES = ["static-int8-fast", "static-int8", "static-int8-best", "w4a8"]


def parted(count):
    import numpy as np
    order = np.random.default_rng(1).permutation(count)
    calibrating = CALIBRATION if count > CALIBRATION else count // 4
    return np.sort(order[:calibrating]), np.sort(order[calibrating:])


def toml(settings):
    def value(of):
        return "[" + ", ".join(map(value, of)) + "]" if isinstance(of, list) else json.dumps(of)
    return "{ " + ", ".join(f"{key} = {value(of)}" for key, of in settings.items()) + " }"


def keep(assets, folder, name, model, calibration, scored):
    """The model; what both calibrate on, by input; the data set that is scored, as TOML."""
    import numpy as np
    shutil.copy(assets / f"models/{model}.onnx", folder / f"{name}.onnx")
    np.savez(folder / f"{name}.calibration.npz", **calibration)
    inputs = {key: f'{{ array = "{key}" }}' for key in calibration}
    (folder / f"{name}.calibration.toml").write_text(
        f'kind = "npz"\npath = "{name}.calibration.npz"\n[inputs]\n'
        + "".join(f'"{key}" = {rule}\n' for key, rule in inputs.items()))
    (folder / f"{name}.scored.toml").write_text(scored)
    print(name, {key: array.shape for key, array in calibration.items()}, flush=True)


def read_array(path):
    import gzip
    import numpy as np
    if path.suffix == ".npy":
        return np.load(path)
    data = gzip.decompress(path.read_bytes())  # IDX of bytes
    shape = [int.from_bytes(data[4 + 4 * i:8 + 4 * i], "big") for i in range(data[3])]
    return np.frombuffer(data, np.uint8, offset=4 + 4 * data[3]).reshape(shape)


def as_input(array, preprocess, shape):
    """As docs/study-file.md says: scale, mean and std, channels first."""
    import numpy as np
    channels_last = preprocess.get("stored") == "nhwc"
    array = array.astype(np.float32) * np.float32(preprocess.get("scale", 1))
    array = (array - np.float32(preprocess.get("mean", 0))) / np.float32(preprocess.get("std", 1))
    array = np.moveaxis(array, -1, 1) if channels_last else array
    return np.ascontiguousarray(array.reshape(len(array), *shape))


def arrays(assets, folder):
    import numpy as np
    shapes = {"resnet20": ("input", (3, 32, 32)), "mnist_cnn": ("Input3", (1, 28, 28)),
              "kws_dscnn": ("input", (1, 49, 10)), "vww_mobilenet": ("input", (3, 96, 96))}
    for name, (model, samples, labels, preprocess) in ARRAYS.items():
        data, truth = read_array(assets / "data" / samples), read_array(assets / "data" / labels)
        calibrating, scored = parted(len(data))
        np.save(folder / f"{name}.x.npy", data[scored])
        np.save(folder / f"{name}.y.npy", truth[scored].astype(np.int32))
        text = f'kind = "npy"\npath = "{name}.x.npy"\nlabels = "{name}.y.npy"\n'
        text += f"preprocess = {toml(preprocess)}\n" if preprocess else ""
        key, shape = shapes[name]
        keep(assets, folder, name, model, {key: as_input(data[calibrating], preprocess, shape)}, text)


def pixels(paths):
    import numpy as np
    from PIL import Image
    return np.stack([np.asarray(Image.open(path).convert("RGB")) for path in paths])


def images(assets, folder):
    source = assets / "data/imagenet_224"
    rows = [line.split(",") for line in (source / "labels.csv").read_text().split()[1:]]
    calibrating, scored = parted(len(rows))
    kept = folder / "imagenet"
    kept.mkdir(exist_ok=True)
    for i in scored:
        shutil.copy(source / rows[i][0], kept)
    (kept / "labels.csv").write_text("file,label\n" + "".join(f"{rows[i][0]},{rows[i][1]}\n" for i in scored))
    first = as_input(pixels([source / rows[i][0] for i in calibrating]), {"stored": "nhwc", "scale": 1 / 255},
                     (3, 224, 224))
    keep(assets, folder, "darknet_tiny", "darknet_tiny_imagenet", {"input": first},
         'kind = "image-folder"\npath = "imagenet"\nlabels = "imagenet/labels.csv"\n')


def boxes(assets, folder):
    from real_models import SIDE, boxes_as_coco
    source = assets / "data/coco128_val2017_352x352"
    paths = sorted(source.glob("*.jpg"))
    calibrating, scored = parted(len(paths))
    kept = folder / "coco"
    kept.mkdir(exist_ok=True)
    for i in scored:
        shutil.copy(paths[i], kept)
        shutil.copy(paths[i].with_suffix(".txt"), kept)
    (folder / "coco.json").write_text(json.dumps(boxes_as_coco(kept)))
    blue_first = pixels([paths[i] for i in calibrating])[..., ::-1]
    first = as_input(blue_first, {"stored": "nhwc", "scale": 1 / 255}, (3, SIDE, SIDE))
    keep(assets, folder, "fastestdet", "fastestdet_coco", {"input.1": first},
         f'kind = "coco"\npath = "coco"\nlabels = "coco.json"\n'
         f'preprocess = {{ size = [{SIDE}, {SIDE}], channels = "bgr" }}\n'
         'answer = { head = "fastestdet", score = 0.05, iou = 0.45 }\n')


def text(assets, folder):
    import numpy as np
    source = assets / "data/sst2"
    for file in ("dev872.tsv", "vocab.txt"):
        shutil.copy(source / file, folder)
    ids = np.load(source / "calib256_ids_i64_256x64.npy")[:CALIBRATION]
    keep(assets, folder, "sst2", "sst2_transformer", {"input_ids": ids, "attention_mask": (ids != 0).astype(np.int64)},
         'kind = "text"\npath = "dev872.tsv"\n'
         'text = { tokenizer = "vocab.txt", model = "words", max_length = 64 }\n')


class Reader:
    """What quantize_static asks for its samples: one by one."""

    def __init__(self, path):
        import numpy as np
        self.arrays = dict(np.load(path))
        self.next = 0

    def get_next(self):
        self.next += 1
        if self.next > len(next(iter(self.arrays.values()))):
            return None
        return {name: array[self.next - 1:self.next] for name, array in self.arrays.items()}


def made_ready(folder, name):
    """The model as the peer's own preparation leaves it, at an operator set that has scales per channel."""
    import onnx
    from onnxruntime.quantization.shape_inference import quant_pre_process
    model, ready = onnx.load(folder / f"{name}.onnx"), folder / f"{name}.ready.onnx"
    if model.opset_import[0].version < 13:
        model = onnx.version_converter.convert_version(model, 13)
    for skip_symbolic_shape in (False, True):
        try:
            quant_pre_process(model, str(ready), skip_symbolic_shape=skip_symbolic_shape)
            return ready
        except Exception as error:
            print(f"{name}: quant_pre_process: {type(error).__name__}: {str(error)[:200]}", flush=True)
    onnx.save(model, ready)
    return ready


def peer_quantizes(folder, name):
    import onnx.reference  # noqa: F401  before onnxruntime: where both share one libonnx, it must be first
    import onnxruntime.quantization as quantization
    ready = made_ready(folder, name)
    for arm in PEERS:
        activations = quantization.QuantType.QInt8 if arm == "peer-s8" else quantization.QuantType.QUInt8
        for per_channel in (True, False):
            try:
                quantization.quantize_static(str(ready), str(folder / f"{name}.{arm}.onnx"),
                                             Reader(folder / f"{name}.calibration.npz"), per_channel=per_channel,
                                             activation_type=activations, reduce_range=arm.endswith("7bit"))
                print(name, arm, "a scale a channel" if per_channel else "a scale a tensor", flush=True)
                break
            except Exception as error:
                print(f"{name} {arm}: {type(error).__name__}: {str(error)[:200]}", flush=True)


def named(folder, only):
    names = sorted(path.name.split(".")[0] for path in folder.glob("*.scored.toml"))
    return [name for name in names if not only or name in only.split(",")]


def score(folder, name, program):
    arms = [arm for arm in PEERS if (folder / f"{name}.{arm}.onnx").exists()]
    for recipe in RECIPES:
        out = folder / f"{name}.{recipe}.onnx"
        subprocess.run([program, "quantize", folder / f"{name}.onnx", "--recipe", recipe, "--calibrate",
                        folder / f"{name}.calibration.toml", "--samples", str(CALIBRATION), "-o", out, "--force",
                        "--no-verify"], check=True, capture_output=True)
        arms.append(recipe)
    files = [folder / f"{name}.onnx"] + [folder / f"{name}.{arm}.onnx" for arm in arms]
    done = subprocess.run([program, "eval", *files, "--data", folder / f"{name}.scored.toml", "-o", "json"],
                          capture_output=True, text=True)
    rows = json.loads(done.stdout)
    rows = rows if isinstance(rows, list) else next(iter(rows.values()))
    (folder / f"{name}.json").write_text(json.dumps(rows, indent=1))
    first = {row["arm"]: row for row in rows if row["score"] == rows[0]["score"]}
    original = first[f"{name}.onnx"]
    cells = {arm: f"{first[file]['change, 95 %']}; {first[file]['SQNR dB']} dB"
             for arm in arms if (file := f"{name}.{arm}.onnx") in first}
    heading = f"{name}, {float(original['n']):g} | {original['score']} {original['value']}"
    print(f"| {heading} | " + " | ".join(cells.get(arm, "-") for arm in PEERS + RECIPES) + " |", flush=True)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("step", choices=["samples", "peer", "score"])
    parser.add_argument("--assets", type=pathlib.Path)
    parser.add_argument("--program", default="build/release/quantbench")
    parser.add_argument("--models", help="some of them, joined by commas")
    parser.add_argument("folder", type=pathlib.Path)
    options = parser.parse_args()
    if options.step == "samples":
        if options.assets is None:
            sys.exit("samples needs --assets")
        options.folder.mkdir(parents=True, exist_ok=True)
        for make in (arrays, images, boxes, text):
            make(options.assets, options.folder)
        return
    if options.step == "score":
        print("| model, samples scored | original | " + " | ".join(PEERS + RECIPES) + " |")
        print("| --- " * (2 + len(PEERS + RECIPES)) + "|")
    for name in named(options.folder, options.models):
        if options.step == "peer":
            peer_quantizes(options.folder, name)
        else:
            score(options.folder, name, options.program)


if __name__ == "__main__":
    main()
