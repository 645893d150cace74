#!/usr/bin/python3
"""Makes everything in examples/quickstart/models and data: generate, train, evaluate, export.

    /usr/bin/python3 examples/quickstart/make/make.py

Needs Debian's python3-torch, python3-pil and the fonts of fonts-dejavu-core, fonts-dejavu-extra,
fonts-liberation and fonts-freefont-ttf. This is also the way from PyTorch to quantbench: see export().
"""
import gzip
import pathlib
import struct
import time

import numpy as np
import torch
from torch import nn

import glyphs
import intents
import networks

HERE = pathlib.Path(__file__).resolve().parent.parent
MODELS, DATA = HERE / "models", HERE / "data"
MEAN, STD = 0.2, 0.3  # of glyph images scaled to 0..1


def train(model, inputs, labels, epochs, rate=2e-3, batch=128):
    optimizer = torch.optim.AdamW(model.parameters(), rate, weight_decay=0.01)
    steps = epochs * (len(labels) // batch)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, rate, total_steps=steps)
    model.train()
    for epoch in range(epochs):
        order, total, start = torch.randperm(len(labels)), 0.0, time.time()
        for i in range(len(labels) // batch):
            rows = order[i * batch:(i + 1) * batch]
            loss = nn.functional.cross_entropy(model(*(x[rows] for x in inputs)), labels[rows])
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            schedule.step()
            total += loss.item()
        print(f"  epoch {epoch}: loss {total / (len(labels) // batch):.3f}, {time.time() - start:.0f} s",
              flush=True)
    model.eval()


@torch.no_grad()
def accuracy(model, inputs, labels):
    right = 0
    for i in range(0, len(labels), 256):
        right += (model(*(x[i:i + 256] for x in inputs)).argmax(1) == labels[i:i + 256]).sum().item()
    return right / len(labels)


def export(model, example, path, names, dynamic):
    """The step from PyTorch to quantbench: one call, with free dimensions named.

    PRESERVE keeps BatchNormalization apart, as many published models have it; quantbench folds it.
    """
    torch.onnx.export(model, example, str(path), input_names=names, output_names=["logits"],
                      dynamic_axes=dynamic, opset_version=13,
                      training=torch.onnx.TrainingMode.PRESERVE)


def write_idx(path, array):
    """IDX, the format of the MNIST files: magic, sizes, bytes."""
    header = struct.pack(f">BBBB{array.ndim}I", 0, 0, 8, array.ndim, *array.shape)
    path.write_bytes(gzip.compress(header + array.tobytes(), 9, mtime=0))


def as_input(images):
    return torch.from_numpy((images.astype(np.float32) / 255 - MEAN) / STD)[:, None]


def make_glyphs():
    images, labels = glyphs.generate(1, 36 * 1100)
    test_images, test_labels = glyphs.generate(2, 36 * 75)
    calibration, _ = glyphs.generate(3, 36 * 7)
    write_idx(DATA / "glyph-test-images.idx3.gz", test_images)
    write_idx(DATA / "glyph-test-labels.idx1.gz", test_labels)
    write_idx(DATA / "glyph-calibration-images.idx3.gz", calibration)
    inputs, targets = as_input(images), torch.from_numpy(labels.astype(np.int64))
    test = as_input(test_images), torch.from_numpy(test_labels.astype(np.int64))
    for name, model, epochs in (("glyph_cnn", networks.GlyphCnn(), 4),
                                ("glyph_mlp", networks.GlyphMlp(), 24)):
        print(name, sum(p.numel() for p in model.parameters()), "parameters")
        train(model, [inputs], targets, epochs)
        print(f"  accuracy {accuracy(model, [test[0]], test[1]):.4f} on {len(test[1])} test images")
        export(model, inputs[:1], MODELS / f"{name}.onnx", ["input"],
               {"input": {0: "batch"}, "logits": {0: "batch"}})


def make_intents():
    ids, labels = intents.generate(11, 24000)
    test_ids, test_labels = intents.generate(12, 3000)
    intents.write_tsv(DATA / "intent-test.tsv", 12, 3000)
    intents.write_tsv(DATA / "intent-calibration.tsv", 13, 252)
    words = "\n".join(["[PAD]", "[UNK]", "[CLS]", *intents.vocabulary()])
    (DATA / "intent-vocabulary.txt").write_text(words + "\n")

    def tensors(rows):
        rows = torch.from_numpy(rows)
        return [rows, (rows != 0).to(torch.int64)]
    model = networks.IntentTransformer(len(intents.vocabulary()) + 3, len(intents.INTENTS))
    print("intent_transformer", sum(p.numel() for p in model.parameters()), "parameters")
    train(model, tensors(ids), torch.from_numpy(labels.astype(np.int64)), 5, 1e-3)
    right = accuracy(model, tensors(test_ids), torch.from_numpy(test_labels.astype(np.int64)))
    print(f"  accuracy {right:.4f} on {len(test_labels)} test sentences")
    axes = {0: "batch", 1: "seq"}
    export(model, tuple(x[:2, :16] for x in tensors(ids)), MODELS / "intent_transformer.onnx",
           ["input_ids", "attention_mask"],
           {"input_ids": axes, "attention_mask": axes, "logits": {0: "batch"}})


if __name__ == "__main__":
    glyphs.load_fonts()  # a missing font shall show before the training
    torch.manual_seed(7)
    MODELS.mkdir(exist_ok=True)
    DATA.mkdir(exist_ok=True)
    make_intents()
    make_glyphs()
