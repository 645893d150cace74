#!/usr/bin/python3
"""Every model under every recipe, in one Markdown table: what quantizing buys and what it costs.

  bench/models_table.py [--program build/release/quantbench] [--work DIR] [--recipes A,B] [--processes 5]
                        [--set MODEL:NAME=VALUE ...] [--beside DIR] MODEL.onnx [MODEL.onnx ...]

For each model all recipes are made with --no-verify, counted as the engine runs them (`inspect
--loaded`) and measured together with the original in fresh processes (`bench`, batch 1, 1 thread); the
output SQNR comes from `quantize` once more with verification. --set gives a free dimension of one
model ("clip:sequence=77"), or of all ("*:sequence=128"), or with --input of quantbench a constant
input ("silero*:input:sr=16000"). --beside: files DIR/MODEL.NAME.onnx that another tool quantized are
measured in the same runs, as rows of that NAME. What was measured is kept in DIR/rows.json: a run that was cut goes on
where it was; remove a model there, or the file, to measure again."""
import argparse
import fnmatch
import glob
import json
import os
import subprocess
import sys
import time


def run(command):
    """Exit status, parsed standard output, last line of standard error, seconds."""
    start = time.monotonic()
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    out, err = process.communicate()
    seconds = time.monotonic() - start
    try:
        data = json.loads(out)
    except ValueError:
        data = None
    lines = [line for line in err.splitlines() if line.strip()]
    return process.returncode, data, (lines[-1] if lines else ""), seconds


def settings(options, model):
    flags = []
    for entry in options.set:
        pattern, _, setting = entry.partition(":")
        if not fnmatch.fnmatch(model, pattern):
            continue
        if setting.startswith("input:"):
            flags += ["--input", setting[len("input:"):]]
        else:
            flags += ["--dim", setting]
    return flags


def facts(data, title):
    return {row["what"]: row["value"] for row in data[title]}


def quantize(options, path, recipe, out, flags):
    command = [options.program, "quantize", path, "--recipe", recipe, "-o", out, "--force", "--print", "json",
               "--samples", str(options.samples), "--vocabulary", str(options.vocabulary)] + flags
    code, data, error, seconds = run(command)
    if code != 0:
        return {"error": error}
    result = facts(data, "Result")
    return {"sqnr": result["output SQNR, worst output"].split(" (")[0], "time": result["time"], "seconds": seconds}


def census(options, out):
    code, data, error, _ = run([options.program, "inspect", out, "--loaded", "-o", "json"])
    if code != 0:
        return "does not load: " + error
    return facts(data, "Kernels")["products with weights that are integer kernels"]


def measure(options, path, files, flags):
    command = [options.program, "bench", path] + files + flags + [
        "--processes", str(options.processes), "--vocabulary", str(options.vocabulary), "-o", "json"]
    code, data, error, _ = run(command)
    return {os.path.basename(row["arm"]): row for row in data["Latency"]} if data and "Latency" in data else {"error": error}


def rows_of(options, path):
    """What the table tells of one model: a list of dicts, one a recipe."""
    name = os.path.basename(path).removesuffix(".onnx")
    before = os.path.getsize(path)
    flags = settings(options, name)
    made = {}
    for recipe in options.recipes.split(","):
        out = os.path.join(options.work, f"{name}.{recipe}.onnx")
        made[recipe] = (out, quantize(options, path, recipe, out, flags))
    others = glob.glob(os.path.join(glob.escape(options.beside), glob.escape(name) + ".*.onnx")) if options.beside else []
    made |= {os.path.basename(other)[len(name) + 1:-len(".onnx")]: (other, {"sqnr": "-"}) for other in sorted(others)}
    times = measure(options, path, [out for out, result in made.values() if "error" not in result], flags)
    rows = []
    for recipe, (out, result) in made.items():
        row = {"model": name, "recipe": recipe, "before": before}
        if "error" in result:
            rows.append({**row, "error": result["error"]})
            continue
        time_of = times.get(os.path.basename(out), {})
        rows.append({**row, "after": os.path.getsize(out), "sqnr": result["sqnr"], "kernels": census(options, out),
                     "faster": time_of.get("times faster"), "interval": time_of.get("95 %"), "by": time_of.get("by")})
        if out not in others:
            os.remove(out)
    return rows


def print_row(row):
    if "error" in row:
        print(f"| {row['model']} | {row['recipe']} | - | - | - | {row['error']} | - | - |", flush=True)
        return
    faster = "-" if row["faster"] is None else f"{row['faster']:.3g}" + (" (CPU)" if row["by"] == "CPU" else "")
    print(f"| {row['model']} | {row['recipe']} | {row['after'] / 1e6:.3g} | {row['before'] / row['after']:.2f} | "
          f"{faster} | {row['interval'] or '-'} | {row['sqnr']} | {row['kernels']} |", flush=True)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("models", nargs="+")
    parser.add_argument("--program", default="build/release/quantbench")
    parser.add_argument("--work", default="build/models_table")
    parser.add_argument("--recipes", default="dynamic-int8,static-int8,weight-int4,float16")
    parser.add_argument("--set", action="append", default=[])
    parser.add_argument("--beside", help="a folder of files that another tool quantized: MODEL.NAME.onnx")
    parser.add_argument("--samples", type=int, default=16)
    parser.add_argument("--vocabulary", type=int, default=1000)
    parser.add_argument("--processes", type=int, default=5)
    options = parser.parse_args()
    os.makedirs(options.work, exist_ok=True)
    kept = os.path.join(options.work, "rows.json")  # a model that is in it is not measured again
    known = {}
    if os.path.exists(kept):
        with open(kept, encoding="utf-8") as file:
            known = json.load(file)
    print("| model | recipe | MB | times smaller | times faster | 95 % | SQNR | integer kernels |")
    print("| --- | --- | ---: | ---: | ---: | --- | ---: | --- |", flush=True)
    for path in options.models:
        if path not in known:
            known[path] = rows_of(options, path)
            with open(kept, "w", encoding="utf-8") as file:
                json.dump(known, file, indent=1)
        for row in known[path]:
            print_row(row)
    return 0


if __name__ == "__main__":
    sys.exit(main())
