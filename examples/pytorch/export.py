#!/usr/bin/env python3
"""From PyTorch to quantbench: a module becomes model.onnx, samples.npz and study.toml.

    export.py resnet18                          a model of torchvision by its name
    export.py my_network.py:build               what the function `build` of a file returns

`build` returns a torch.nn.Module, or a pair of it and one group of example inputs (a tensor, a tuple, or a
dictionary by input name). Names and free dimensions of inputs come from --input, once for each:

    --input "pixels=float32[batch,3,224,224]"   --input "input_ids=int64[batch,sequence]<30522"

Dimensions that are words stay free in the ONNX model; "<30522" says that whole numbers lie below that.

Samples are made up, or come from --data my_network.py:samples, a function that yields (inputs, label) for
one sample each, without the batch dimension. Where there are no labels, the labels are what PyTorch
answers: accuracy then means agreement with PyTorch, and that of the original shows whether the export is
true. Then:

    quantbench check OUT/study.toml && quantbench run OUT/study.toml

--torchscript writes model.pt beside model.onnx, traced, with its inputs described inside; --torch-quantized
dynamic (or static) also model.dynamic.pt: what PyTorch's own quantizer makes of the module, calibrated on the
samples. Both for quantbench's torch engine:

    quantbench bench OUT/model.pt OUT/model.onnx

Tried with PyTorch 1.13 and 2.6."""
import argparse
import copy
import importlib.util
import inspect
import json
import pathlib
import re
import sys
import warnings

import numpy as np
import torch

TYPES = {"float32": torch.float32, "float16": torch.float16, "float64": torch.float64, "int64": torch.int64,
         "int32": torch.int32, "uint8": torch.uint8, "bool": torch.bool}
# What a free dimension is while the model is traced, and in made-up samples.
EXAMPLE_SIZES = {"batch": 2, "sequence": 16, "seq": 16, "height": 224, "width": 224}
OTHER_SIZE = 8
# Input of torchvision's models; the others take 224 x 224.
IMAGE_SIZES = {"inception_v3": 299, "googlenet": 224}
DETECTORS = {"ssdlite320_mobilenet_v3_large": 320, "ssd300_vgg16": 300, "fasterrcnn_resnet50_fpn": 800,
             "fasterrcnn_mobilenet_v3_large_320_fpn": 320, "fasterrcnn_mobilenet_v3_large_fpn": 800,
             "retinanet_resnet50_fpn": 800}
NUMERIC = re.compile(r"^\d+$")


def fail(text):
    print(f"export.py: error: {text}", file=sys.stderr)
    raise SystemExit(2)


class Input:
    """NAME=TYPE[d,d,...] with an optional <LIMIT of whole numbers."""

    def __init__(self, text):
        match = re.match(r"^([^=]+)=(\w+)\[([^\]]*)\](?:<(\d+))?$", text)
        if not match or match.group(2) not in TYPES:
            fail(f'--input "{text}": expected NAME=TYPE[batch,3,224,224], TYPE one of {", ".join(TYPES)}')
        self.name, self.type = match.group(1), TYPES[match.group(2)]
        self.dims = [dim.strip() for dim in match.group(3).split(",")] if match.group(3).strip() else []
        self.limit = int(match.group(4)) if match.group(4) else 1000

    def described(self):
        name = next(key for key, known in TYPES.items() if known is self.type)
        return {"name": self.name, "type": name,
                "dims": [int(dim) if NUMERIC.match(dim) else dim for dim in self.dims]}

    def free(self):
        return {axis: dim for axis, dim in enumerate(self.dims) if not NUMERIC.match(dim)}

    def example(self, generator, batch=None):
        sizes = [int(dim) if NUMERIC.match(dim) else EXAMPLE_SIZES.get(dim, OTHER_SIZE) for dim in self.dims]
        if batch is not None and self.dims and not NUMERIC.match(self.dims[0]):
            sizes[0] = batch
        if self.type.is_floating_point:
            return torch.randn(sizes, generator=generator).to(self.type)
        if "mask" in self.name:
            return torch.ones(sizes).to(self.type)
        limit = 2 if self.type is torch.bool or "type" in self.name else self.limit
        return torch.randint(0, limit, sizes, generator=generator).to(self.type)


