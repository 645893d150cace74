#!/usr/bin/env python3
"""Four networks of PyTorch, each in every form that quantbench compares, and one study of all of them.

    four_models.py FOLDER           BERT base, DistilBERT, ResNet-18 and an LSTM: about 2 GB
    four_models.py FOLDER --tiny    the same networks with few and narrow layers: seconds, to try it

For each NAME of bert, distilbert, resnet18 and lstm it writes

    NAME.pt               the network, TorchScript
    NAME.torch-int8.pt    what PyTorch's own quantizer makes of it: dynamic, static (FX) for ResNet-18
    NAME.onnx             the same network for ONNX Runtime
    NAME.npz              samples

and study.toml, which adds what quantbench makes of NAME.pt and of NAME.onnx. Then:

    quantbench run FOLDER/study.toml

Weights are random, from a seed: sizes, times and how near int8 stays to float32 (SQNR) are real, accuracy there is
none. The networks are written here in plain PyTorch with the published geometries; torchvision and transformers
are not needed. Tried with PyTorch 1.13."""
import argparse
import pathlib
import sys

import numpy as np
import torch
from torch import nn

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))
from export import Flat, Input, export, toml_string, torch_quantized, write_torchscript  # noqa: E402

OPSET = 17


class Attention(nn.Module):
    def __init__(self, width, heads):
        super().__init__()
        self.heads, self.size = heads, width // heads
        self.query, self.key, self.value = nn.Linear(width, width), nn.Linear(width, width), nn.Linear(width, width)
        self.output = nn.Linear(width, width)

    def split(self, x):
        return x.view(x.size(0), x.size(1), self.heads, self.size).transpose(1, 2)

    def forward(self, x, bias):
        scores = self.split(self.query(x)) @ self.split(self.key(x)).transpose(2, 3) / self.size ** 0.5 + bias
        mixed = scores.softmax(-1) @ self.split(self.value(x))
        return self.output(mixed.transpose(1, 2).reshape(x.size(0), x.size(1), self.heads * self.size))


class Layer(nn.Module):
    def __init__(self, width, heads, inner):
        super().__init__()
        self.attention, self.after_attention = Attention(width, heads), nn.LayerNorm(width)
        self.up, self.down, self.after = nn.Linear(width, inner), nn.Linear(inner, width), nn.LayerNorm(width)

    def forward(self, x, bias):
        x = self.after_attention(x + self.attention(x, bias))
        return self.after(x + self.down(nn.functional.gelu(self.up(x))))


class Encoder(nn.Module):
    """A classifier of texts with the geometry of BERT [Devlin 2019], or of DistilBERT [Sanh 2019]: half the layers, no
    embedding of segments, another head."""

    def __init__(self, words, width, layers, heads, inner, longest, distilled):
        super().__init__()
        self.words, self.places = nn.Embedding(words, width), nn.Embedding(longest, width)
        self.segments = None if distilled else nn.Embedding(2, width)
        self.norm = nn.LayerNorm(width)
        self.layers = nn.ModuleList([Layer(width, heads, inner) for _ in range(layers)])
        self.pooler, self.classifier = nn.Linear(width, width), nn.Linear(width, 2)
        self.distilled = distilled
        self.register_buffer("place_ids", torch.arange(longest).unsqueeze(0))  # goes where the module goes
        for module in self.modules():
            if isinstance(module, (nn.Linear, nn.Embedding)):
                nn.init.normal_(module.weight, std=0.02)

    def forward(self, input_ids, attention_mask):
        x = self.words(input_ids) + self.places(self.place_ids[:, :input_ids.size(1)])
        if self.segments is not None:
            x = x + self.segments.weight[0]
        bias = (1 - attention_mask.to(x.dtype)).unsqueeze(1).unsqueeze(2) * -10000.0
        x = self.norm(x)
        for layer in self.layers:
            x = layer(x, bias)
        first = self.pooler(x[:, 0])
        return self.classifier(first.relu() if self.distilled else first.tanh())


class Block(nn.Module):
    def __init__(self, before, after, stride):
        super().__init__()
        self.conv1, self.norm1 = nn.Conv2d(before, after, 3, stride, 1, bias=False), nn.BatchNorm2d(after)
        self.conv2, self.norm2 = nn.Conv2d(after, after, 3, 1, 1, bias=False), nn.BatchNorm2d(after)
        self.relu1, self.relu2 = nn.ReLU(), nn.ReLU()
        same = stride == 1 and before == after
        self.shortcut = nn.Identity() if same else nn.Sequential(nn.Conv2d(before, after, 1, stride, bias=False),
                                                                 nn.BatchNorm2d(after))

    def forward(self, x):
        y = self.norm2(self.conv2(self.relu1(self.norm1(self.conv1(x)))))
        return self.relu2(y + self.shortcut(x))


