#!/usr/bin/env python3
"""Plants a fault in a quantized model, asks `quantbench explain` for it, takes it out, and compares the
speed-up that explain promised with the one that `quantbench bench` measures.

  bench/planted_cases.py --models DIR [--program build/release/quantbench] [--work DIR] [CASE...]

DIR holds the fp32 models that the cases name (resnet50.onnx, mobilenetv2.onnx, bert.onnx, gpt2.onnx).
A case holds when both intervals meet and explain blames the planted reason. Times depend on the machine:
this is no test of the build. Cases whose fault only another tool writes need --peer, a command that is
given MODEL SCHEME OUT and options (ONNX Runtime's quantizers)."""
import argparse
import json
import pathlib
import subprocess
import sys

SEQ = ["--dim", "sequence=128"]
ONE = ["--dim", "sequence=1"]

STATIC = ["--recipe", "static-int8-fast"]
DYNAMIC = ["--recipe", "dynamic-int8"]


def keep_float(*patterns):
    return [word for pattern in patterns for word in ("--keep-float", pattern)]


def become(treatment, *patterns):
    return [word for pattern in patterns for word in ("--rule", f"{pattern}={treatment}")]


def projections(*layers):
    return [f"/layers.{layer}/*MatMul" for layer in layers]


# name: model, the reason that must be blamed, options of the planted and of the cured model, of running.
CASES = {
    "float islands": ("resnet50", "left in float",
                      STATIC + keep_float("*layer2.?/conv?/Conv", "*layer3.2/conv?/Conv", "*layer3.4/conv?/Conv"),
                      STATIC, []),
    "half left out": ("bert", "left in float", DYNAMIC + keep_float(*projections(0, 2, 4, 6, 8)), DYNAMIC, SEQ),
    # The engine makes them float32 when it loads them.
    "float16 layers": ("bert", "left in float", DYNAMIC + become("float16", *projections(1, 3, 5)), DYNAMIC, SEQ),
    "blocks, many rows": ("bert", "weights in blocks, many rows",
                          DYNAMIC + become("weight-int8", *projections(1, 3, 5)), DYNAMIC, SEQ),
    "16-bit layers": ("resnet50", "fusion blocked",
                      STATIC + become("static-int16", "*layer3.1/conv?/Conv", "*layer3.3/conv?/Conv"), STATIC, []),
    "16-bit projections": ("mobilenetv2", "fusion blocked",
                           STATIC + become("static-int16", "*features.12/conv/conv.2/Conv",
                                           "*features.14/conv/conv.2/Conv", "*features.15/conv/conv.2/Conv"),
                           STATIC, []),
    "one token, half left out": ("gpt2", "left in float",
                                 DYNAMIC + keep_float("/layers.1/*", "/layers.3/*", "/layers.5/*", "/layers.7/*"),
                                 DYNAMIC, ONE),
    "few bits as floats": ("gpt2", "few-bit weights decoded to float", "accuracy_level",
                           ["--recipe", "weight-int4"], ONE),
    "signed activations": ("mobilenetv2", "fusion blocked", ["peer", "static-minmax-qdq", "--act=s8"],
                           ["peer", "static-minmax-qdq", "--act=u8"], []),
    "signed activations, deep": ("resnet50", "fusion blocked", ["peer", "static-minmax-qdq", "--act=s8"],
                                 ["peer", "static-minmax-qdq", "--act=u8"], []),
    "depthwise as ConvInteger": ("mobilenetv2", "depthwise as ConvInteger", ["peer", "dynamic-u8"], "original", []),
    "convolutions as ConvInteger": ("resnet50", "ConvInteger", ["peer", "dynamic-u8"], "original", []),
}


def run(command):
    done = subprocess.run([str(word) for word in command], capture_output=True, text=True)
    if done.returncode != 0:
        raise SystemExit(f"{' '.join(map(str, command))}\n{done.stderr[-2000:]}")
    return done.stdout