class Flat(torch.nn.Module):
    """Gives a module's outputs as a tuple of tensors, whatever it returns (Hugging Face and torchvision
    return dictionaries), and remembers their names."""

    def __init__(self, module, by_name):
        super().__init__()
        self.module, self.by_name, self.names = module, by_name, []

    def forward(self, *inputs):
        out = self.module(**dict(zip(self.by_name, inputs))) if self.by_name else self.module(*inputs)
        pairs = []
        self.flatten(out, "", pairs)
        self.names = [name or ("output" if len(pairs) == 1 else f"output_{i}") for i, (name, _) in enumerate(pairs)]
        return tuple(value for _, value in pairs)

    def flatten(self, value, name, pairs):
        if isinstance(value, torch.Tensor):
            pairs.append((name, value))
        elif hasattr(value, "items"):
            for key, entry in value.items():
                self.flatten(entry, f"{name}_{key}" if name else str(key), pairs)
        elif isinstance(value, (list, tuple)):
            for i, entry in enumerate(value):
                self.flatten(entry, name if len(value) == 1 else f"{name}_{i}".lstrip("_"), pairs)


class Detector(torch.nn.Module):
    """torchvision's detectors take a list of images and answer with a list: here one image, [3, H, W]."""

    def __init__(self, module):
        super().__init__()
        self.module = module

    def forward(self, image):
        return self.module([image])[0]


def from_torchvision(name, weights):
    try:
        import torchvision
    except ImportError:
        fail(f'"{name}" is no FILE.py:FUNCTION, and torchvision is not installed')
    families = (torchvision.models, torchvision.models.segmentation, torchvision.models.detection)
    makers = [getattr(family, name) for family in families if callable(getattr(family, name, None))]
    if not makers or not name.islower():
        known = sorted(key for key in vars(torchvision.models) if key.islower() and callable(getattr(torchvision.models, key)))
        fail(f'torchvision {torchvision.__version__} has no model "{name}"; it has {", ".join(known)}')
    options = {"weights": weights}
    if "weights_backbone" in inspect.signature(makers[0]).parameters or name in DETECTORS:
        options["weights_backbone"] = None
    if name in ("googlenet", "inception_v3") and weights is None:
        options.update(init_weights=True, aux_logits=False)
    module = makers[0](**options).eval()
    if name in DETECTORS:
        size = DETECTORS[name]
        return Detector(module), [Input(f"image=float32[3,{size},{size}]")]
    size = IMAGE_SIZES.get(name, 224)
    return module, [Input(f"input=float32[batch,3,{size},{size}]")]