class ResNet(nn.Sequential):
    """ResNet-18 [He 2016] at width 64; two blocks a stage."""

    def __init__(self, width, classes):
        blocks, before = [], width
        for stage in range(4):
            after = width << stage
            blocks += [Block(before, after, 1 if stage == 0 else 2), Block(after, after, 1)]
            before = after
        super().__init__(nn.Conv2d(3, width, 7, 2, 3, bias=False), nn.BatchNorm2d(width), nn.ReLU(),
                         nn.MaxPool2d(3, 2, 1), *blocks, nn.AdaptiveAvgPool2d(1), nn.Flatten(),
                         nn.Linear(before, classes))
        for module in self.modules():
            if isinstance(module, nn.Conv2d):
                nn.init.kaiming_normal_(module.weight, mode="fan_out", nonlinearity="relu")
            if isinstance(module, nn.BatchNorm2d):
                module.momentum = None  # statistics are plain means over the batches of build()


class Recurrent(nn.Module):
    """Two layers of LSTM over frames of features, a class from the last."""

    def __init__(self, features, width, classes):
        super().__init__()
        self.lstm, self.classifier = nn.LSTM(features, width, 2, batch_first=True), nn.Linear(width, classes)

    def forward(self, frames):
        return self.classifier(self.lstm(frames)[0][:, -1])


class Entry:
    """One network: how it is made, what it takes and how it is quantized."""

    def __init__(self, name, why, make, inputs, sizes, how, warm=None):
        self.name, self.why, self.make, self.inputs = name, why, make, [Input(text) for text in inputs]
        self.sizes, self.how, self.warm = sizes, how, warm  # sizes: of free dimensions; warm: of a batch

    def samples(self, count):
        generator = torch.Generator().manual_seed(2)
        arrays = {}
        for entry in self.inputs:
            shape = [count if dim == "batch" else self.sizes.get(dim) or int(dim) for dim in entry.dims]
            if entry.type.is_floating_point:
                arrays[entry.name] = torch.randn(shape, generator=generator)
            elif "mask" in entry.name:
                arrays[entry.name] = torch.ones(shape, dtype=entry.type)
            else:
                arrays[entry.name] = torch.randint(1, entry.limit, shape, generator=generator)
        return arrays


def entries(tiny, sequence):
    words, width, inner, heads = (300, 32, 64, 4) if tiny else (30522, 768, 3072, 12)
    side, channels, classes = (32, 8, 10) if tiny else (224, 64, 1000)
    features, state = (8, 16) if tiny else (40, 512)
    tokens = [f"input_ids=int64[batch,sequence]<{words}", "attention_mask=int64[batch,sequence]"]

    def encoder(layers, distilled):
        return lambda: Encoder(words, width, layers, heads, inner, 512, distilled)
    return [
        Entry("bert", "an encoder of texts: large products, embeddings that stay float32", encoder(2 if tiny else 12, False),
              tokens, {"sequence": sequence}, "dynamic"),
        Entry("distilbert", "the same with half the layers", encoder(1 if tiny else 6, True), tokens,
              {"sequence": sequence}, "dynamic"),
        Entry("resnet18", "a convolutional network: all of it can be computed on integers", lambda: ResNet(channels, classes),
              [f"image=float32[batch,3,{side},{side}]"], {}, "static", warm=[16, 3, side, side]),
        Entry("lstm", "a recurrent network: products with one row", lambda: Recurrent(features, state, 35),
              [f"frames=float32[batch,sequence,{features}]"], {"sequence": sequence}, "dynamic"),
    ]


@torch.no_grad()
def build(entry):
    """The module, ready to be exported; statistics of BatchNorm are those of a few batches, not 0 and 1."""
    torch.manual_seed(1)
    net = entry.make()
    for _ in range(4 if entry.warm else 0):
        net.train()(torch.randn(entry.warm))
    return Flat(net.eval(), None).eval()


def write_forms(entry, folder, samples):
    module, arrays = build(entry), entry.samples(samples)
    np.savez(folder / f"{entry.name}.npz", **{name: value.numpy() for name, value in arrays.items()})
    write_torchscript(module, entry.inputs, folder / f"{entry.name}.pt")
    export(module, entry.inputs, folder / f"{entry.name}.onnx", OPSET)
    quantized = torch_quantized(module, entry.inputs, arrays, entry.how)
    write_torchscript(quantized, entry.inputs, folder / f"{entry.name}.torch-int8.pt")


TEXT = """Weights are random, from a seed: sizes, times and how near int8 stays to float32 are real, accuracy there is none.

Each network stands here as TorchScript (the original); as PyTorch's own quantizer leaves it (torch-int8); as quantbench quantizes
the TorchScript file (dynamic-int8, static-int8), without Python; exported to ONNX in float32, for what another engine alone does
(onnx); and as quantbench quantizes that (onnx-dynamic-int8, onnx-static-int8). libtorch runs the .pt files, ONNX Runtime the .onnx
files, all in the same cell."""