def forget_accuracy_level(model, out):
    """Every second accuracy_level 4 becomes 0: the attribute's field i (tag 0x18) follows its name."""
    data = model.read_bytes()
    mark = b"accuracy_level\x18\x04"
    parts = data.split(mark)
    if len(parts) < 3:
        raise SystemExit(f"{model}: no accuracy_level to change")
    pieces = [parts[0]]
    for i, part in enumerate(parts[1:]):
        pieces += [b"accuracy_level\x18" + (b"\x00" if i % 2 else b"\x04"), part]
    out.write_bytes(b"".join(pieces))


class Maker:
    def __init__(self, options):
        self.options = options

    def make(self, model, how, out):
        if how == "original":
            return model
        if out.exists():
            return out
        if how == "accuracy_level":
            good = self.make(model, ["--recipe", "weight-int4"], out.with_suffix(".good.onnx"))
            forget_accuracy_level(good, out)
        elif how[0] == "peer":
            if not self.options.peer:
                return None
            run(self.options.peer.split() + [model, how[1], out, "--samples", "8"] + how[2:])
        else:
            run([self.options.program, "quantize", model, "-o", out, "--no-verify", "--samples", "8"] + how)
        return out if out.exists() else None


def explain(program, original, planted, flags):
    by_title = json.loads(run([program, "explain", original, planted, "--threads", "1", "-o", "json"] + flags))
    promise = by_title.get("With all that has an expected time cured", [])
    reasons = {row["reason"] for row in by_title.get("Why it is not faster", [])}
    if not promise:
        return reasons, None
    return reasons, tuple(promise[0][key] for key in ("times as fast as now", "at least", "at most"))


def measure(program, planted, cured, flags):
    row = json.loads(run([program, "bench", planted, cured, "--threads", "1", "--budget", "25", "-o", "json"]
                         + flags))["Latency"][1]
    if not row["95 %"]:
        raise SystemExit(f"bench printed no interval: {row['remark']}")
    low, high = map(float, row["95 %"].split(" to "))
    return row["times faster"], low, high


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--models", type=pathlib.Path, required=True)
    parser.add_argument("--program", default="build/release/quantbench")
    parser.add_argument("--work", type=pathlib.Path, default=pathlib.Path("/tmp/planted"))
    parser.add_argument("--peer", help="command of the peers' quantizer")
    parser.add_argument("cases", nargs="*", metavar="CASE")
    options = parser.parse_args()
    options.work.mkdir(parents=True, exist_ok=True)
    maker = Maker(options)
    held = tried = 0
    print("| planted | model | blamed | promised | measured | holds |\n| --- | --- | --- | --- | --- | --- |")
    for name, (stem, reason, planted, cured, flags) in CASES.items():
        if options.cases and name not in options.cases:
            continue
        original = options.models / f"{stem}.onnx"
        slug = name.replace(" ", "_").replace(",", "")
        bad = maker.make(original, planted, options.work / f"{slug}.planted.onnx")
        good = maker.make(original, cured, options.work / f"{slug}.cured.onnx")
        if bad is None or good is None:
            print(f"| {name} | {stem} | needs --peer | | | |", flush=True)
            continue
        reasons, promise = explain(options.program, original, bad, flags)
        seen = measure(options.program, bad, good, flags)
        meets = promise is not None and promise[1] <= seen[2] and seen[1] <= promise[2]
        holds = meets and reason in reasons
        tried += 1
        held += holds
        told = "none" if promise is None else f"{promise[0]:.2f} ({promise[1]:.2f} to {promise[2]:.2f})"
        print(f"| {name} | {stem} | {', '.join(sorted(reasons))} | {told} | "
              f"{seen[0]:.2f} ({seen[1]:.2f} to {seen[2]:.2f}) | {'yes' if holds else 'no'} |", flush=True)
    print(f"\n{held} of {tried} hold", file=sys.stderr)


main()