def from_file(text):
    path, _, function = text.rpartition(":")
    if not path.endswith(".py") or not pathlib.Path(path).is_file():
        fail(f'"{text}": expected FILE.py:FUNCTION, and there is no file "{path}"')
    sys.path.insert(0, str(pathlib.Path(path).resolve().parent))
    spec = importlib.util.spec_from_file_location(pathlib.Path(path).stem, path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    if not callable(getattr(module, function, None)):
        fail(f'{path} has no function "{function}"')
    return getattr(module, function)


def of_example(inputs):
    """Inputs of an example: the first dimension is the batch, all others are as they are."""
    if isinstance(inputs, torch.Tensor):
        inputs = (inputs,)
    named = inputs.items() if isinstance(inputs, dict) else ((f"input_{i}", x) for i, x in enumerate(inputs))
    found = []
    for name, value in named:
        dtype = next((key for key, known in TYPES.items() if known is value.dtype), None)
        if dtype is None:
            fail(f'example input "{name}" is {value.dtype}, not one of {", ".join(TYPES)}')
        limit = f"<{int(value.max()) + 1}" if dtype.startswith("int") and value.numel() else ""
        found.append(Input(f"{name}={dtype}[{','.join(['batch', *map(str, value.shape[1:])])}]{limit}"))
    return found


def load(options):
    if ":" in options.model:
        made = from_file(options.model)()
        module, example = made if isinstance(made, tuple) else (made, None)
        inputs = [Input(text) for text in options.input] or (of_example(example) if example is not None else [])
        if not inputs:
            fail("the inputs are not known: let the function return an example beside the module, or say --input")
        by_name = [entry.name for entry in inputs] if isinstance(example, dict) or options.by_name else None
    else:
        module, inputs = from_torchvision(options.model, options.weights)
        inputs, by_name = [Input(text) for text in options.input] or inputs, None
        if options.weights is None and not options.checkpoint:
            print("random weights: sizes and times are real, accuracy says nothing (--weights DEFAULT loads "
                  "trained ones, --checkpoint FILE your own)", file=sys.stderr)
    if not isinstance(module, torch.nn.Module):
        fail(f"{options.model} gave a {type(module).__name__}, not a torch.nn.Module")
    if options.checkpoint:
        safe = {"weights_only": True} if "weights_only" in inspect.signature(torch.load).parameters else {}
        module.load_state_dict(torch.load(options.checkpoint, map_location="cpu", **safe))
    return Flat(module, by_name).eval(), inputs


def export(module, inputs, path, opset):
    example = tuple(entry.example(torch.Generator().manual_seed(1)) for entry in inputs)
    with torch.no_grad():
        outputs = module(*example)
    axes = {entry.name: entry.free() for entry in inputs if entry.free()}
    batch = EXAMPLE_SIZES["batch"]
    has_batch = all(0 in entry.free() for entry in inputs)
    for name, value in zip(module.names, outputs):
        if has_batch and value.dim() > 0 and value.shape[0] == batch:
            axes[name] = {0: inputs[0].dims[0]}
            for axis in range(1, value.dim()):  # a free size of an input is that of an output, too
                for entry in inputs:
                    for place, dim in entry.free().items():
                        if place > 0 and value.shape[axis] == EXAMPLE_SIZES.get(dim, OTHER_SIZE) and axis == place:
                            axes[name][axis] = dim
    warnings.filterwarnings("ignore", module=r"torch\.onnx")  # of its own shape inference: quantbench needs none
    # The exporter by tracing knows every module that runs; newer versions have it behind this switch.
    by_tracing = {"dynamo": False} if "dynamo" in inspect.signature(torch.onnx.export).parameters else {}
    torch.onnx.export(module, example, str(path), input_names=[entry.name for entry in inputs],
                      output_names=list(module.names), dynamic_axes=axes, opset_version=opset, **by_tracing)
    return outputs


def write_torchscript(module, inputs, path):
    """Traced, with what TorchScript does not say of inputs and outputs in a file of the archive."""
    example = tuple(entry.example(torch.Generator().manual_seed(1)) for entry in inputs)
    with torch.no_grad():
        module(*example)  # the names of outputs
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of constants that a trace keeps: as with ONNX
            traced = torch.jit.trace(module, example, check_trace=False)
    described = {"inputs": [entry.described() for entry in inputs], "outputs": [{"name": n} for n in module.names]}
    torch.jit.save(traced, str(path), _extra_files={"quantbench.json": json.dumps(described)})


def quantized_engine():
    """The first of PyTorch's engines that this build has, of those that quantbench prefers."""
    for name in ("x86", "fbgemm", "onednn", "qnnpack"):
        if name in torch.backends.quantized.supported_engines:
            torch.backends.quantized.engine = name
            return name
    fail("this PyTorch has no engine of quantized arithmetic")


@torch.no_grad()
def torch_quantized(module, inputs, arrays, how):
    """What PyTorch's own quantizer makes of the module: "dynamic" (eager) or "static" (FX)."""
    engine = quantized_engine()
    quantization = torch.ao.quantization
    inner = copy.deepcopy(module.module)
    if how == "dynamic":
        kinds = {torch.nn.Linear, torch.nn.LSTM, torch.nn.GRU}
        made = quantization.quantize_dynamic(inner, kinds, dtype=torch.qint8)
    else:
        from torch.ao.quantization.quantize_fx import convert_fx, prepare_fx
        mapping = quantization.get_default_qconfig_mapping(engine)
        example = tuple(entry.example(torch.Generator().manual_seed(1)) for entry in inputs)
        made = prepare_fx(inner, mapping, example)
        samples = len(next(iter(arrays.values())))
        batched = all(0 in entry.free() for entry in inputs)
        for i in range(min(128, samples)):
            one = (arrays[entry.name][i:i + 1] if batched else arrays[entry.name][i] for entry in inputs)
            made(*one)
        made = convert_fx(made)
    return Flat(made, module.by_name).eval()


def collect(options, inputs):
    """Arrays of samples by input, and labels or None."""
    if options.data:
        rows, labels = [], []
        for i, sample in enumerate(from_file(options.data)()):
            if i == options.samples:
                break
            values, label = sample if isinstance(sample, tuple) and len(sample) == 2 else (sample, None)
            if not isinstance(values, (tuple, list, dict)):
                values = (values,)
            named = values if isinstance(values, dict) else dict(zip((entry.name for entry in inputs), values))
            missing = [entry.name for entry in inputs if entry.name not in named]
            if missing:
                fail(f'sample {i} of {options.data} has no "{missing[0]}"')
            rows.append({entry.name: torch.as_tensor(named[entry.name]).to(entry.type) for entry in inputs})
            labels.append(label)
        if not rows:
            fail(f"{options.data} yielded no sample")
        for entry in inputs:
            shapes = {tuple(row[entry.name].shape) for row in rows}
            if len(shapes) > 1:
                fail(f'samples of "{entry.name}" have shapes {sorted(shapes)[:3]}: pad them to one')
        arrays = {entry.name: torch.stack([row[entry.name] for row in rows]) for entry in inputs}
        return arrays, None if labels[0] is None else np.asarray([int(label) for label in labels], np.int64)
    generator = torch.Generator().manual_seed(2)
    if all(0 in entry.free() for entry in inputs):
        return {entry.name: entry.example(generator, options.samples) for entry in inputs}, None
    return {entry.name: torch.stack([entry.example(generator) for _ in range(options.samples)]) for entry in inputs}, None


@torch.no_grad()
def answers(module, inputs, arrays):
    """The class that PyTorch answers for each sample; None where the first output is no row of classes."""
    found = []
    if not all(0 in entry.free() for entry in inputs):
        return None
    for i in range(len(next(iter(arrays.values())))):
        first = module(*(arrays[entry.name][i:i + 1] for entry in inputs))[0]
        if first.dim() != 2 or first.shape[1] < 2:
            return None
        found.append(int(first.argmax(1)))
    return np.asarray(found, np.int64)


def toml_string(text):
    escaped = text.replace("\\", "\\\\").replace('"', '\\"')
    return '"' + "".join(c if c.isprintable() else f"\\u{ord(c):04x}" for c in escaped) + '"'


def write_study(path, name, inputs, arrays, of_pytorch):
    labelled, samples = "labels" in arrays, len(next(iter(arrays.values())))
    batched = all(0 in entry.free() for entry in inputs)
    dims = {dim: arrays[entry.name].shape[axis] for entry in inputs for axis, dim in entry.free().items() if axis > 0}
    wholes = [entry for entry in inputs if not entry.type.is_floating_point and "mask" not in entry.name]
    lines = [
        f"# {name}, exported from PyTorch {torch.__version__}. docs/study-file.md explains every key.",
        "", "[study]", f"title = {toml_string(f'What does quantizing {name} buy on this device?')}",
        "authors = []  # fill in: your group", "repetitions = 10",
        "", "[[model]]", f"id = {toml_string(name)}", 'path = "model.onnx"', 'why = ""  # fill in: why this model',
    ]
    lines += ['data = "samples"'] if batched else []
    if dims:
        sizes = ", ".join(f"{toml_string(dim)} = {size}" for dim, size in sorted(dims.items()))
        lines.append(f"dims = {{ {sizes} }}")
    if wholes:
        lines.append(f"vocabulary = {max(entry.limit for entry in wholes)}")
    if labelled:
        lines.append('metric = "top1"' + ("  # the labels are PyTorch's own answers: agreement with it" if of_pytorch else ""))
    calibrated = f"\ncalibrate = {{ samples = {min(128, samples)} }}" if batched else ""
    for recipe, why in (("static-int8", "integer arithmetic from end to end"),
                        ("dynamic-int8", "integer products, activations measured while running"),
                        ("float16", "half the bytes, float arithmetic")):
        lines += ["", "[[variant]]", f'id = "{recipe}"', f'recipe = "{recipe}"', f'why = "{why}"'
                  + (calibrated if recipe == "static-int8" else "")]
    if batched:
        sources = ", ".join(f"{toml_string(entry.name)} = {toml_string(entry.name)}" for entry in inputs)
        lines += ["", "[data.samples]", 'kind = "npz"', 'path = "samples.npz"', f"inputs = {{ {sources} }}"]
        lines += ['labels = "samples.npz"  # its member "labels"'] if labelled else []
        lines += ["", "[sweep]", "batch = [1, 2, 4, 8]"]
    lines += ["", "# What do you expect, and why? The first run freezes it by hash and time.", "[[hypothesis]]",
              'id = "h1"', 'text = "static int8 makes the file at least 3 times smaller"',
              'why = "8 bits of 32; scales and what stays float take a little"', 'metric = "size.ratio"',
              'arms = ["static-int8", "original"]', 'expect = "<= 0.333"']
    path.write_text("\n".join(lines) + "\n")


def write_torch_models(options, module, inputs, arrays, out):
    written = []
    if options.torchscript or options.torch_quantized:
        write_torchscript(module, inputs, out / "model.pt")
        written.append(out / "model.pt")
    for how in options.torch_quantized:
        try:
            made = torch_quantized(module, inputs, arrays, how)
            write_torchscript(made, inputs, out / f"model.{how}.pt")
        except Exception as error:  # of many kinds: FX cannot trace every module
            lines = [line for line in str(error).splitlines() if line.strip()] or [type(error).__name__]
            fail(f"PyTorch cannot quantize this module ({how}): {lines[0]}")
        written.append(out / f"model.{how}.pt")
    return written


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("model", help="a name of torchvision's models, or FILE.py:FUNCTION")
    parser.add_argument("--out", type=pathlib.Path, help="folder for the results (default: the model's name)")
    parser.add_argument("--input", action="append", default=[], help="NAME=TYPE[dims]; see above")
    parser.add_argument("--by-name", action="store_true", help="call the module with inputs by name, as Hugging Face's want")
    parser.add_argument("--weights", help='of torchvision, e.g. DEFAULT; downloads them')
    parser.add_argument("--checkpoint", help="a state_dict of the module, written by torch.save")
    parser.add_argument("--data", help="FILE.py:FUNCTION that yields (inputs, label)")
    parser.add_argument("--samples", type=int, default=64, help="how many to keep or to make up")
    parser.add_argument("--opset", type=int, default=17)
    parser.add_argument("--torchscript", action="store_true", help="also model.pt, traced, for the torch engine")
    parser.add_argument("--torch-quantized", choices=["dynamic", "static"], action="append", default=[],
                        help="also model.HOW.pt, quantized by PyTorch itself")
    options = parser.parse_args()
    if options.samples < 1:
        fail("--samples must be at least 1")
    name = re.sub(r"\W+", "_", options.model.rpartition(":")[0].split("/")[-1].replace(".py", "") or options.model)
    out = options.out or pathlib.Path(name)
    out.mkdir(parents=True, exist_ok=True)
    torch.manual_seed(0)
    module, inputs = load(options)
    arrays, labels = collect(options, inputs)
    export(module, inputs, out / "model.onnx", options.opset)
    written = write_torch_models(options, module, inputs, arrays, out)
    of_pytorch = labels is None
    if of_pytorch:
        labels = answers(module, inputs, arrays)
    if len({entry.name for entry in inputs} & {"labels"}):
        fail('an input may not be named "labels": that is the member of the labels')
    members = {entry: value.numpy() for entry, value in arrays.items()}
    if labels is not None:
        members["labels"] = labels
    np.savez(out / "samples.npz", **members)
    write_study(out / "study.toml", name, inputs, members, of_pytorch)
    for path in written:
        print(path)
    print(f"{out}/model.onnx, {out}/samples.npz, {out}/study.toml: now `quantbench run {out}/study.toml`")


if __name__ == "__main__":
    main()