def variant(name, why, quantizes, **keys):
    lines = ["", "[[variant]]", f"id = {toml_string(name)}"]
    lines += [f"{key.rstrip('_')} = {value}" for key, value in keys.items()]
    return lines + [f"why = {toml_string(why)}"] + ([f"quantizes = {toml_string(quantizes)}"] if quantizes else [])


def variants(models, samples):
    by_how = {how: [entry.name for entry in models if entry.how == how] for how in ("dynamic", "static")}
    lists = {how: "[" + ", ".join(map(toml_string, names)) + "]" for how, names in by_how.items()}
    calibrate = f"{{ samples = {samples} }}"
    dynamic, static = "weights of products and LSTM; activations while running", "weights and activations"
    lines = variant("torch-int8", "PyTorch's own quantizer: eager dynamic, FX static for ResNet-18",
                    "as dynamic-int8 and static-int8", path='"{model}.torch-int8.pt"')
    lines += variant("dynamic-int8", "the same by quantbench, from the .pt file", dynamic, recipe='"dynamic-int8"',
                     models=lists["dynamic"])
    lines += variant("static-int8", "the same by quantbench, from the .pt file", static, recipe='"static-int8"',
                     calibrate=calibrate, models=lists["static"])
    lines += variant("onnx", "float32 by the other engine: what of a gain is the engine's", "", path='"{model}.onnx"')
    lines += variant("onnx-dynamic-int8", "int8 by the other engine", dynamic, recipe='"dynamic-int8"',
                     from_='"{model}.onnx"', models=lists["dynamic"])
    lines += variant("onnx-static-int8", "int8 by the other engine", static, recipe='"static-int8"',
                     from_='"{model}.onnx"', calibrate=calibrate, models=lists["static"])
    return lines


def write_study(folder, models, samples, budget):
    lines = [f"# Written by four_models.py with PyTorch {torch.__version__}. docs/study-file.md explains every key.",
             "", "[study]", 'title = "Four networks as TorchScript: whose int8 is how fast, how small, how near?"',
             f'text = """\n{TEXT}"""', "repetitions = 10", f"budget_s = {budget}"]
    for entry in models:
        lines += ["", "[[model]]", f"id = {toml_string(entry.name)}", f"path = {toml_string(entry.name + '.pt')}",
                  f"why = {toml_string(entry.why)}", f"data = {toml_string(entry.name)}"]
        if entry.sizes:
            lines.append("dims = { " + ", ".join(f"{name} = {size}" for name, size in entry.sizes.items()) + " }")
        if entry.inputs[0].name == "input_ids":
            lines.append(f"vocabulary = {entry.inputs[0].limit}")
    lines += variants(models, samples)
    for entry in models:
        sources = ", ".join(f"{toml_string(one.name)} = {toml_string(one.name)}" for one in entry.inputs)
        lines += ["", f"[data.{entry.name}]", 'kind = "npz"', f"path = {toml_string(entry.name + '.npz')}",
                  f"inputs = {{ {sources} }}"]
    lines += ["", "[[hypothesis]]", 'id = "same-size"', 'text = "quantbench\'s and PyTorch\'s dynamic int8 are files of one size"',
              'why = "both store the same layers as int8; PyTorch keeps a little more code"', 'metric = "size.ratio"', 'arms = ["dynamic-int8", "torch-int8"]', 'expect = "1 +- 5 %"',
              "", "[[hypothesis]]", 'id = "faster"', 'text = "dynamic int8 is faster than float32 on one thread"',
              'why = "products of int8 move a quarter of the bytes, which pays where they are large"', 'metric = "latency.ratio"', 'arms = ["dynamic-int8", "original"]', 'expect = "< 1"']
    (folder / "study.toml").write_text("\n".join(lines) + "\n")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=pathlib.Path, help="where everything is written")
    parser.add_argument("--tiny", action="store_true", help="few and narrow layers")
    parser.add_argument("--sequence", type=int, default=64, help="tokens of a text, frames of a recording (at most 512)")
    parser.add_argument("--samples", type=int, default=32, help="samples of each network")
    parser.add_argument("--budget", type=float, default=20, help="budget_s of the study: seconds of measuring a network")
    options = parser.parse_args()
    if not 1 <= options.sequence <= 512 or options.samples < 1 or options.budget < 0:
        parser.error("--sequence lies between 1 and 512, --samples is at least 1, --budget at least 0")
    options.folder.mkdir(parents=True, exist_ok=True)
    models = entries(options.tiny, options.sequence)
    for entry in models:
        write_forms(entry, options.folder, options.samples)
        print(f"{entry.name}: .pt, .torch-int8.pt, .onnx, .npz", file=sys.stderr)
    write_study(options.folder, models, options.samples, options.budget)
    print(f"{options.folder}/study.toml: now `quantbench run {options.folder}/study.toml`")


if __name__ == "__main__":
    main()
